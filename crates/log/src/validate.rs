//! Whether a batch that a client sent may be stored: pure, so that it can run where the bytes
//! came in.

use std::fmt;

use bytes::Bytes;
use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::batch::{
    BatchError, BatchHeader, Compression, HEADER_SIZE, Records, is_intact,
};

use crate::batch::Batch;

/// What a topic demands of batches.
#[derive(Clone, Debug)]
pub struct Rules {
    /// `max.message.bytes`: how many bytes a batch may have, with its header.
    pub max_batch_bytes: usize,
    /// `message.timestamp.before.max.ms`: how old a record may be.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`: how far ahead of the clock a record may be.
    pub timestamp_after_max_ms: i64,
    /// `message.timestamp.type` is `LogAppendTime`: the time of the client does not matter.
    pub is_append_time: bool,
    /// The topic is compacted, so that every record needs a key.
    pub needs_keys: bool,
    /// Whether the version of the request knows zstd.
    pub allows_zstd: bool,
}

impl Default for Rules {
    /// Kafka's defaults.
    fn default() -> Self {
        Self {
            max_batch_bytes: 1024 * 1024 + 12,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: 60 * 60 * 1000,
            is_append_time: false,
            needs_keys: false,
            allows_zstd: true,
        }
    }
}

/// Why a batch is not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// Which of Kafka's errors it is.
    pub kind: InvalidKind,
    /// Which records of the batch it is, from 0; none when it is the batch.
    pub records: Vec<usize>,
    /// What is wrong, for people.
    pub reason: &'static str,
}

/// Kafka's errors for what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidKind {
    /// The bytes are not those that were sent.
    Corrupt,
    /// It is larger than the topic allows.
    TooLarge,
    /// A time is out of order or out of bounds.
    Timestamp,
    /// The header or a record is wrong.
    Record,
    /// The version of the request does not know the codec.
    Compression,
}

impl Invalid {
    fn batch(kind: InvalidKind, reason: &'static str) -> Self {
        Self {
            kind,
            records: Vec::new(),
            reason,
        }
    }

    /// The number of the error in Kafka's protocol.
    pub fn code(&self) -> i16 {
        let code = match self.kind {
            InvalidKind::Corrupt => ErrorCode::CorruptMessage,
            InvalidKind::TooLarge => ErrorCode::MessageTooLarge,
            InvalidKind::Timestamp => ErrorCode::InvalidTimestamp,
            InvalidKind::Compression => ErrorCode::UnsupportedCompressionType,
            InvalidKind::Record => ErrorCode::InvalidRecord,
        };
        code.number()
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.records.as_slice() {
            [] => write!(f, "the batch {}", self.reason),
            [record] => write!(f, "record {record} of the batch {}", self.reason),
            [first, more @ ..] => {
                let (count, reason) = (more.len(), self.reason);
                write!(f, "record {first} of the batch, and {count} more, {reason}")
            }
        }
    }
}

impl std::error::Error for Invalid {}

/// Checks what a client sent for one partition; `now` is in milliseconds since 1970.
///
/// It must be exactly one batch of the format 2, with its own length and checksum, a known codec,
/// at least one record and as many as its last offset says, no marker, the fields of an idempotent
/// producer all or none, and times in order and within bounds. Records that are not compressed are
/// walked; those that are, [`check_records`] checks when someone has opened them.
///
/// # Errors
/// The first thing that is wrong.
pub fn validate(bytes: Bytes, rules: &Rules, now: i64) -> Result<Batch, Invalid> {
    let invalid = |reason| Invalid::batch(InvalidKind::Record, reason);
    if bytes.is_empty() {
        return Err(invalid("is missing"));
    }
    if bytes.len() > rules.max_batch_bytes {
        return Err(Invalid::batch(
            InvalidKind::TooLarge,
            "is larger than `max.message.bytes`",
        ));
    }
    let header = is_intact(&bytes).map_err(|error| match error {
        BatchError::Short { .. } => Invalid::batch(InvalidKind::Corrupt, "ends before its length"),
        BatchError::Length(_) => Invalid::batch(InvalidKind::Corrupt, "has a length that is none"),
        BatchError::Magic(_) => invalid("has a format that is not 2"),
        BatchError::Checksum { .. } => {
            Invalid::batch(InvalidKind::Corrupt, "has a checksum that is not its own")
        }
    })?;
    if header.size() != bytes.len() {
        return Err(invalid("is followed by more, where one batch is expected"));
    }
    check_header(&header)?;
    check_times(&header, rules, now)?;
    match header.attributes.compression() {
        None => Err(invalid("has a codec that is not known")),
        Some(Compression::Zstd) if !rules.allows_zstd => Err(Invalid::batch(
            InvalidKind::Compression,
            "is compressed with zstd, which this version of the request does not know",
        )),
        Some(Compression::None) => {
            let largest = check_records(&header, &bytes[HEADER_SIZE..], rules, now)?;
            let mut batch = Batch::new(header, bytes);
            // Some clients count wrong; Kafka corrects them.
            batch.is_changed = largest != header.max_timestamp;
            batch.header.max_timestamp = largest;
            Ok(batch)
        }
        Some(_) => Ok(Batch::new(header, bytes)),
    }
}

fn check_header(header: &BatchHeader) -> Result<(), Invalid> {
    let attributes = header.attributes;
    let reason = if attributes.is_control() {
        "holds markers, which clients do not write"
    } else if header.record_count <= 0 {
        "has no records"
    } else if Some(header.record_count) != header.last_offset_delta.checked_add(1) {
        "has not as many records as offsets"
    } else if header.producer_id < -1 {
        "has a producer id that is none"
    } else if header.is_idempotent() && header.producer_epoch < 0 {
        "has a producer id and no epoch"
    } else if header.is_idempotent() && header.base_sequence < 0 {
        "has a producer id and no sequence"
    } else if attributes.is_transactional() && !header.is_idempotent() {
        "is of a transaction and has no producer id"
    } else if attributes.has_delete_horizon() {
        "has the flag of a compacted batch"
    } else {
        return Ok(());
    };
    Err(Invalid::batch(InvalidKind::Record, reason))
}

fn check_times(header: &BatchHeader, rules: &Rules, now: i64) -> Result<(), Invalid> {
    let invalid = |reason| Err(Invalid::batch(InvalidKind::Timestamp, reason));
    if header.attributes.is_append_time() {
        return invalid("claims the time of the broker");
    }
    if header.max_timestamp < header.base_timestamp {
        return invalid("ends, by its times, before it begins");
    }
    match is_within(header.max_timestamp, rules, now)
        && is_within(header.base_timestamp, rules, now)
    {
        true => Ok(()),
        false => invalid("has a time out of the bounds of `message.timestamp.*`"),
    }
}

/// −1 stands for no time.
fn is_within(timestamp: i64, rules: &Rules, now: i64) -> bool {
    if timestamp == -1 || rules.is_append_time {
        return true;
    }
    let age = now.saturating_sub(timestamp);
    timestamp >= 0
        && age <= rules.timestamp_before_max_ms
        && age.saturating_neg() <= rules.timestamp_after_max_ms
}

/// Walks the records of a batch, which must no longer be compressed: they must be as many as the
/// header says, with offsets in order, times that fit the header and the rules, and keys where the
/// topic is compacted. Returns the largest time of a record.
///
/// # Errors
/// The first record that is malformed; else all that the topic does not take, so that the client
/// can tell them from the others (KIP-467).
pub fn check_records(
    header: &BatchHeader,
    records: &[u8],
    rules: &Rules,
    now: i64,
) -> Result<i64, Invalid> {
    let mut largest = i64::MIN;
    let mut count = 0;
    let mut refused: Option<Invalid> = None;
    for (index, record) in Records::new(records, header.record_count).enumerate() {
        let malformed = |reason| Invalid {
            kind: InvalidKind::Record,
            records: vec![index],
            reason,
        };
        let record = record.map_err(|_| malformed("is malformed"))?;
        if usize::try_from(record.offset_delta) != Ok(index) {
            return Err(malformed("has an offset out of order"));
        }
        let timestamp = header.base_timestamp.saturating_add(record.timestamp_delta);
        if !is_within(timestamp, rules, now) {
            refuse(&mut refused, index, InvalidKind::Timestamp, OUT_OF_BOUNDS);
        } else if rules.needs_keys && record.key.is_none() {
            refuse(&mut refused, index, InvalidKind::Record, NO_KEY);
        }
        largest = largest.max(timestamp);
        count += 1;
    }
    if usize::try_from(header.record_count) != Ok(count) {
        return Err(Invalid::batch(
            InvalidKind::Record,
            "has fewer records than it counts",
        ));
    }
    refused.map_or(Ok(largest), Err)
}

const NO_KEY: &str = "has no key, which a compacted topic needs";
const OUT_OF_BOUNDS: &str = "has a time out of the bounds of `message.timestamp.*`";

/// Notes a record that the topic does not take; a wrong time is what is told of the whole.
fn refuse(all: &mut Option<Invalid>, index: usize, kind: InvalidKind, reason: &'static str) {
    let all = all.get_or_insert(Invalid {
        kind,
        records: Vec::new(),
        reason,
    });
    all.records.push(index);
    if kind == InvalidKind::Timestamp {
        (all.kind, all.reason) = (kind, reason);
    }
}
