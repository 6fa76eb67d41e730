//! What stays of a batch.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io;

use millrace_kafka_wire::batch::{BatchHeader, Compression, HEADER_SIZE, Record, Records};

use super::CleaningTools;
use super::offset_map::OffsetMap;
use super::rewrite::{Kept, empty, rewrite};
use super::transactions::Transactions;

/// The last thing that an active producer wrote, which must stay for its state to be known.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LastOfProducer {
    /// The batch that ends with this offset.
    Batch(i64),
    /// It wrote nothing but markers in this epoch.
    Marker(i16),
}

/// What becomes of a batch.
#[derive(Debug)]
pub(super) enum Fate {
    Goes,
    Stays,
    Becomes(BatchHeader, Vec<u8>),
}

impl Fate {
    fn of(written: (BatchHeader, Vec<u8>)) -> Self {
        Fate::Becomes(written.0, written.1)
    }
}

/// Why a batch cannot be cleaned, for people.
pub(super) type Reason = String;

pub(super) struct Filter {
    pub map: OffsetMap,
    /// Up to which offset the map knows the last one of each key.
    pub mapped: i64,
    pub transactions: Transactions,
    pub producers: HashMap<i64, LastOfProducer>,
    pub now: i64,
    pub delete_retention_ms: i64,
    /// Of the batch at hand.
    kept: Vec<Kept>,
}

impl Filter {
    pub fn new(map: OffsetMap, mapped: i64, transactions: Transactions) -> Self {
        Self {
            map,
            mapped,
            transactions,
            producers: HashMap::new(),
            now: 0,
            delete_retention_ms: 0,
            kept: Vec::new(),
        }
    }

    /// Judges a batch, of which `bytes` are all. One that `ends_segment` stays, if only its header,
    /// so that the log has no hole between segments.
    pub fn judge(
        &mut self,
        header: &BatchHeader,
        bytes: &[u8],
        ends_segment: bool,
        tools: &CleaningTools<'_>,
    ) -> Result<Fate, Reason> {
        let records = &bytes[HEADER_SIZE..];
        if header.attributes.is_control() {
            let is_idle = self.transactions.on_control(header, records);
            return self.judge_control(header, records, is_idle, ends_segment, tools);
        }
        let is_aborted = self.transactions.on_batch(header);
        let must_stay = ends_segment || self.is_last_of_producer(header);
        if is_aborted || header.record_count == 0 {
            return bare(header, must_stay);
        }
        let opened = opened(header, records, tools.decompress)?;
        let has_tombstones = self.sift(header, &opened)?;
        if self.kept.is_empty() {
            return bare(header, must_stay);
        }
        let horizon = (has_tombstones && header.delete_horizon().is_none()).then(|| self.horizon());
        let is_whole = usize::try_from(header.record_count) == Ok(self.kept.len());
        if is_whole && horizon.is_none() {
            return Ok(Fate::Stays);
        }
        let written = rewrite(header, &opened, &self.kept, horizon, tools.compress);
        written.map(Fate::of).map_err(cannot_write)
    }

    /// A marker that decides nothing any more stays until readers that saw its records have had
    /// time to see it; the last one of a producer stays as long as its epoch counts.
    fn judge_control(
        &mut self,
        header: &BatchHeader,
        records: &[u8],
        is_idle: bool,
        ends_segment: bool,
        tools: &CleaningTools<'_>,
    ) -> Result<Fate, Reason> {
        let is_last = self.is_last_of_producer(header);
        if header.record_count == 0 {
            return bare(header, is_last || ends_segment);
        }
        match header.delete_horizon() {
            _ if !is_idle => Ok(Fate::Stays),
            Some(horizon) if horizon <= self.now && !is_last => bare(header, ends_segment),
            Some(_) => Ok(Fate::Stays),
            None => {
                self.keep_all(header, records)?;
                let horizon = Some(self.horizon());
                let written = rewrite(header, records, &self.kept, horizon, tools.compress);
                written.map(Fate::of).map_err(cannot_write)
            }
        }
    }

    fn horizon(&self) -> i64 {
        self.now.saturating_add(self.delete_retention_ms)
    }

    fn is_last_of_producer(&self, header: &BatchHeader) -> bool {
        match self.producers.get(&header.producer_id) {
            Some(LastOfProducer::Batch(offset)) => header.last_offset() == *offset,
            Some(LastOfProducer::Marker(epoch)) => {
                header.attributes.is_control() && header.producer_epoch == *epoch
            }
            None => false,
        }
    }

    /// Collects the records that stay. Tells whether there are tombstones among them.
    fn sift(&mut self, header: &BatchHeader, records: &[u8]) -> Result<bool, Reason> {
        let mut kept = std::mem::take(&mut self.kept);
        kept.clear();
        let mut has_tombstones = false;
        let sifted = each_record(header, records, |record, offset, kept_as| {
            if self.stays(header, &record, offset) {
                has_tombstones |= record.value.is_none();
                kept.push(kept_as);
            }
        });
        self.kept = kept;
        sifted.map(|()| has_tombstones)
    }

    fn keep_all(&mut self, header: &BatchHeader, records: &[u8]) -> Result<(), Reason> {
        let kept = &mut self.kept;
        kept.clear();
        each_record(header, records, |_, _, kept_as| kept.push(kept_as))
    }

    fn stays(&self, header: &BatchHeader, record: &Record<'_>, offset: i64) -> bool {
        if offset > self.mapped {
            return true;
        }
        let Some(key) = record.key else {
            return false;
        };
        if self.map.get(key).is_some_and(|last| offset < last) {
            return false;
        }
        let horizon = header.delete_horizon();
        record.value.is_some() || horizon.is_none_or(|it| self.now < it)
    }
}

/// A batch that has no records left.
fn bare(header: &BatchHeader, must_stay: bool) -> Result<Fate, Reason> {
    match (must_stay, header.record_count) {
        (false, _) => Ok(Fate::Goes),
        (true, 0) => Ok(Fate::Stays),
        (true, _) => empty(header).map(Fate::of).map_err(cannot_write),
    }
}

fn cannot_write(error: io::Error) -> Reason {
    format!("what is left of it cannot be written: {error}")
}

/// Calls `act` with each record of a batch, its offset, and where it lies.
pub(super) fn each_record(
    header: &BatchHeader,
    records: &[u8],
    mut act: impl FnMut(Record<'_>, i64, Kept),
) -> Result<(), Reason> {
    let mut iterator = Records::new(records, header.record_count);
    let (mut start, mut least, mut count) = (0, 0, 0);
    while let Some(record) = iterator.next() {
        let record = record.map_err(|error| error.to_string())?;
        if !(least..=header.last_offset_delta).contains(&record.offset_delta) {
            return Err(format!("record {count} has an offset out of order"));
        }
        let end = records.len() - iterator.rest().len();
        let kept = Kept {
            bytes: start..end,
            timestamp_delta: record.timestamp_delta,
        };
        least = record.offset_delta.saturating_add(1);
        let offset = header.base_offset + i64::from(record.offset_delta);
        act(record, offset, kept);
        (start, count) = (end, count + 1);
    }
    match header.record_count == count {
        true => Ok(()),
        false => Err("it has fewer records than it counts".to_owned()),
    }
}

/// The records of a batch, opened if they are compressed.
pub(super) fn opened<'a>(
    header: &BatchHeader,
    records: &'a [u8],
    decompress: &super::Decompress<'_>,
) -> Result<Cow<'a, [u8]>, Reason> {
    match header.attributes.compression() {
        None => Err("its codec is not known".to_owned()),
        Some(Compression::None) => Ok(Cow::Borrowed(records)),
        Some(codec) => match decompress(codec, records) {
            Ok(opened) => Ok(Cow::Owned(opened)),
            Err(error) => Err(error.to_string()),
        },
    }
}
