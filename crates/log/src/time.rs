//! From times to offsets: what `ListOffsets` asks for.

use std::cell::Cell;
use std::io;
use std::sync::Arc;

use millrace_kafka_wire::batch::{BatchHeader, Compression, HEADER_SIZE, Records};

use crate::error::{LogError, OnDisk};
use crate::names;
use crate::read::Snapshot;
use crate::segment::Segment;
use crate::walk::{FEW, Walker};

/// Opens the records of a compressed batch, within a bound of the caller's.
pub type Decompress<'a> = dyn Fn(Compression, &[u8]) -> io::Result<Vec<u8>> + 'a;

/// A record that was found by its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOffset {
    /// That of the record, not of its batch.
    pub offset: i64,
    /// In milliseconds since 1970.
    pub timestamp: i64,
    /// −1 when it is not known.
    pub leader_epoch: i32,
}

impl Snapshot {
    /// The first record with `timestamp` or a later one, if it lies below `up_to`.
    ///
    /// # Errors
    /// The disk fails, or a batch cannot be read or opened.
    pub fn offset_for_time(
        &self,
        timestamp: i64,
        up_to: i64,
        decompress: &Decompress<'_>,
    ) -> Result<Option<TimedOffset>, LogError> {
        for index in self.segment_of(self.start_offset)..self.segments.len() {
            let segment = &self.segments[index];
            let largest = segment.with_indexes(|it| Ok(it.largest()))?;
            if largest.is_none_or(|it| it.timestamp < timestamp) {
                continue;
            }
            let before = segment.with_indexes(|it| it.offset_before_time(timestamp))?;
            let from = self
                .start_offset
                .max(segment.base_offset.saturating_add(i64::from(before)));
            let is_wanted = &mut |record: TimedOffset| {
                record.timestamp >= timestamp && record.offset >= self.start_offset
            };
            let batches = |header: &BatchHeader| header.max_timestamp >= timestamp;
            let found = self.search(index, from, &batches, is_wanted, decompress)?;
            if found.is_some() {
                return Ok(found.filter(|it| it.offset < up_to));
            }
        }
        Ok(None)
    }

    /// The record with the largest timestamp, the first of them, if it lies below `up_to`.
    ///
    /// # Errors
    /// As of [`Snapshot::offset_for_time`].
    pub fn max_timestamp(
        &self,
        up_to: i64,
        decompress: &Decompress<'_>,
    ) -> Result<Option<TimedOffset>, LogError> {
        let mut largest = None;
        for segment in &self.segments[self.segment_of(self.start_offset)..] {
            let found = segment.with_indexes(|it| Ok(it.largest()))?;
            largest = largest.max(found.map(|it| it.timestamp));
        }
        let Some(timestamp) = largest else {
            return Ok(None);
        };
        let found = match self.offset_for_time(timestamp, i64::MAX, decompress)? {
            None => self.largest_of_records(decompress)?,
            found => found,
        };
        Ok(found.filter(|it| it.offset < up_to))
    }

    /// The record with the largest timestamp, from the records themselves: that which the indexes
    /// say may be deleted, or compacted away but for the header of its batch.
    fn largest_of_records(
        &self,
        decompress: &Decompress<'_>,
    ) -> Result<Option<TimedOffset>, LogError> {
        let largest = Cell::new(i64::MIN);
        let mut found = None;
        for index in self.segment_of(self.start_offset)..self.segments.len() {
            let batches = |header: &BatchHeader| header.max_timestamp > largest.get();
            let visit = &mut |record: TimedOffset| {
                if record.timestamp > largest.get() && record.offset >= self.start_offset {
                    largest.set(record.timestamp);
                    found = Some(record);
                }
                false
            };
            self.search(index, self.start_offset, &batches, visit, decompress)?;
        }
        Ok(found)
    }

    /// The first record that is wanted, in the batches of a segment that may hold it.
    fn search(
        &self,
        index: usize,
        from: i64,
        is_batch_wanted: &dyn Fn(&BatchHeader) -> bool,
        is_wanted: &mut dyn FnMut(TimedOffset) -> bool,
        decompress: &Decompress<'_>,
    ) -> Result<Option<TimedOffset>, LogError> {
        let segment = &self.segments[index];
        let Some((mut position, _)) = segment.find(from, self.end_of(index))? else {
            return Ok(None);
        };
        let file = segment.log()?;
        let mut walker = Walker::new(&*file, self.end_of(index), FEW);
        while let Some(header) = segment.header(&mut walker, position)? {
            if is_batch_wanted(&header) {
                let bytes = walker.bytes(position, header.size());
                let bytes = bytes.on_disk("read", &segment.path(names::LOG))?;
                let records = &bytes[HEADER_SIZE..header.size().min(bytes.len())];
                let found = in_batch(segment, position, &header, records, is_wanted, decompress)?;
                if found.is_some() {
                    return Ok(found);
                }
            }
            position += header.size() as u64;
        }
        Ok(None)
    }
}

fn in_batch(
    segment: &Arc<Segment>,
    position: u64,
    header: &BatchHeader,
    bytes: &[u8],
    is_wanted: &mut dyn FnMut(TimedOffset) -> bool,
    decompress: &Decompress<'_>,
) -> Result<Option<TimedOffset>, LogError> {
    let damaged = |reason: &str| {
        segment.damaged(
            &segment.path(names::LOG),
            position,
            header.base_offset,
            reason,
        )
    };
    let opened;
    let bytes = match header.attributes.compression() {
        None => return Err(damaged("its codec is not known")),
        Some(Compression::None) => bytes,
        Some(codec) => {
            opened = decompress(codec, bytes).map_err(|error| damaged(&error.to_string()))?;
            &opened[..]
        }
    };
    for record in Records::new(bytes, header.record_count) {
        let record = record.map_err(|error| damaged(&error.to_string()))?;
        let delta = i64::from(record.offset_delta);
        let offset = header.base_offset.saturating_add(delta);
        let timestamp = match header.attributes.is_append_time() {
            true => header.max_timestamp,
            false => header.base_timestamp.saturating_add(record.timestamp_delta),
        };
        let record = TimedOffset {
            offset,
            timestamp,
            leader_epoch: header.leader_epoch,
        };
        if is_wanted(record) {
            return Ok(Some(record));
        }
    }
    Ok(None)
}
