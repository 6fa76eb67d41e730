//! Batches written again with fewer records.

use std::io;
use std::ops::Range;

use millrace_kafka_wire::batch::{
    Attributes, BatchHeader, Compression, HEADER_SIZE, PREFIX_SIZE, checksum, put_with_time,
};

use super::Compress;

/// A record that stays.
pub(super) struct Kept {
    /// Its bytes among those of the batch, with its length.
    pub bytes: Range<usize>,
    pub timestamp_delta: i64,
}

/// What is left of a batch: its offsets, epochs, producer and sequences are those it had.
///
/// `horizon` is from when on its tombstones may be removed, if that is decided now. It takes the
/// place of the base timestamp, so that the times of the records are counted from it.
///
/// # Errors
/// The codec refuses, or the batch would be larger than 2 GiB.
pub(super) fn rewrite(
    header: &BatchHeader,
    records: &[u8],
    kept: &[Kept],
    horizon: Option<i64>,
    compress: &Compress<'_>,
) -> io::Result<(BatchHeader, Vec<u8>)> {
    let mut header = *header;
    let mut bytes = vec![0; HEADER_SIZE];
    let mut largest = -1;
    for record in kept {
        let time = header.base_timestamp.wrapping_add(record.timestamp_delta);
        largest = largest.max(time);
        let old = &records[record.bytes.clone()];
        match horizon {
            Some(horizon) => put_with_time(old, time.wrapping_sub(horizon), &mut bytes),
            None => bytes.extend_from_slice(old),
        }
    }
    if let Some(codec) = header.attributes.compression()
        && codec != Compression::None
    {
        let compressed = compress(codec, &bytes[HEADER_SIZE..])?;
        bytes.truncate(HEADER_SIZE);
        bytes.extend_from_slice(&compressed);
    }
    if let Some(horizon) = horizon {
        header.base_timestamp = horizon;
        header.attributes = header.attributes.with_delete_horizon();
    }
    if !header.attributes.is_append_time() {
        header.max_timestamp = largest;
    }
    header.record_count = i32::try_from(kept.len()).map_err(io::Error::other)?;
    seal(header, bytes)
}

/// A batch without records, which says only what its producer wrote last, or where the log was.
pub(super) fn empty(header: &BatchHeader) -> io::Result<(BatchHeader, Vec<u8>)> {
    // Of the flags those stay that do not speak of records.
    let kept = Attributes(header.attributes.0 & (1 << 3 | 1 << 4 | 1 << 5));
    let header = BatchHeader {
        attributes: kept,
        base_timestamp: -1,
        record_count: 0,
        ..*header
    };
    seal(header, vec![0; HEADER_SIZE])
}

/// Gives a batch its header, with its length and checksum.
fn seal(mut header: BatchHeader, mut bytes: Vec<u8>) -> io::Result<(BatchHeader, Vec<u8>)> {
    header.length = i32::try_from(bytes.len() - PREFIX_SIZE).map_err(io::Error::other)?;
    bytes[..HEADER_SIZE].copy_from_slice(&header.to_bytes());
    header.crc = checksum(&bytes);
    bytes[..HEADER_SIZE].copy_from_slice(&header.to_bytes());
    Ok((header, bytes))
}
