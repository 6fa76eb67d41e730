//! Compaction: of each key the last record stays.
//!
//! ```text
//! owner         Log::plan_cleaning ─→ Cleaning                        short: no batch is read
//! any thread                          Cleaning::run ─→ Cleaned        reads and writes segments
//! owner         Log::finish_cleaning ←───────────────┘                renames, two directory syncs
//! ```
//!
//! A pass goes twice through the dirty part of the log and once through the clean part before it:
//! first it notes the last offset of each key of the dirty part, as many keys as its memory has
//! room for; then it writes all segments up to there again, without the records that a later one
//! of the same key has replaced. Small neighbours become one segment. [`Cleaning::run`] makes one
//! segment a call, so that the disk needs room for one more segment, not for a second log.
//!
//! What stays is what Kafka keeps:
//!
//! - The last record of each key. A record without a key goes.
//! - Tombstones for `delete.retention.ms` after the first pass that meets them. From when on they
//!   may go stands in the header of their batch since then (KIP-534).
//! - No record of an aborted transaction. The marker of a transaction stays as long as a batch of
//!   it is there, and then for `delete.retention.ms`.
//! - The last batch of each producer that the log knows, without its records when they go, so that
//!   its sequence is known when the log is opened.
//! - The last batch of each segment that is written, if only its header. Kafka keeps that of the
//!   last one only; here a segment ends where the next one begins, so that recovery can tell a
//!   hole from records that were cleaned away.
//!
//! Offsets, sequences, leader epochs and the codec of a batch stay. A batch that loses nothing is
//! copied as it is.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use millrace_kafka_wire::batch::Compression;

use crate::files::Files;
use crate::read::Snapshot;
use crate::segment::{Interval, Segment};
use crate::time::Decompress;

mod batches;
mod filter;
mod groups;
mod offset_map;
mod output;
mod pass;
mod rewrite;
mod transactions;

use pass::Pass;

pub(crate) use filter::LastOfProducer;
pub(crate) use groups::Limits;

/// Compresses the records of a batch that lost some of them.
pub type Compress<'a> = dyn Fn(Compression, &[u8]) -> io::Result<Vec<u8>> + 'a;

/// What a topic says of its compaction. Times are in milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Compaction {
    /// `min.compaction.lag.ms`: no segment is cleaned that has a younger record.
    pub min_lag_ms: i64,
    /// `max.compaction.lag.ms`: older records are cleaned however few they are.
    pub max_lag_ms: i64,
    /// `min.cleanable.dirty.ratio`: which part of the log must be dirty, by its bytes.
    pub min_dirty_ratio: f64,
    /// `delete.retention.ms`: how long a tombstone can be seen by those who read from the start.
    pub delete_retention_ms: i64,
}

impl Default for Compaction {
    /// Kafka's defaults.
    fn default() -> Self {
        Self {
            min_lag_ms: 0,
            max_lag_ms: i64::MAX,
            min_dirty_ratio: 0.5,
            delete_retention_ms: 24 * 60 * 60 * 1000,
        }
    }
}

/// What a pass needs of its caller.
pub struct CleaningTools<'a> {
    /// Opens compressed batches.
    pub decompress: &'a Decompress<'a>,
    /// Compresses what is left of them.
    pub compress: &'a Compress<'a>,
    /// How many bytes the map of offsets may take; about 40 for each key. What does not fit is for
    /// the next pass.
    pub memory: usize,
    /// Called with the bytes of each batch that is read. It may wait, to leave the disk to others;
    /// `false` ends the pass.
    pub go_on: &'a dyn Fn(usize) -> bool,
}

/// A pass over a log, from [`Log::plan_cleaning`](crate::Log::plan_cleaning). There is one of a log
/// at a time; dropping it ends it.
#[must_use = "no other pass begins while it is there"]
pub struct Cleaning {
    pub(crate) files: Arc<dyn Files>,
    pub(crate) dir: Arc<Path>,
    pub(crate) snapshot: Snapshot,
    /// How many segments may be cleaned, from the first on; there is one behind them.
    pub(crate) count: usize,
    pub(crate) first_dirty: i64,
    pub(crate) now: i64,
    pub(crate) delete_retention_ms: i64,
    pub(crate) limits: Limits,
    pub(crate) interval: Interval,
    pub(crate) producers: HashMap<i64, LastOfProducer>,
    pub(crate) ticket: Ticket,
    pub(crate) pass: Option<Pass>,
    pub(crate) is_over: bool,
}

/// Which plan something is of.
#[derive(Clone)]
pub(crate) struct Ticket {
    pub generation: u64,
    /// Shared with the log, which so knows whether a pass is out.
    pub current: Arc<AtomicU64>,
}

impl Ticket {
    /// Whether the log has changed in a way that the plan did not expect.
    pub fn is_void(&self) -> bool {
        self.current.load(Ordering::Acquire) != self.generation
    }
}

/// A segment that was written to take the place of others; goes to
/// [`Log::finish_cleaning`](crate::Log::finish_cleaning). Dropping it leaves its files to the next
/// pass, which removes them.
#[must_use = "it is no part of the log yet"]
pub struct Cleaned {
    pub(crate) base_offset: i64,
    pub(crate) size: u64,
    pub(crate) sources: Vec<Arc<Segment>>,
    /// What the names of its files end with.
    pub(crate) suffixes: Vec<&'static str>,
    /// With the last one of a pass: where the dirty part begins then.
    pub(crate) first_dirty: Option<i64>,
    pub(crate) ticket: Ticket,
}

impl Cleaned {
    /// How many bytes its segment has.
    pub fn bytes(&self) -> u64 {
        self.size
    }

    /// How many bytes those have whose place it takes.
    pub fn source_bytes(&self) -> u64 {
        self.sources.iter().map(|it| it.size()).sum()
    }
}
