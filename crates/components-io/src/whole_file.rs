//! Files that appear whole or not at all: they are written beside their place and moved there.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// How the names of files begin that are being written.
pub(crate) const UNFINISHED: &str = ".millrace-unfinished-";

/// How many files this process has begun: each has a name of its own.
static BEGUN: AtomicU64 = AtomicU64::new(0);

/// So many links in a row are followed, as by the operating system.
const LINKS_MAX: usize = 40;

/// Puts `content` in the place of what is at `path`; a reader sees the one or the other as a whole, and
/// after an error the file is as it was. Links stay, and so do the permissions of the file.
///
/// What is no file, such as a device or a named pipe, is written to. So is a file that cannot be
/// replaced because its folder takes no other one, or because it is mounted alone: a part of it may be
/// written there.
///
/// # Errors
/// It cannot be written.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let Some(place) = place_of(path)? else {
        return std::fs::write(path, content);
    };
    let written = Unfinished::beside(&place, |file| {
        file.write_all(content)?;
        match std::fs::metadata(&place) {
            Ok(before) => file.set_permissions(before.permissions()),
            // Nothing is replaced.
            Err(_) => Ok(()),
        }
    });
    match written.and_then(|it| it.finish(&place)) {
        Err(error) if is_of_folder(&error) => std::fs::write(path, content),
        done => done,
    }
}

/// The regular file that `path` leads to, which may be still to come; nothing when it is something
/// else.
fn place_of(path: &Path) -> io::Result<Option<PathBuf>> {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let found = match std::fs::symlink_metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Some(path)),
            found => found?,
        };
        if !found.is_symlink() {
            return Ok(found.is_file().then_some(path));
        }
        let folder = folder_of(&path);
        // A link of `/proc`, as behind `/dev/stdout`, stands for what is open: another file in its
        // place would not be it.
        if folder.canonicalize()?.starts_with("/proc") {
            return Ok(None);
        }
        path = folder.join(std::fs::read_link(&path)?);
    }
    Ok(None)
}

fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// Whether an error says that no other file can be put into the place of this one.
fn is_of_folder(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::ResourceBusy
    )
}

/// A file that is being written; it is gone from this name in the end.
pub(crate) struct Unfinished(PathBuf);

impl Unfinished {
    /// Writes a new file in the folder of `path`, which is made when it is missing.
    ///
    /// # Errors
    /// The folder or the file cannot be made, or what `fill` says.
    pub fn beside(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<Self> {
        let folder = path.parent().unwrap_or(Path::new(""));
        if !folder.as_os_str().is_empty() {
            std::fs::create_dir_all(folder)?;
        }
        let number = BEGUN.fetch_add(1, Ordering::Relaxed);
        let name = format!("{UNFINISHED}{}-{number}", std::process::id());
        let unfinished = Self(folder.join(name));
        fill(&mut File::create(&unfinished.0)?)?;
        Ok(unfinished)
    }

    /// Where it is until it is moved.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Moves the file to its place, over one that is there.
    ///
    /// # Errors
    /// It cannot be there, as where a folder is.
    pub fn finish(self, path: &Path) -> io::Result<()> {
        std::fs::rename(&self.0, path)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // After a move there is nothing to remove.
        let _moved = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn names(folder: &Path) -> usize {
        std::fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn what_cannot_be_written_whole_leaves_the_file_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        replace(&path, b"before").unwrap();
        let torn = Unfinished::beside(&path, |file| {
            file.write_all(b"a part")?;
            Err(ErrorKind::StorageFull.into())
        });
        assert!(torn.is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"before");
        assert_eq!(names(folder.path()), 1);
    }

    #[test]
    fn links_and_permissions_stay() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("real")).unwrap();
        symlink("real/file", at("one")).unwrap();
        symlink(at("one"), at("two")).unwrap();
        // The first one makes the file that the links lead to.
        for content in [&b"first"[..], b"second"] {
            replace(&at("two"), content).unwrap();
            assert_eq!(std::fs::read(at("real/file")).unwrap(), content);
            let private = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(at("real/file"), private).unwrap();
        }
        assert!(at("two").is_symlink() && at("one").is_symlink());
        let mode = std::fs::metadata(at("real/file"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_is_no_file_is_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        replace(Path::new("/dev/null"), b"gone").unwrap();
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, at("fifo"), fifo, 0o600.into(), 0).unwrap();
        // Of both ends, so that nobody waits.
        let options = File::options().read(true).write(true).open(at("fifo"));
        let mut pipe = options.unwrap();
        replace(&at("fifo"), b"through").unwrap();
        let mut seen = [0; 7];
        pipe.read_exact(&mut seen).unwrap();
        assert_eq!(&seen, b"through");

        // As `/dev/stdout` is, where it leads into a file.
        let open = File::create(at("open")).unwrap();
        let fd = std::os::fd::AsRawFd::as_raw_fd(&open);
        symlink(format!("/proc/self/fd/{fd}"), at("stdout")).unwrap();
        replace(&at("stdout"), b"out").unwrap();
        assert_eq!(open.metadata().unwrap().len(), 3);
        assert!(at("stdout").is_symlink());
    }
}
