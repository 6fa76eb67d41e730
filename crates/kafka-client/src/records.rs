//! The records of what was fetched from a partition.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use millrace_kafka_wire::Str;
use millrace_kafka_wire::api::fetch::AbortedTransaction;
use millrace_kafka_wire::batch::{
    self, BatchError, BatchHeader, Compression, HEADER_SIZE, RECORDS_BYTES_MAX, Records, is_intact,
    size_of,
};

use crate::Result;
use crate::admin::TopicPartition;
use crate::error::{Error, Reason, Unreadable};

/// A record as it was read; key, value and headers share its batch's memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub topic: Str,
    pub partition: i32,
    pub offset: i64,
    /// Milliseconds since 1970; −1 when it has none.
    pub timestamp: i64,
    pub key: Option<Bytes>,
    /// `None` in a tombstone.
    pub value: Option<Bytes>,
    pub headers: Vec<(Bytes, Option<Bytes>)>,
}

/// What a reader takes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most bytes that the records of a batch become.
    pub batch_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batch_bytes: RECORDS_BYTES_MAX,
        }
    }
}

/// Reads records one by one, and decompresses at most one batch at a time.
///
/// Batches of control records are left out, and records of transactions that the broker says were
/// aborted.
#[derive(Debug)]
pub struct PartitionReader {
    topic: Str,
    partition: i32,
    rest: Bytes,
    /// Records before it were asked for by nobody: a batch is sent as a whole.
    position: i64,
    /// By their first offsets.
    to_abort: VecDeque<AbortedTransaction>,
    aborted: HashSet<i64>,
    open: Option<OpenBatch>,
    /// The offset behind the batch that was looked at last, if that is sound but for its records.
    behind: Option<i64>,
    is_untouched: bool,
    limits: Limits,
}

/// A batch that is being read.
#[derive(Debug)]
struct OpenBatch {
    header: BatchHeader,
    /// The records that are left, decompressed.
    rest: Bytes,
    count: i32,
}

impl PartitionReader {
    /// `aborted` is what the broker told, in any order; empty when all is to be read.
    pub fn new(
        (topic, partition): (Str, i32),
        bytes: Bytes,
        position: i64,
        mut aborted: Vec<AbortedTransaction>,
        limits: Limits,
    ) -> Self {
        aborted.sort_by_key(|it| it.first_offset);
        Self {
            topic,
            partition,
            rest: bytes,
            position,
            to_abort: aborted.into(),
            aborted: HashSet::new(),
            open: None,
            behind: None,
            is_untouched: true,
            limits,
        }
    }

    /// What it reads.
    pub fn partition(&self) -> TopicPartition {
        TopicPartition {
            topic: self.topic.clone(),
            partition: self.partition,
        }
    }

    /// Whether no batch of it was opened.
    pub fn is_untouched(&self) -> bool {
        self.is_untouched
    }

    /// The offset that comes next: behind all that was returned or left out.
    pub fn position(&self) -> i64 {
        self.position
    }

    /// The next record; `None` when there is no whole batch left.
    ///
    /// # Errors
    /// A batch is damaged, is of an unknown codec, becomes too large, or does not hold the records
    /// that it counts: nothing of it was returned, and nothing comes after it.
    pub fn next_record(&mut self) -> Result<Option<Record>> {
        let next = self.advance();
        if next.is_err() {
            self.rest.clear();
            self.open = None;
        }
        next.map_err(|error| {
            error.unreadable_at(Unreadable {
                partition: self.partition(),
                offset: self.position,
                behind: self.behind.filter(|it| *it > self.position),
            })
        })
    }

    fn advance(&mut self) -> Result<Option<Record>> {
        loop {
            if let Some(record) = self.next_of_batch()? {
                return Ok(Some(record));
            }
            let size = match size_of(&self.rest) {
                // The broker sends as much as was asked for: the last batch may be cut.
                Err(BatchError::Short { .. }) => return Ok(None),
                Ok(size) if size > self.rest.len() => return Ok(None),
                size => size.map_err(|it| Error::new(Reason::Batch(it)))?,
            };
            let batch = self.rest.split_to(size);
            self.is_untouched = false;
            self.behind = None;
            let header = is_intact(&batch).map_err(|it| Error::new(Reason::Batch(it)))?;
            let is_left_out = self.is_left_out(&header, &batch);
            if is_left_out || header.last_offset() < self.position {
                self.position = self.position.max(header.next_offset());
                continue;
            }
            self.behind = Some(header.next_offset());
            let records = self.records_of(&header, &batch)?;
            check(&header, &records)?;
            self.open = Some(OpenBatch {
                rest: records,
                count: header.record_count,
                header,
            });
        }
    }

    /// The next record of the batch that is open, from the position on.
    fn next_of_batch(&mut self) -> Result<Option<Record>> {
        while let Some(open) = &mut self.open {
            let bytes = open.rest.clone();
            let mut records = Records::new(&bytes, open.count);
            let Some(record) = records.next() else {
                self.position = self.position.max(open.header.next_offset());
                self.open = None;
                return Ok(None);
            };
            let record = record.map_err(|error| unreadable(io::Error::other(error)))?;
            open.count -= 1;
            open.rest = bytes.slice_ref(records.rest());
            let offset = i64::from(record.offset_delta);
            let offset = open.header.base_offset.saturating_add(offset);
            if offset < self.position {
                continue;
            }
            let header = open.header;
            self.position = offset.saturating_add(1);
            return Ok(Some(self.record(&header, &bytes, offset, &record)));
        }
        Ok(None)
    }

    fn record(
        &self,
        header: &BatchHeader,
        bytes: &Bytes,
        offset: i64,
        record: &batch::Record<'_>,
    ) -> Record {
        let slice = |part: &[u8]| bytes.slice_ref(part);
        let headers = record.headers.iter();
        let headers = headers.map(|it| (slice(it.key), it.value.map(slice)));
        Record {
            topic: self.topic.clone(),
            partition: self.partition,
            offset,
            timestamp: match header.attributes.is_append_time() {
                true => header.max_timestamp,
                false => header.base_timestamp.saturating_add(record.timestamp_delta),
            },
            key: record.key.map(slice),
            value: record.value.map(slice),
            headers: headers.collect(),
        }
    }

    fn records_of(&self, header: &BatchHeader, batch: &Bytes) -> Result<Bytes> {
        let records = batch.slice(HEADER_SIZE..);
        match header.attributes.compression() {
            Some(Compression::None) => Ok(records),
            Some(codec) => {
                let opened = batch::decompress(codec, &records, self.limits.batch_bytes);
                opened.map(Bytes::from).map_err(unreadable)
            }
            None => Err(unreadable(io::Error::other("their codec is not known"))),
        }
    }

    /// Whether a batch holds control records, or records of an aborted transaction (KIP-98).
    fn is_left_out(&mut self, header: &BatchHeader, batch: &Bytes) -> bool {
        while let Some(next) = self.to_abort.front() {
            if next.first_offset > header.last_offset() {
                break;
            }
            self.aborted.insert(next.producer_id);
            self.to_abort.pop_front();
        }
        if header.attributes.is_control() {
            if is_abort(batch, header.record_count) {
                self.aborted.remove(&header.producer_id);
            }
            return true;
        }
        header.attributes.is_transactional() && self.aborted.contains(&header.producer_id)
    }
}

/// Sees that a batch holds as many records as it counts, with offsets in order: before the first of
/// them is returned, since it would come again with each attempt to read those behind it.
fn check(header: &BatchHeader, records: &[u8]) -> Result<()> {
    let mut next = 0;
    for record in Records::new(records, header.record_count) {
        let record = record.map_err(|error| unreadable(io::Error::other(error)))?;
        // Compaction leaves gaps.
        if !(next..=header.last_offset_delta).contains(&record.offset_delta) {
            let reason = "they have offsets that are out of order";
            return Err(unreadable(io::Error::other(reason)));
        }
        next = record.offset_delta.saturating_add(1);
    }
    Ok(())
}

/// Whether a control batch, which is never compressed, ends a transaction by aborting it.
fn is_abort(batch: &Bytes, count: i32) -> bool {
    let mut body = batch.clone();
    body.advance(HEADER_SIZE);
    let first = Records::new(&body, count).next().and_then(|it| it.ok());
    // The key is a version and a type, of which 0 aborts.
    first
        .and_then(|it| it.key)
        .is_some_and(|it| it.get(2..4) == Some(&[0, 0]))
}

fn unreadable(error: io::Error) -> Error {
    Error::new(Reason::Records(Arc::new(error)))
}
