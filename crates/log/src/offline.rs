//! The files of a partition that no broker has open: what is in them, whether it is sound, and how
//! an operator cuts them.
//!
//! Nothing here believes what a file says of itself. Memory is bounded: by a window for a segment,
//! by [`LONGEST_RECORDS`] for the records of one batch, by 64 MiB for any other file.

use std::fmt;
use std::path::PathBuf;

use crate::error::LogError;

mod cut;
mod derived;
mod segment;
mod verify;

pub use cut::{CutPlan, CutRefused, Gone};
pub use derived::{
    Entries, OffsetIndexEntry, TimeIndexEntry, read_offset_index, read_producers, read_time_index,
    read_txn_index,
};
pub use segment::{Batches, FoundBatch, LONGEST_RECORDS, SegmentFile};
pub use verify::{Damaged, Meaning, State, Verification, verify};

/// What a file of a partition is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// `.log`.
    Segment,
    /// `.index`.
    OffsetIndex,
    /// `.timeindex`.
    TimeIndex,
    /// `.txnindex`.
    TxnIndex,
    /// `.snapshot`.
    Producers,
}

/// What a file is and the offset in its name; `None` when it is no file of a partition. What waits
/// to be removed or swapped in, such as `….log.deleted`, is what it was.
pub fn kind_of(name: &str) -> Option<(FileKind, i64)> {
    use crate::names::{CLEANED, DELETED, INDEX, LOG, SNAPSHOT, SWAP, TIME_INDEX, TXN_INDEX};
    let (offset, suffix) = crate::names::parse(name)?;
    let marked = [CLEANED, DELETED, SWAP].into_iter();
    let mut unmarked = marked.filter_map(|mark| suffix.strip_suffix(mark)?.strip_suffix('.'));
    let kind = match unmarked.next().unwrap_or(suffix) {
        LOG => FileKind::Segment,
        INDEX => FileKind::OffsetIndex,
        TIME_INDEX => FileKind::TimeIndex,
        TXN_INDEX => FileKind::TxnIndex,
        SNAPSHOT => FileKind::Producers,
        _ => return None,
    };
    Some((kind, offset))
}

/// Where a file is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// The first byte that is no part of anything sound.
    pub position: u64,
    /// The offset that what lies there should have, or a later one.
    pub offset: i64,
    /// What is wrong there.
    pub reason: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            position,
            offset,
            reason,
        } = self;
        let path = path.display();
        write!(
            f,
            "{path} at position {position}, offset {offset}: {reason}"
        )
    }
}

/// Why a file cannot be read on.
#[derive(Clone, Debug)]
pub enum ReadError {
    /// The disk refuses, or the file is larger than any of its kind.
    Log(LogError),
    /// It is damaged.
    Damaged(Damage),
}

impl From<LogError> for ReadError {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(error) => error.fmt(f),
            Self::Damaged(damage) => damage.fmt(f),
        }
    }
}

impl std::error::Error for ReadError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_name() {
        let name = |suffix: &str| format!("00000000000000000042.{suffix}");
        assert_eq!(kind_of(&name("log")), Some((FileKind::Segment, 42)));
        assert_eq!(kind_of(&name("log.deleted")), Some((FileKind::Segment, 42)));
        assert_eq!(
            kind_of(&name("index.swap")),
            Some((FileKind::OffsetIndex, 42))
        );
        assert_eq!(kind_of(&name("snapshot")), Some((FileKind::Producers, 42)));
        for other in ["x", "log.tmp", "logdeleted"] {
            assert_eq!(kind_of(&name(other)), None, "{other}");
        }
        assert_eq!(kind_of("leader-epoch-checkpoint"), None);
    }
}
