//! The log of one partition, as its owner has it.

use std::path::Path;
use std::sync::Arc;

use crate::clean::Compaction;
use crate::epochs::LeaderEpochs;
use crate::error::LogError;
use crate::files::{File, Files};
use crate::producer::{Producer, Producers};
use crate::read::Snapshot;
use crate::segment::{Interval, Segment};

mod append;
mod clean;
mod delete;
mod derived;
mod open;
mod pending;
mod recover;
mod replay;
mod roll;
mod scan;
mod strays;
mod sync;
mod truncate;

pub use append::Appended;
pub use clean::Swapped;
pub use delete::Removed;
pub(crate) use open::LARGEST_SEGMENT;
pub use open::{Cut, OpenReport, Opening};
pub use sync::{Dirty, SyncOutcome};

/// What a topic says of its logs. Sizes are in bytes, times in milliseconds.
#[derive(Clone, Debug)]
pub struct Config {
    /// `segment.bytes`: no segment is larger, nor than 2 GiB.
    pub segment_bytes: u32,
    /// `segment.ms`: no segment holds times further apart, as far as they are known.
    pub segment_ms: i64,
    /// `index.interval.bytes`.
    pub index_interval_bytes: u32,
    /// `segment.index.bytes`: no index is larger.
    pub max_index_bytes: u32,
    /// `message.timestamp.type` is `LogAppendTime`.
    pub is_append_time: bool,
    /// `retention.ms`; `None` keeps for ever.
    pub retention_ms: Option<i64>,
    /// `retention.bytes`; `None` keeps everything.
    pub retention_bytes: Option<u64>,
    /// `producer.id.expiration.ms`.
    pub producer_expiration_ms: i64,
    /// `cleanup.policy` has `compact`. Where it has no `delete`, nothing goes by age or size: then
    /// `retention_ms` and `retention_bytes` are `None`.
    pub compaction: Option<Compaction>,
}

impl Default for Config {
    /// Kafka's defaults.
    fn default() -> Self {
        Self {
            segment_bytes: 1 << 30,
            segment_ms: 7 * 24 * 60 * 60 * 1000,
            index_interval_bytes: 4096,
            max_index_bytes: 10 << 20,
            is_append_time: false,
            retention_ms: Some(7 * 24 * 60 * 60 * 1000),
            retention_bytes: None,
            producer_expiration_ms: 24 * 60 * 60 * 1000,
            compaction: None,
        }
    }
}

/// The log of one partition. See the crate for what is durable when.
///
/// After an error that is not [`LogError::NoSpace`], [`LogError::OutOfRange`] or
/// [`LogError::Misuse`] every call that writes says [`LogError::Failed`].
pub struct Log {
    files: Arc<dyn Files>,
    dir: Arc<Path>,
    config: Config,
    /// Never empty; the last one grows.
    segments: Arc<[Arc<Segment>]>,
    active: Active,
    start_offset: i64,
    end_offset: i64,
    high_watermark: i64,
    epochs: Arc<LeaderEpochs>,
    producers: Producers,
    unsynced: sync::Unsynced,
    cleaning: clean::State,
    has_failed: bool,
    /// Headers of the batches of one call.
    headers: Vec<u8>,
}

/// The segment that grows.
struct Active {
    segment: Arc<Segment>,
    file: Arc<dyn File>,
    /// The largest time of its first batch.
    first_timestamp: Option<i64>,
    /// When it was made.
    created: i64,
    /// The log was cut: what was behind its end must be gone from the medium before more is written, or
    /// a power loss could mix the two.
    is_cut: bool,
}

impl Log {
    /// The directory of the partition.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What its topic says.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Holds from the next append on.
    pub fn set_config(&mut self, config: Config) {
        self.config = config;
    }

    /// The first offset that can be read.
    pub fn start_offset(&self) -> i64 {
        self.start_offset
    }

    /// The offset that the next record will have.
    pub fn end_offset(&self) -> i64 {
        self.end_offset
    }

    /// How many bytes its segments have, without their indexes.
    pub fn size(&self) -> u64 {
        self.segments.iter().map(|it| it.size()).sum()
    }

    /// How many segments it has; never 0.
    pub fn segment_count(&self) -> usize {
        self.segments.len()
    }

    /// Whether a disk error ended its writes.
    pub fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// The log as it is now, for readers on other threads.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            segments: Arc::clone(&self.segments),
            start_offset: self.start_offset,
            end_offset: self.end_offset,
            end_position: self.active.segment.size(),
            epochs: Arc::clone(&self.epochs),
        }
    }

    /// Which leaders wrote what it holds.
    pub fn epochs(&self) -> &LeaderEpochs {
        &self.epochs
    }

    /// Notes that a leader epoch begins at the end of the log, before its first append.
    pub fn start_epoch(&mut self, epoch: i32) {
        self.assign_epoch(epoch, self.end_offset);
    }

    fn assign_epoch(&mut self, epoch: i32, offset: i64) {
        let is_known = self.epochs.latest().is_some_and(|it| it.epoch == epoch);
        if !is_known && Arc::make_mut(&mut self.epochs).assign(epoch, offset) {
            self.unsynced.epochs = true;
        }
    }

    /// Tells the log up to which offset its replicas have it. The last stable offset and what may
    /// be deleted depend on it. It never goes back here.
    pub fn set_high_watermark(&mut self, high_watermark: i64) {
        self.high_watermark = self.high_watermark.max(high_watermark.min(self.end_offset));
        self.producers.on_high_watermark(self.high_watermark);
    }

    /// What [`Log::set_high_watermark`] was told; the start of the log before.
    pub fn high_watermark(&self) -> i64 {
        self.high_watermark
    }

    /// Up to which offset readers of committed records may read: below the high watermark and below
    /// every transaction that is open, or whose marker is not below the high watermark.
    pub fn last_stable_offset(&self) -> i64 {
        self.producers.last_stable_offset(self.high_watermark)
    }

    /// What is known of a producer.
    pub fn producer(&self, id: i64) -> Option<&Producer> {
        self.producers.get(id)
    }

    /// All producers, in no order.
    pub fn producers(&self) -> impl Iterator<Item = (i64, &Producer)> {
        self.producers.iter()
    }

    /// First offset and producer of the oldest transaction that is open.
    pub fn oldest_transaction(&self) -> Option<(i64, i64)> {
        self.producers.oldest_open()
    }

    /// Forgets producers that wrote nothing for `producer.id.expiration.ms`.
    pub fn expire_producers(&mut self, now: i64) {
        self.producers
            .expire(now, self.config.producer_expiration_ms);
    }

    /// Closes the files of sealed segments; they are opened again when someone reads them.
    pub fn close_idle_files(&self) {
        for segment in &self.segments[..self.segments.len() - 1] {
            segment.close_files();
        }
    }

    /// Positions are signed 32-bit integers.
    fn segment_bytes(&self) -> u64 {
        u64::from(self.config.segment_bytes).min(i32::MAX as u64)
    }

    fn interval(&self) -> Interval {
        Interval(self.config.index_interval_bytes)
    }

    fn check(&self) -> Result<(), LogError> {
        match self.has_failed {
            true => Err(LogError::Failed),
            false => Ok(()),
        }
    }

    /// Remembers an error after which nothing can be trusted.
    fn note<T>(&mut self, result: Result<T, LogError>) -> Result<T, LogError> {
        if let Err(LogError::Disk { .. } | LogError::Corrupt(_) | LogError::Gone { .. }) = result {
            self.has_failed = true;
        }
        result
    }
}
