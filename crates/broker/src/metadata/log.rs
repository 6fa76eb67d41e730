//! The metadata log on this broker's disk: each batch is one change, all of it or nothing.
//!
//! Now and then there is a snapshot of what its records come to. The last two are kept, and the records
//! behind the older one: a start reads a snapshot and what is behind it, and when one is damaged, the
//! other.

use std::path::Path;
use std::sync::Arc;

use millrace_kafka_wire::batch::BatchBuilder;
use millrace_kafka_wire::metadata::MetadataRecord;
use millrace_log::{
    Batch, Config, Files, Log, LogError, Opening, Origin, Refusal, TopicPartition, remove_beside,
};

use super::image::Image;
use super::snapshot::{self, SnapshotId};

/// The most bytes that are read at once.
const READ: usize = 1 << 20;
/// How large a segment becomes: no smaller, and Kafka's `metadata.log.segment.bytes`.
const SEGMENT_LEAST: u64 = 4 << 10;
const SEGMENT_MOST: u64 = 1 << 30;
/// So many snapshots are kept.
const KEPT: usize = 2;
/// A snapshot for which there is no room is tried again after this part of what lies between two.
const RETRY: u64 = 16;

/// The metadata log, with one voter: this broker.
pub struct MetadataLog {
    log: Log,
    files: Arc<dyn Files>,
    epoch: i32,
    rules: SnapshotRules,
    /// Bytes of records behind the last snapshot.
    behind: u64,
    /// As many as there have to be for the next one.
    due: u64,
    /// When there was the last one, or the log was opened, in milliseconds since 1970.
    last: i64,
}

/// When there is a snapshot.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotRules {
    /// Behind so many bytes of records: `metadata.log.max.record.bytes.between.snapshots`.
    pub bytes: u64,
    /// After so many milliseconds in which something has changed:
    /// `metadata.log.max.snapshot.interval.ms`; never when it is 0.
    pub interval_ms: i64,
}

impl MetadataLog {
    /// The name of its directory: `__cluster_metadata-0`.
    pub fn partition() -> TopicPartition {
        TopicPartition {
            topic: "__cluster_metadata".into(),
            partition: 0,
        }
    }

    /// Opens the log in its directory, which is made when there is none, and replays it. The epoch
    /// is the next one.
    ///
    /// Everything in it was durable before anybody was told of it, and nothing is ever cut but what
    /// was never durable: `recovery_point` is where that ends.
    ///
    /// # Errors
    /// The disk fails, the log is damaged, or a record is not known.
    pub fn open(
        files: Arc<dyn Files>,
        dir: &Path,
        recovery_point: i64,
        rules: SnapshotRules,
        now: i64,
    ) -> Result<(Self, Image), LogError> {
        let snapshots = snapshot::list(&*files, dir)?;
        let last = snapshots.last().map_or(0, |it| it.end_offset);
        let opening = Opening {
            start_offset: snapshot::metadata_start(&*files, dir)?,
            // What a snapshot was made of was durable.
            recovery_point: recovery_point.max(last),
            first_dirty_offset: 0,
            is_clean: false,
            now,
        };
        let config = Config {
            retention_ms: None,
            // A segment goes as a whole, so that it is not to hold more than a snapshot saves.
            segment_bytes: rules.bytes.clamp(SEGMENT_LEAST, SEGMENT_MOST) as u32,
            ..Config::default()
        };
        let (mut log, _) = Log::open(Arc::clone(&files), dir, config, opening)?;
        let epoch = log.epochs().latest().map_or(0, |it| it.epoch);
        let epoch = epoch.max(snapshots.last().map_or(0, |it| it.epoch)) + 1;
        log.start_epoch(epoch);
        log.sync()?;
        log.set_high_watermark(log.end_offset());
        let mut image = newest(&*files, dir, &snapshots, log.start_offset())?;
        let behind = replay(&log, &mut image)?;
        image.epoch = epoch;
        let opened = Self {
            log,
            files,
            epoch,
            rules,
            behind,
            due: rules.bytes,
            last: now,
        };
        Ok((opened, image))
    }

    /// Whether it is time for a snapshot.
    pub fn is_snapshot_due(&self, now: i64) -> bool {
        let SnapshotRules { interval_ms, .. } = self.rules;
        let is_late = interval_ms > 0 && now.saturating_sub(self.last) >= interval_ms;
        self.behind >= self.due || (is_late && self.behind > 0)
    }

    /// Makes a snapshot of the image behind all records, which are durable, and removes what is not
    /// needed any more. Where there is no room for it, it is tried again later.
    ///
    /// # Errors
    /// The disk failed; the log takes no more.
    pub fn take_snapshot(&mut self, image: &Image, now: i64) -> Result<(), LogError> {
        self.last = now;
        let dir = self.log.dir().to_owned();
        match snapshot::write(&*self.files, &dir, image, now) {
            Ok(()) => (self.behind, self.due) = (0, self.rules.bytes),
            Err(error @ LogError::NoSpace { .. }) => {
                tracing::warn!(%error, "there is no snapshot of the metadata, whose log grows on");
                self.due = self.behind + self.rules.bytes / RETRY;
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        let mut old = snapshot::list(&*self.files, &dir)?;
        let kept = old.split_off(old.len().saturating_sub(KEPT));
        let names: Vec<_> = old.into_iter().map(SnapshotId::file_name).collect();
        // A start trusts the oldest snapshot that it finds to have all records behind it.
        remove_beside(&*self.files, &dir, &names)?;
        let start = snapshot::start_behind(&kept);
        if start > self.log.start_offset() || self.log.has_unwanted() {
            self.log.delete_records(start)?.unlink()?;
        }
        Ok(())
    }

    /// Appends the records of one change.
    ///
    /// # Durability
    /// None before [`MetadataLog::sync`].
    ///
    /// # Errors
    /// The disk failed or is full: nothing of the change is there.
    pub fn append(&mut self, records: &[MetadataRecord], now: i64) -> Result<(), LogError> {
        let mut builder = BatchBuilder::new(self.log.end_offset());
        for record in records {
            let value = record.encode(record.latest_version());
            let value = value.map_err(|_| LogError::Misuse("a metadata record is too long"))?;
            builder.add(now, None, Some(&value), &[]);
        }
        let batch = Batch::own(builder.finish().into());
        let batch = batch.map_err(|_| LogError::Misuse("a metadata batch is not sound"))?;
        let origin = Origin::Coordinator {
            transaction_version: 0,
        };
        let size = batch.bytes().len() as u64;
        // A change is one batch, however small segments are.
        let usual = self.log.config().clone();
        let least = u32::try_from(size).unwrap_or(SEGMENT_MOST as u32);
        if least > usual.segment_bytes {
            self.log.set_config(Config {
                segment_bytes: least,
                ..usual.clone()
            });
        }
        let results = self.log.append(&[batch], origin, self.epoch, now);
        self.log.set_config(usual);
        match results?.into_iter().find_map(Result::err) {
            None => {
                self.behind += size;
                Ok(())
            }
            Some(Refusal::NoSpace) => Err(LogError::NoSpace {
                path: self.log.dir().to_owned(),
            }),
            Some(_) => Err(LogError::Misuse(
                "the metadata log refuses a change: it is larger than 1 GiB",
            )),
        }
    }

    /// # Durability
    /// All that was appended is on the medium on return.
    ///
    /// # Errors
    /// The disk failed; the log takes no more.
    pub fn sync(&mut self) -> Result<(), LogError> {
        let durable = self.log.sync()?;
        self.log.set_high_watermark(durable);
        Ok(())
    }

    /// Closes it.
    ///
    /// # Errors
    /// As of [`MetadataLog::sync`].
    pub fn close(&mut self) -> Result<(), LogError> {
        self.log.close().map(drop)
    }
}

/// The image of the newest snapshot that is whole; the empty one, where all records are there.
fn newest(
    files: &dyn Files,
    dir: &Path,
    snapshots: &[SnapshotId],
    log_start: i64,
) -> Result<Image, LogError> {
    let mut damaged = None;
    for id in snapshots.iter().rev() {
        match snapshot::read(files, dir, *id) {
            Ok(image) => return Ok(image),
            Err(error @ LogError::Malformed { .. }) => {
                tracing::warn!(%error, "a snapshot of the metadata is not used");
                damaged.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    match damaged {
        Some(error) if log_start > 0 => Err(error),
        _ => Ok(Image::default()),
    }
}

/// Takes all records behind an image into it; how many bytes they have.
fn replay(log: &Log, image: &mut Image) -> Result<u64, LogError> {
    let snapshot = log.snapshot();
    let end = snapshot.end_offset();
    let mut read = 0;
    while image.end_offset < end {
        let Some(slice) = snapshot.read(image.end_offset, READ, end)? else {
            return Err(LogError::Misuse("records of the metadata log are missing"));
        };
        let mut bytes = slice.bytes()?;
        while !bytes.is_empty() {
            let batch = Batch::own_prefix(&mut bytes);
            let batch = batch.map_err(|_| LogError::Misuse("a metadata batch is damaged"))?;
            // A batch is one change: no snapshot ends within it.
            if batch.header().base_offset < image.end_offset {
                continue;
            }
            read += batch.bytes().len() as u64;
            snapshot::take(&batch, image).map_err(|reason| {
                tracing::error!(offset = image.end_offset, %reason, "cannot replay the metadata log");
                LogError::Misuse(
                    "a record of the metadata log cannot be replayed; see the log line before",
                )
            })?;
        }
    }
    Ok(read)
}
