//! Where files are linked to first when the backup lies on another file system than they do.
//!
//! What is linked stays on the disk when the broker deletes it. So a directory of links goes with the
//! backup that it is for: who takes the backup removes it, whether it works or not; where that process
//! is killed, the broker does, which hears that its connection is gone. When neither is there to do it,
//! the next start of the broker does, or the next backup.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use millrace_log::{Disk, Files, TopicPartition};
use rustix::fs::{FlockOperation, flock};

use super::cut::Cut;
use super::error::{At, BackupError};

/// A directory of links in a data directory begins so; it is no name of a partition.
const PREFIX: &str = ".backup.";

/// The name of a directory of links that nothing else has.
pub fn name_for(id: [u8; 16]) -> String {
    format!("{PREFIX}{}", uuid::Uuid::from_bytes(id).simple())
}

/// For each data directory, where its files are linked to: the backup itself, or a directory beside
/// them, from where they are copied at leisure. It is removed with the value.
pub struct Staging {
    target: PathBuf,
    dirs: Vec<Option<Stage>>,
}

/// A directory that nobody else removes as long as its lock is held.
struct Stage {
    path: PathBuf,
    _lock: File,
}

impl Staging {
    /// Removes what others have left that are gone, and makes what is needed.
    pub fn for_cut(
        cut: &Cut,
        target: &Path,
        can_link: impl Fn(&Path, &Path) -> Result<bool, BackupError>,
    ) -> Result<Self, BackupError> {
        let stages = cut.dirs.iter().map(|dir| {
            clear(dir).at("clear", dir)?;
            match can_link(dir, target)? {
                true => Ok(None),
                false => Stage::new(dir.join(&cut.staging)).map(Some),
            }
        });
        Ok(Self {
            dirs: stages.collect::<Result<_, _>>()?,
            target: target.to_owned(),
        })
    }

    /// Where the files of a partition are linked to that lies in one of the directories.
    pub fn place(&self, dir: usize, partition: &TopicPartition) -> PathBuf {
        let stage = self.dirs.get(dir).and_then(Option::as_ref);
        let place = stage.map_or(&self.target, |it| &it.path);
        place.join(partition.to_string())
    }

    /// Removes the links, after what they lead to was copied.
    pub fn remove(self) -> Result<(), BackupError> {
        let mut stages = self.dirs.iter().flatten();
        stages.try_for_each(|it| fs::remove_dir_all(&it.path).at("remove", &it.path))
    }
}

impl Stage {
    fn new(path: PathBuf) -> Result<Self, BackupError> {
        fs::create_dir(&path).at("make", &path)?;
        let lock = File::open(&path).at("open", &path)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(io::Error::from)
            .at("lock", &path)?;
        Ok(Self { path, _lock: lock })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // It is gone where all went well; what is left is left to the broker.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Has no links left in a data directory of backups whose makers are gone, and says so.
pub fn clear_given_up(dir: &Path) {
    tell(dir, clear(dir));
}

/// Has no directory of links of this name left in a data directory, whose maker is gone, and says so.
pub fn remove_given_up(dir: &Path, name: &str) {
    tell(&dir.join(name), remove(dir, name));
}

/// Says what became of the links of a backup that was given up.
fn tell(path: &Path, is_removed: io::Result<bool>) {
    let path = path.display();
    match is_removed {
        Ok(false) => {}
        Ok(true) => tracing::info!(%path, "removed the links of a backup that was given up"),
        Err(error) => {
            tracing::warn!(%path, %error, "cannot remove the links of a backup that was given up: \
                 they keep files on the disk; the next start does it");
        }
    }
}

/// Removes the directories of links in a data directory whose makers are gone; whether there were any.
///
/// # Errors
/// The system refuses.
fn clear(dir: &Path) -> io::Result<bool> {
    let mut is_cleared = false;
    for name in Disk.list_dirs(dir)? {
        if name.starts_with(PREFIX) && !is_held(&dir.join(&name))? {
            is_cleared |= remove(dir, &name)?;
        }
    }
    Ok(is_cleared)
}

fn is_held(stage: &Path) -> io::Result<bool> {
    let stage = File::open(stage)?;
    Ok(flock(&stage, FlockOperation::NonBlockingLockExclusive).is_err())
}

/// Removes a directory of links from a data directory, whose maker is gone; whether there was one.
///
/// # Errors
/// The system refuses.
fn remove(dir: &Path, name: &str) -> io::Result<bool> {
    match fs::remove_dir_all(dir.join(name)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
