//! The directory that a backup or a restore makes: marked until it is whole, gone when it fails.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::error::{At, BackupError};
use super::link::sync_dir;

/// A directory with such a file is not whole.
pub const INCOMPLETE: &str = "INCOMPLETE";

/// A directory that is being made. Dropped before [`Making::finish`], it takes all that was made with
/// it, as far as the system lets it: what is left keeps the mark.
pub struct Making {
    dir: PathBuf,
    is_marked: bool,
    /// Those that did not exist, the outermost first.
    made: Vec<PathBuf>,
}

impl Making {
    /// Begins with a directory that must not exist, or be empty.
    ///
    /// # Durability
    /// The directory and its mark are on the medium on return.
    ///
    /// # Errors
    /// Something is in it, or the system refuses; nothing was made.
    pub fn begin(dir: &Path) -> Result<Self, BackupError> {
        let mut making = Self {
            dir: dir.to_owned(),
            is_marked: false,
            made: Vec::new(),
        };
        if !is_empty(dir)? {
            return Err(BackupError::new(dir, "it is not empty")
                .remedy("name a directory that is empty or does not exist"));
        }
        making.make_dirs()?;
        let mark = dir.join(INCOMPLETE);
        // Of two that begin at the same time it is the one that made the mark.
        let file = fs::File::create_new(&mark).at("make", &mark)?;
        making.is_marked = true;
        file.sync_all().at("sync", &mark)?;
        sync_dir(dir)?;
        Ok(making)
    }

    /// Makes the directory and those above it.
    fn make_dirs(&mut self) -> Result<(), BackupError> {
        let absolute = std::path::absolute(&self.dir).at("look at", &self.dir)?;
        let mut dirs: Vec<_> = absolute.ancestors().collect();
        dirs.reverse();
        for dir in dirs {
            match fs::create_dir(dir) {
                Ok(()) => self.made.push(dir.to_owned()),
                Err(_) if dir.is_dir() => continue,
                Err(error) => return Err(error).at("make", dir),
            }
            dir.parent().map_or(Ok(()), sync_dir)?;
        }
        Ok(())
    }

    /// Takes the mark away, when all else is on the medium.
    ///
    /// # Durability
    /// It is gone from the medium on return.
    pub fn finish(mut self) -> Result<(), BackupError> {
        sync_dir(&self.dir)?;
        let mark = self.dir.join(INCOMPLETE);
        fs::remove_file(&mark).at("remove", &mark)?;
        self.is_marked = false;
        self.made.clear();
        sync_dir(&self.dir)
    }

    /// Removes what is in it, the mark last.
    fn clear(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => fs::remove_dir_all(entry.path())?,
                false if entry.file_name() == INCOMPLETE => {}
                false => fs::remove_file(entry.path())?,
            }
        }
        fs::remove_file(self.dir.join(INCOMPLETE))
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        if self.is_marked && self.clear().is_err() {
            return;
        }
        for dir in self.made.iter().rev() {
            // One that others have put something in meanwhile is theirs.
            let _ = fs::remove_dir(dir);
        }
    }
}

fn is_empty(dir: &Path) -> Result<bool, BackupError> {
    match fs::read_dir(dir) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error).at("list", dir),
    }
}

/// Refuses a directory to be made that lies in another one, or is the same: what is made in it would
/// be taken for a part of that, which is told as `what`.
pub fn check_place(outer: &Path, what: &str, dir: &Path) -> Result<(), BackupError> {
    let outer = outer.canonicalize().at("look at", outer)?;
    match destination(dir)?.starts_with(&outer) {
        true => Err(BackupError::new(dir, format!("it is within the {what}"))
            .remedy("name a directory elsewhere")),
        false => Ok(()),
    }
}

/// Where a path leads once its directories are made: those that do not exist yet are no links.
fn destination(path: &Path) -> Result<PathBuf, BackupError> {
    let mut place = PathBuf::new();
    for part in std::path::absolute(path).at("look at", path)?.components() {
        match part {
            Component::ParentDir => drop(place.pop()),
            part => {
                place.push(part);
                place = place.canonicalize().unwrap_or(place);
            }
        }
    }
    Ok(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_finished_is_removed_with_the_directories_above_it() {
        let root = tempfile::tempdir().unwrap();
        let names = || fs::read_dir(root.path()).unwrap().count();
        let dir = root.path().join("nope/../d/evil");
        let making = Making::begin(&dir).unwrap();
        fs::create_dir(dir.join("orders-0")).unwrap();
        fs::write(dir.join("orders-0/x"), "x").unwrap();
        assert!(dir.join(INCOMPLETE).exists());
        drop(making);
        assert_eq!(names(), 0);

        Making::begin(&dir).unwrap().finish().unwrap();
        assert!(dir.exists() && !dir.join(INCOMPLETE).exists());
        fs::write(dir.join("x"), "x").unwrap();
        assert!(Making::begin(&dir).is_err());
        assert!(dir.join("x").exists());
    }

    #[test]
    fn who_begins_second_removes_nothing_of_the_first() {
        let root = tempfile::tempdir().unwrap();
        let first = Making::begin(root.path()).unwrap();
        assert!(Making::begin(root.path()).is_err());
        assert!(root.path().join(INCOMPLETE).exists());
        first.finish().unwrap();
        assert!(root.path().exists());
    }

    #[test]
    fn a_place_is_where_its_links_and_parents_lead() {
        let root = tempfile::tempdir().unwrap();
        let outer = root.path().join("outer");
        fs::create_dir(&outer).unwrap();
        std::os::unix::fs::symlink(&outer, root.path().join("link")).unwrap();
        let is_fine = |to: &str| check_place(&outer, "backup", &root.path().join(to)).is_ok();
        for within in ["outer", "outer/a/b", "nope/../link/in", "a/b/../../outer/c"] {
            assert!(!is_fine(within), "{within}");
        }
        for elsewhere in ["outer-2", "outer/../d", "link/../d", "nope/d"] {
            assert!(is_fine(elsewhere), "{elsewhere}");
        }
    }
}
