//! What can go wrong with a log.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::io::Errno;

use crate::names;

/// Why the log did not do what it was asked for. It concerns the whole partition; what is wrong
/// with one batch is a [`Refusal`](crate::Refusal).
#[derive(Clone, Debug)]
pub enum LogError {
    /// The disk failed in a way after which nothing that was not durable before can be trusted.
    /// The log takes no more calls that write; close it and open it again, on a sound disk.
    Disk {
        /// What was done, such as `read`.
        action: &'static str,
        /// To which file or directory.
        path: PathBuf,
        /// What the system says.
        error: Arc<io::Error>,
    },
    /// There is no room. Nothing was changed; reading and deleting go on.
    NoSpace {
        /// What was to be written.
        path: PathBuf,
    },
    /// The log failed before; see the first error.
    Failed,
    /// Bytes that were durable have changed. Nothing was cut: the file is as it was found.
    Corrupt(Corruption),
    /// The offset is not between the start and the end of the log.
    OutOfRange {
        /// The offset that was asked for.
        offset: i64,
        /// The least that would do.
        start: i64,
        /// The largest that would do.
        end: i64,
    },
    /// What a reader holds was cut off or deleted since; ask the log for a new snapshot.
    Gone {
        /// The file that is gone or shorter.
        path: PathBuf,
    },
    /// A small file beside the records cannot be read, or is not what Kafka writes; it is as it was
    /// found.
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// What the caller asks for contradicts what the log holds.
    Misuse(&'static str),
}

/// Where a log is damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corruption {
    /// The file.
    pub path: PathBuf,
    /// Where in the file the first byte lies that is no part of a sound batch.
    pub position: u64,
    /// The offset that the batch there should begin with, or a later one.
    pub offset: i64,
    /// What is wrong there.
    pub reason: String,
    /// The next sound batch in the log: its offset and its position, if it lies in the same file.
    pub next: Option<(i64, Option<u64>)>,
    /// The offset up to which the log was known to be durable.
    pub durable: i64,
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogError::Disk {
                action,
                path,
                error,
            } => write!(f, "{action} {}: {error}", path.display()),
            LogError::NoSpace { path } => {
                write!(f, "there is no room on the disk for {}", path.display())
            }
            LogError::Failed => write!(f, "the log failed before and must be opened again"),
            LogError::Corrupt(corruption) => corruption.fmt(f),
            LogError::OutOfRange { offset, start, end } => {
                write!(f, "offset {offset} is not within {start}..{end}")
            }
            LogError::Gone { path } => {
                write!(f, "{} was cut or deleted while it was read", path.display())
            }
            LogError::Malformed {
                path,
                reason,
                remedy,
            } => write!(f, "{}: {reason}; {remedy}", path.display()),
            LogError::Misuse(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for LogError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            LogError::Disk { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl LogError {
    /// Whether it is the device that has failed, or its file system, and not one file: what else lies
    /// there can be trusted as little.
    pub fn is_of_device(&self) -> bool {
        const OF_DEVICE: [Errno; 6] = [
            Errno::IO,
            Errno::NODEV,
            Errno::NXIO,
            Errno::REMOTEIO,
            Errno::ROFS,
            Errno::UCLEAN,
        ];
        let LogError::Disk { error, .. } = self else {
            return false;
        };
        let number = error.raw_os_error();
        number.is_some_and(|it| OF_DEVICE.contains(&Errno::from_raw_os_error(it)))
    }
}

impl Corruption {
    /// The directory of the partition.
    fn dir(&self) -> &Path {
        let name = self.path.file_name().and_then(|name| name.to_str());
        let is_file = name.and_then(names::parse).is_some();
        let dir = self.path.parent().filter(|_| is_file);
        dir.unwrap_or(&self.path)
    }
}

impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            position,
            offset,
            reason,
            next,
            durable,
        } = self;
        write!(
            f,
            "{} is damaged at position {position}, offset {offset}: {reason}; ",
            path.display()
        )?;
        match next {
            Some((next, Some(at))) => write!(
                f,
                "a sound batch with offset {next} follows at position {at}; "
            )?,
            Some((next, None)) => write!(
                f,
                "a sound batch with offset {next} follows in a later segment; "
            )?,
            None => {}
        }
        write!(
            f,
            "the log was durable up to offset {durable}, so nothing was cut: restore the file, \
             take the records from another replica, or stop the broker and cut the log: millrace \
             log repair {} --truncate-to {offset}",
            self.dir().display()
        )
    }
}

/// Says what was done to which file when the disk refused.
pub(crate) trait OnDisk<T> {
    fn on_disk(self, action: &'static str, path: &Path) -> Result<T, LogError>;
}

impl<T> OnDisk<T> for io::Result<T> {
    fn on_disk(self, action: &'static str, path: &Path) -> Result<T, LogError> {
        self.map_err(|error| match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => LogError::NoSpace {
                path: path.to_owned(),
            },
            _ => LogError::Disk {
                action,
                path: path.to_owned(),
                error: Arc::new(error),
            },
        })
    }
}
