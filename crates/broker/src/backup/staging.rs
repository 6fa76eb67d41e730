//! Where files are linked to first when the backup lies on another file system than they do.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use millrace_log::TopicPartition;
use rustix::fs::{FlockOperation, flock};

use super::error::{At, BackupError};

/// A directory of links in a data directory begins so; it is no name of a partition.
const PREFIX: &str = ".backup.";

/// For each data directory, where its files are linked to: the backup itself, or a directory beside
/// them, from where they are copied at leisure.
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
    pub fn for_dirs(
        dirs: &[PathBuf],
        target: &Path,
        can_link: impl Fn(&Path, &Path) -> Result<bool, BackupError>,
    ) -> Result<Self, BackupError> {
        let stages = dirs.iter().map(|dir| {
            clear(dir)?;
            match can_link(dir, target)? {
                true => Ok(None),
                false => Stage::new(dir).map(Some),
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
        for stage in self.dirs.into_iter().flatten() {
            fs::remove_dir_all(&stage.path).at("remove", &stage.path)?;
        }
        Ok(())
    }
}

impl Stage {
    fn new(dir: &Path) -> Result<Self, BackupError> {
        let path = dir.join(format!("{PREFIX}{}", uuid::Uuid::new_v4().simple()));
        fs::create_dir(&path).at("make", &path)?;
        let lock = File::open(&path).at("open", &path)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(std::io::Error::from)
            .at("lock", &path)?;
        Ok(Self { path, _lock: lock })
    }
}

/// Removes the directories of links whose makers are gone.
fn clear(dir: &Path) -> Result<(), BackupError> {
    for name in millrace_log::Files::list_dirs(&millrace_log::Disk, dir).at("list", dir)? {
        if !name.starts_with(PREFIX) {
            continue;
        }
        let path = dir.join(name);
        let stage = File::open(&path).at("open", &path)?;
        if flock(&stage, FlockOperation::NonBlockingLockExclusive).is_ok() {
            fs::remove_dir_all(&path).at("remove", &path)?;
        }
    }
    Ok(())
}
