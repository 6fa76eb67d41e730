//! A directory of logs: who it belongs to, whether it was closed, and two offsets of each log.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use millrace_kafka_wire::{Str, Uuid};
use parking_lot::Mutex;

use crate::error::{LogError, OnDisk};
use crate::files::{Files, Lock, Open, make_dir, read_whole, replace};
use crate::names;

mod offsets;
mod properties;
mod reserve;

pub use offsets::OffsetKind;
pub use properties::DirProperties;

/// Names a partition as its directory does: `orders-3`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The name of the topic.
    pub topic: Str,
    /// From 0.
    pub partition: i32,
}

impl TopicPartition {
    /// What a directory of this name holds; `None` when it is no partition.
    pub fn from_dir_name(name: &str) -> Option<Self> {
        let (topic, partition) = name.rsplit_once('-')?;
        let is_number = partition.bytes().all(|byte| byte.is_ascii_digit());
        (is_number && !topic.is_empty()).then_some(())?;
        Some(Self {
            topic: topic.into(),
            partition: partition.parse().ok()?,
        })
    }
}

/// The name of its directory.
impl std::fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// A directory of logs that this process has for itself, until it is released or dropped.
pub struct LogDir {
    files: Arc<dyn Files>,
    path: PathBuf,
    /// Nobody has ever used a directory without the file of the lock.
    lock: Mutex<Option<Box<dyn Lock>>>,
}

impl LogDir {
    /// Takes a directory, which is made when it does not exist.
    ///
    /// # Durability
    /// On return its name is on the medium, and so are the names in it: a process that was killed
    /// may have made them and not come to sync them.
    ///
    /// # Errors
    /// Another process has it (the error's kind is `WouldBlock`), or the system refuses.
    pub fn open(files: Arc<dyn Files>, path: &Path) -> Result<Self, LogError> {
        make_dir(&*files, path).on_disk("make", path)?;
        let lock = path.join(names::LOCK);
        let taken = Self {
            lock: Mutex::new(Some(files.lock(&lock).on_disk("lock", &lock)?)),
            files,
            path: path.to_owned(),
        };
        taken.sync()?;
        Ok(taken)
    }

    /// Takes a directory to look at it: nothing is made or changed, also no file for the lock.
    ///
    /// # Errors
    /// As of [`LogDir::open`]; it does not exist.
    pub fn open_existing(files: Arc<dyn Files>, path: &Path) -> Result<Self, LogError> {
        files.list_dirs(path).on_disk("list", path)?;
        let lock = path.join(names::LOCK);
        Ok(Self {
            lock: Mutex::new(files.lock_existing(&lock).on_disk("lock", &lock)?),
            files,
            path: path.to_owned(),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory of one of its partitions.
    pub fn partition_path(&self, partition: &TopicPartition) -> PathBuf {
        self.path.join(partition.to_string())
    }

    /// Whether it was closed the last time that it was in use, which only the first call tells: the
    /// mark is gone from the disk when it returns, so that a crash from now on is one.
    ///
    /// # Errors
    /// The disk fails.
    pub fn take_clean_mark(&self) -> Result<bool, LogError> {
        let path = self.path.join(names::CLEAN_SHUTDOWN);
        match self.files.unlink(&path) {
            Ok(()) => {
                self.sync()?;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).on_disk("unlink", &path),
        }
    }

    /// Whether it was closed the last time that it was in use; the mark stays.
    ///
    /// # Errors
    /// The disk fails.
    pub fn has_clean_mark(&self) -> Result<bool, LogError> {
        let path = self.path.join(names::CLEAN_SHUTDOWN);
        match self.files.open(&path, Open::Read) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).on_disk("open", &path),
        }
    }

    /// Notes that all logs in it were closed, by a broker of this epoch.
    ///
    /// # Durability
    /// The note is on the medium on return.
    ///
    /// # Errors
    /// The disk fails.
    pub fn mark_clean(&self, broker_epoch: i64) -> Result<(), LogError> {
        let path = self.path.join(names::CLEAN_SHUTDOWN);
        let text = format!("{{\"version\":0,\"brokerEpoch\":{broker_epoch}}}");
        replace(&*self.files, &path, text.as_bytes()).on_disk("write", &path)
    }

    /// Lets others have the directory, also while threads that have ended with it still know it. Nothing
    /// in it may be written after that.
    pub fn release(&self) {
        *self.lock.lock() = None;
    }

    /// The partitions that have a directory in it, sorted.
    ///
    /// # Errors
    /// The disk fails.
    pub fn partitions(&self) -> Result<Vec<TopicPartition>, LogError> {
        let names = self.files.list_dirs(&self.path);
        let names = names.on_disk("list", &self.path)?;
        let mut found: Vec<_> = names
            .iter()
            .filter_map(|name| TopicPartition::from_dir_name(name))
            .collect();
        found.sort();
        Ok(found)
    }

    /// Removes the directory of a partition with all that is in it; there may be none.
    ///
    /// # Durability
    /// Its name is gone from the medium on return.
    ///
    /// # Errors
    /// The disk fails; a part of it may be gone.
    pub fn remove_partition(&self, partition: &TopicPartition) -> Result<(), LogError> {
        let path = self.partition_path(partition);
        let names = match self.files.list(&path) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error).on_disk("list", &path),
        };
        for name in names {
            let file = path.join(name);
            self.files.unlink(&file).on_disk("unlink", &file)?;
        }
        self.files.remove_dir(&path).on_disk("remove", &path)?;
        self.sync()
    }

    /// Makes what was made and removed in it durable.
    ///
    /// # Errors
    /// The disk fails.
    pub fn sync(&self) -> Result<(), LogError> {
        self.files.sync_dir(&self.path).on_disk("sync", &self.path)
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, LogError> {
        const LONGEST: u64 = 64 << 20;
        let path = self.path.join(name);
        read_whole(&*self.files, &path, LONGEST).on_disk("read", &path)
    }
}

/// Whether a file can be made in a directory and written to: better to know before a log needs it.
///
/// # Errors
/// What the system says.
pub fn check_writable(files: &dyn Files, dir: &Path) -> io::Result<()> {
    files.create_dir(dir)?;
    let path = dir.join(names::PROBE);
    files.open(&path, Open::Create)?;
    files.unlink(&path)
}

/// A new random identifier that Kafka's tools accept: it does not print with `-` at its start.
pub fn new_id(mut random: impl FnMut() -> [u8; 16]) -> Uuid {
    loop {
        let id = Uuid(random());
        if !id.is_zero() && id.0[..15] != [0; 15] && !id.to_string().starts_with('-') {
            return id;
        }
    }
}
