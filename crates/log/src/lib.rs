//! The log of one partition: record batches in segments in one directory, byte for byte as Kafka
//! lays them out.
//!
//! A [`Log`] has one owner, who appends, truncates and deletes, and gives [`Snapshot`]s to the
//! threads that read. It has no thread and no clock of its own: time is an argument, and the disk
//! is behind [`Files`].
//!
//! What it is not: it knows no high watermark but the one it is told, no replicas, no network.
//!
//! # Durability
//!
//! An append is written, not durable. The owner takes what is to be synced with
//! [`Log::take_dirty`], has it synced on any thread with [`Dirty::sync`], and gives the outcome
//! back to [`Log::synced`]; then everything up to [`Log::durable_end`] survives a power loss, with
//! the files and directories that are needed to find it. A sync that fails is never tried again:
//! the log has failed, and takes no more writes.
//!
//! The owner of the whole log directory, [`LogDir`], keeps two offsets for each partition, as Kafka does: the
//! recovery point, which is [`Log::durable_end`] at some time, and the start of the log; and where
//! a log is compacted a third, [`Log::first_dirty_offset`] at some time. It gives them back in
//! [`Opening`]. What lies below the recovery point was durable, so [`Log::open`] never cuts there.
//!
//! # Compaction
//!
//! [`Log::plan_cleaning`] plans a pass, [`Cleaning::run`] does it on any thread, a segment a call,
//! and [`Log::finish_cleaning`] puts the segment in its place. See [`Compaction`] for when one is
//! due and [`Cleaning`] for what it keeps.
//!
//! # Offline
//!
//! [`offline`] reads the files of a partition that no broker has open, says what is wrong with
//! them, and cuts them where an operator says so.

mod batch;
mod beside;
mod clean;
mod damage;
mod dir;
mod epochs;
mod error;
pub mod files;
mod index;
mod log;
mod metadata;
mod names;
pub mod offline;
mod producer;
mod read;
mod segment;
mod time;
mod txn_index;
mod validate;
mod walk;

pub use batch::Batch;
pub use beside::{list_beside, read_beside, remove_beside, write_beside};
pub use clean::{Cleaned, Cleaning, CleaningTools, Compaction, Compress};
pub use dir::{DirProperties, LogDir, OffsetKind, TopicPartition, check_writable, new_id};
pub use epochs::{EpochStart, LeaderEpochs};
pub use error::{Corruption, LogError};
pub use files::{Disk, File, Files};
pub use log::{
    Appended, Config, Cut, Dirty, Log, OpenReport, Opening, Removed, Swapped, SyncOutcome,
};
pub use metadata::PartitionMetadata;
pub use names::{EPOCHS as EPOCHS_FILE, METADATA as PARTITION_FILE};
pub use producer::{LastBatch, Origin, Producer, Refusal};
pub use read::{Slice, Snapshot};
pub use time::{Decompress, TimedOffset};
pub use txn_index::AbortedTxn;
pub use validate::{Invalid, InvalidKind, Rules, check_records, validate};
