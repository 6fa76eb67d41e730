//! The metadata log on this broker's disk: each batch is one change, all of it or nothing.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use millrace_kafka_wire::batch::{BatchBuilder, HEADER_SIZE, Records};
use millrace_kafka_wire::metadata::MetadataRecord;
use millrace_log::{Batch, Config, Files, Log, LogError, Opening, Origin, TopicPartition};

use super::image::Image;

/// The most bytes that are read at once.
const READ: usize = 1 << 20;

/// The metadata log, with one voter: this broker.
pub struct MetadataLog {
    log: Log,
    epoch: i32,
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
        now: i64,
    ) -> Result<(Self, Image), LogError> {
        let opening = Opening {
            start_offset: 0,
            recovery_point,
            first_dirty_offset: 0,
            is_clean: false,
            now,
        };
        let config = Config {
            retention_ms: None,
            ..Config::default()
        };
        let (mut log, _) = Log::open(files, dir, config, opening)?;
        let epoch = log.epochs().latest().map_or(0, |it| it.epoch) + 1;
        log.start_epoch(epoch);
        log.sync()?;
        log.set_high_watermark(log.end_offset());
        let mut image = replay(&log)?;
        image.epoch = epoch;
        Ok((Self { log, epoch }, image))
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
        let results = self.log.append(&[batch], origin, self.epoch, now)?;
        match results.into_iter().all(|it| it.is_ok()) {
            true => Ok(()),
            false => Err(LogError::NoSpace {
                path: self.log.dir().to_owned(),
            }),
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

/// The image behind all records of the log.
fn replay(log: &Log) -> Result<Image, LogError> {
    let mut image = Image::default();
    let snapshot = log.snapshot();
    let end = snapshot.end_offset();
    while image.end_offset < end {
        let Some(slice) = snapshot.read(image.end_offset, READ, end)? else {
            return Err(LogError::Misuse("records of the metadata log are missing"));
        };
        let mut bytes = slice.bytes()?;
        while !bytes.is_empty() {
            let batch = Batch::own_prefix(&mut bytes);
            let batch = batch.map_err(|_| LogError::Misuse("a metadata batch is damaged"))?;
            replay_batch(&batch, &mut image)?;
        }
    }
    Ok(image)
}

fn replay_batch(batch: &Batch, image: &mut Image) -> Result<(), LogError> {
    let header = batch.header();
    let bytes = batch.bytes();
    for record in Records::new(&bytes[HEADER_SIZE..], header.record_count) {
        let value = record.ok().and_then(|it| it.value);
        let value = value.ok_or(LogError::Misuse(
            "a record of the metadata log is malformed",
        ))?;
        let value = MetadataRecord::decode(Bytes::copy_from_slice(value));
        let applied = match value {
            Ok(Some(record)) => image.apply(&record),
            Ok(None) => Err("a record of the metadata log is of an unknown kind".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        applied.map_err(|reason| {
            tracing::error!(offset = image.end_offset, %reason, "cannot replay the metadata log");
            LogError::Misuse(
                "a record of the metadata log cannot be replayed; see the log line before",
            )
        })?;
    }
    Ok(())
}
