//! `backup.json`: what a backup holds.
//!
//! ```json
//! { "version": 1, "cluster_id": "…", "node_id": 1, "directory_id": "…", "taken_at_ms": 1790000000000,
//!   "held_us": 1800, "metadata_end": 42, "checksum": 1234567890,
//!   "partitions": [ { "topic": "orders", "partition": 0, "start": 0, "end": 7, "first_dirty": 0,
//!                     "segments": [ { "base": 0, "bytes": 512 } ] } ] }
//! ```
//!
//! The checksum is the CRC-32C of the same without blanks and with 0 in its place. The metadata log is the partition `__cluster_metadata-0`. A segment may be longer than it says;
//! what is behind that is no part of the backup.

use std::fs;
use std::io::Write;
use std::path::Path;

use millrace_log::TopicPartition;
use serde::{Deserialize, Serialize};

use super::error::{At, BackupError};
use super::link::sync_dir;
use super::making::INCOMPLETE;

/// The file that says what a backup holds.
pub const MANIFEST: &str = "backup.json";
/// The version that is written, and read.
const VERSION: u64 = 1;
/// No manifest is larger, in bytes.
const LONGEST: u64 = 256 << 20;

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub version: u64,
    pub cluster_id: String,
    pub node_id: i32,
    pub directory_id: String,
    /// In milliseconds since 1970.
    pub taken_at_ms: i64,
    /// For how many microseconds decisions on transactions were held.
    pub held_us: u64,
    /// The offset behind the last metadata record.
    pub metadata_end: i64,
    /// Of all else; it is set when the manifest is written.
    pub checksum: u32,
    pub partitions: Vec<HeldPartition>,
}

/// A partition in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldPartition {
    pub topic: String,
    pub partition: i32,
    pub start: i64,
    pub end: i64,
    pub first_dirty: i64,
    pub segments: Vec<HeldSegment>,
}

/// A segment in a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldSegment {
    /// Its first offset, as in its name.
    pub base: i64,
    /// How much of the file belongs to it.
    pub bytes: u64,
}

impl HeldPartition {
    pub fn name(&self) -> TopicPartition {
        TopicPartition {
            topic: self.topic.as_str().into(),
            partition: self.partition,
        }
    }
}

impl Manifest {
    pub fn version() -> u64 {
        VERSION
    }

    /// That of all else in it.
    fn sum(&self) -> serde_json::Result<u32> {
        let bare = Self {
            checksum: 0,
            ..self.clone()
        };
        Ok(crc32c::crc32c(&serde_json::to_vec(&bare)?))
    }

    /// Writes it into a backup.
    ///
    /// # Durability
    /// It is on the medium on return.
    pub fn write(&self, dir: &Path) -> Result<(), BackupError> {
        let path = dir.join(MANIFEST);
        let bytes = self.sum().and_then(|checksum| {
            serde_json::to_vec(&Self {
                checksum,
                ..self.clone()
            })
        });
        let bytes = bytes.map_err(std::io::Error::other);
        let bytes = bytes.at("write", &path)?;
        let mut file = fs::File::create_new(&path).at("make", &path)?;
        file.write_all(&bytes).at("write", &path)?;
        file.sync_all().at("sync", &path)?;
        sync_dir(dir)
    }

    /// Reads that of a backup.
    ///
    /// # Errors
    /// There is none, the backup is not whole, or its version is not known.
    pub fn read(dir: &Path) -> Result<Self, BackupError> {
        let unfinished = dir.join(INCOMPLETE);
        if unfinished.try_exists().at("look for", &unfinished)? {
            return Err(BackupError::new(dir, "the backup was not taken to its end")
                .remedy("take another one with `millrace backup`, and remove this one"));
        }
        let path = dir.join(MANIFEST);
        let not_one = |reason: String| {
            BackupError::new(&path, reason)
                .remedy("name a directory that `millrace backup` has written")
        };
        let status = fs::symlink_metadata(&path);
        let status = status.map_err(|error| not_one(format!("there is no backup: {error}")))?;
        if !status.is_file() {
            return Err(not_one("there is no backup: it is not a file".to_owned()));
        }
        let size = status.len();
        if size > LONGEST {
            return Err(not_one(format!(
                "it has {size} bytes, more than any backup"
            )));
        }
        let bytes = fs::read(&path).at("read", &path)?;
        let malformed = |error: serde_json::Error| not_one(format!("it is damaged: {error}"));
        // The version comes first: other fields are those of this one.
        let any: serde_json::Value = serde_json::from_slice(&bytes).map_err(malformed)?;
        match any.get("version").and_then(serde_json::Value::as_u64) {
            Some(VERSION) => {
                let found: Self = serde_json::from_value(any).map_err(malformed)?;
                match found.sum().map_err(malformed)? == found.checksum {
                    true => Ok(found),
                    false => Err(
                        BackupError::new(&path, "it was changed: its checksum is wrong")
                            .remedy("the backup is damaged: restore another one"),
                    ),
                }
            }
            other => {
                let found = other.map_or("none".to_owned(), |it| it.to_string());
                let reason =
                    format!("its version is {found}, and this release reads version {VERSION}");
                Err(BackupError::new(&path, reason)
                    .remedy("restore it with the release that has written it"))
            }
        }
    }
}
