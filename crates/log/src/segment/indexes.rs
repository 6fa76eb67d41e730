//! The two indexes of a segment together, as they grow with it.

use std::io;

use millrace_kafka_wire::batch::BatchHeader;

use super::Segment;
use crate::error::LogError;
use crate::index::{Entry, Index, OffsetEntry, TimeEntry};
use crate::names;
use crate::walk::{MANY, Walker};

/// How far apart entries are: `index.interval.bytes`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interval(pub u32);

impl Default for Interval {
    fn default() -> Self {
        Self(4096)
    }
}

pub(crate) struct Indexes {
    offsets: Index<OffsetEntry>,
    times: Index<TimeEntry>,
    /// Since the last entry.
    bytes: u64,
    /// The largest timestamp, and the last offset of the first batch that has it.
    largest: Option<TimeEntry>,
    last_position: Option<u64>,
}

impl Default for Indexes {
    fn default() -> Self {
        Self {
            offsets: Index::Memory(Vec::new()),
            times: Index::Memory(Vec::new()),
            bytes: 0,
            largest: None,
            last_position: None,
        }
    }
}

impl Indexes {
    /// Indexes in files; `None` when they are not those of a segment.
    pub fn from_files(
        offsets: Index<OffsetEntry>,
        times: Index<TimeEntry>,
    ) -> io::Result<Option<Self>> {
        let (last, largest) = (offsets.last()?, times.last()?);
        let is_strange = (offsets.len() > 1 && last.is_some_and(|it| it.relative_offset == 0))
            || (times.len() > 1 && largest.is_some_and(|it| it.relative_offset == 0));
        Ok((!is_strange).then(|| Self {
            last_position: last.map(|it| u64::from(it.position)),
            offsets,
            times,
            bytes: 0,
            largest,
        }))
    }

    /// What the indexes of a sealed segment should be, from its batches.
    pub fn of(segment: &Segment, interval: Interval) -> Result<Self, LogError> {
        let (mut indexes, ..) = Self::grow_on(segment, interval)?;
        indexes.finish();
        Ok(indexes)
    }

    /// What the indexes of a segment are while it grows, from its batches; the largest time of its
    /// first batch, and the offset after its last one.
    pub fn grow_on(
        segment: &Segment,
        interval: Interval,
    ) -> Result<(Self, Option<i64>, i64), LogError> {
        let file = segment.log()?;
        let mut walker = Walker::new(&*file, segment.size(), MANY);
        let mut indexes = Self::default();
        let (mut position, mut first, mut end) = (0, None, segment.base_offset);
        while let Some(header) = segment.header(&mut walker, position)? {
            indexes.add(&header, segment.base_offset, position, interval);
            first.get_or_insert(header.max_timestamp);
            end = header.next_offset();
            position += header.size() as u64;
        }
        Ok((indexes, first, end))
    }

    /// Indexes from the files of a segment that is to grow on; `None` when they are not whole.
    pub fn to_memory(&self, size: u64) -> io::Result<Option<Self>> {
        let (Some(offsets), Some(times)) = (self.offsets.to_memory()?, self.times.to_memory()?)
        else {
            return Ok(None);
        };
        Ok(Some(Self {
            offsets,
            times,
            bytes: size - self.last_position.unwrap_or(0),
            largest: self.largest,
            last_position: self.last_position,
        }))
    }

    /// Accounts for a batch that begins at `position`, behind all others.
    ///
    /// The offsets of a segment lie within 2³¹ of its first, and its bytes too: a segment is rolled
    /// before that, and one that was not is damaged. There is no entry for what lies outside.
    pub fn add(
        &mut self,
        header: &BatchHeader,
        base_offset: i64,
        position: u64,
        interval: Interval,
    ) {
        let relative_offset = u32::try_from(header.last_offset().saturating_sub(base_offset));
        let (Ok(relative_offset), Ok(small_position)) = (relative_offset, u32::try_from(position))
        else {
            return;
        };
        let timestamp = header.max_timestamp;
        if timestamp > self.largest.map_or(-1, |it| it.timestamp) {
            self.largest = Some(TimeEntry {
                timestamp,
                relative_offset,
            });
        }
        if self.bytes > u64::from(interval.0) {
            if let Index::Memory(offsets) = &mut self.offsets {
                offsets.push(OffsetEntry {
                    relative_offset,
                    position: small_position,
                });
                self.last_position = Some(position);
            }
            self.finish();
            self.bytes = 0;
        }
        self.bytes += header.size() as u64;
    }

    /// Notes the largest timestamp so far, as the last entry of a sealed segment does.
    pub fn finish(&mut self) {
        if let (Index::Memory(times), Some(largest)) = (&mut self.times, self.largest)
            && times
                .last()
                .is_none_or(|it| it.timestamp < largest.timestamp)
        {
            times.push(largest);
        }
    }

    pub fn last_position(&self) -> Option<u64> {
        self.last_position
    }

    pub fn largest(&self) -> Option<TimeEntry> {
        self.largest
    }

    /// Whether `more` batches could make an index larger than `bytes`.
    pub fn is_full(&self, more: usize, bytes: u32) -> bool {
        let bytes = bytes as usize;
        // The last entry of the time index is kept for the end of the segment.
        self.offsets.len() + more >= bytes / 8 || self.times.len() + more + 1 >= bytes / 12
    }

    /// A position at or before the batch with `offset`.
    pub fn position_before(&self, offset: i64, base_offset: i64) -> io::Result<u64> {
        let is_before =
            |it: &OffsetEntry| base_offset.saturating_add(i64::from(it.relative_offset)) <= offset;
        let entry = self.offsets.last_where(is_before)?;
        Ok(entry.map_or(0, |it| u64::from(it.position)))
    }

    /// The last batch of which is known that it begins at or before `position` and ends with an
    /// offset below `bound`.
    pub fn last_start(&self, position: u64, bound: i64, base_offset: i64) -> io::Result<u64> {
        let entry = self.offsets.last_where(|it| {
            u64::from(it.position) <= position
                && base_offset.saturating_add(i64::from(it.relative_offset)) < bound
        })?;
        Ok(entry.map_or(0, |it| u64::from(it.position)))
    }

    /// An offset, relative to the segment's, before all records with `timestamp` or a later one.
    pub fn offset_before_time(&self, timestamp: i64) -> io::Result<u32> {
        let entry = self.times.last_where(|it| it.timestamp < timestamp)?;
        Ok(entry.map_or(0, |it| it.relative_offset))
    }

    /// How many bytes the two files have.
    pub fn sizes(&self) -> (u64, u64) {
        let bytes = |count: usize, entry: usize| (count * entry) as u64;
        (
            bytes(self.offsets.len(), OffsetEntry::SIZE),
            bytes(self.times.len(), TimeEntry::SIZE),
        )
    }

    /// The bytes of the two files, of indexes in memory.
    pub fn to_bytes(&self) -> [(&'static str, Vec<u8>); 2] {
        [
            (names::INDEX, self.offsets.to_bytes()),
            (names::TIME_INDEX, self.times.to_bytes()),
        ]
    }
}
