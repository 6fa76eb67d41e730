//! What a log should hold: a list of batches, and what follows from it.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use millrace_kafka_wire::batch::{BatchHeader, HEADER_SIZE, Record, Records, is_intact};
use millrace_log::{AbortedTxn, Log};

use crate::cleaner;
use crate::visible::{Row, committed, states};

#[derive(Clone)]
pub struct Stored {
    pub header: BatchHeader,
    pub bytes: Vec<u8>,
}

impl Stored {
    pub fn new(bytes: Vec<u8>) -> Self {
        let header = is_intact(&bytes).unwrap();
        Self { header, bytes }
    }

    /// Offset, time and record of all that it holds.
    pub fn records(&self) -> impl Iterator<Item = (i64, i64, Record<'_>)> {
        let header = self.header;
        let records = Records::new(&self.bytes[HEADER_SIZE..], header.record_count);
        records.map(move |record| {
            let record = record.unwrap();
            let offset = header.base_offset + i64::from(record.offset_delta);
            (
                offset,
                header.base_timestamp + record.timestamp_delta,
                record,
            )
        })
    }

    /// The first record with a time, or a later one: its offset and its time.
    pub fn offset_for_time(batches: &[Self], start: i64, timestamp: i64) -> Option<(i64, i64)> {
        let records = batches.iter().flat_map(Stored::records);
        records
            .map(|(offset, time, _)| (offset, time))
            .find(|(offset, time)| *offset >= start && *time >= timestamp)
    }

    pub fn largest_time(batches: &[Self], start: i64) -> Option<i64> {
        let records = batches.iter().flat_map(Stored::records);
        let times = records.filter(|(offset, ..)| *offset >= start);
        times.map(|(_, time, _)| time).max()
    }

    /// Whether a cleaner may have made it of another batch.
    fn is_left_of(&self, other: &Stored) -> bool {
        let fixed = |it: &Stored| {
            let header = it.header;
            (
                (
                    header.base_offset,
                    header.last_offset(),
                    header.leader_epoch,
                ),
                (
                    header.producer_id,
                    header.producer_epoch,
                    header.base_sequence,
                ),
                header.attributes.0 & 0x3f,
            )
        };
        let mut records = self.records();
        fixed(self) == fixed(other)
            && records.all(|(offset, time, record)| {
                let mut old = other.records();
                old.any(|(at, then, old)| {
                    at == offset
                        && then == time
                        && (old.key, old.value) == (record.key, record.value)
                })
            })
    }
}

#[derive(Default)]
pub struct Model {
    /// Everything since offset 0, with what was deleted.
    pub batches: Vec<Stored>,
    /// What was said to be durable.
    pub durable: i64,
    /// All that was ever given to the log, with its place in it.
    pub ever: HashSet<Vec<u8>>,
    /// Below this offset the log may have been cleaned; here it is as it was written.
    pub cleaned: i64,
    /// The high watermark when it was cleaned last: what a pass relied on lies below it.
    pub replicated: i64,
}

/// What is known of a producer: epoch, last sequence, first offset of its transaction.
type Known = (i16, i32, Option<i64>);

impl Model {
    pub fn end_offset(&self) -> i64 {
        self.batches.last().map_or(0, |it| it.header.next_offset())
    }

    pub fn add(&mut self, bytes: Vec<u8>) {
        self.ever.insert(bytes.clone());
        self.batches.push(Stored::new(bytes));
    }

    pub fn truncate(&mut self, offset: i64) {
        self.batches.retain(|it| it.header.next_offset() <= offset);
        self.durable = self.durable.min(self.end_offset());
    }

    /// Compares with a log that was just opened, and takes over what it has behind its durable
    /// part.
    pub fn adopt(&mut self, log: &Log) -> Result<(), String> {
        let (left, read): (Vec<_>, Vec<_>) = read_all(log)?
            .into_iter()
            .partition(|it| it.header.next_offset() <= self.cleaned);
        let first = read
            .first()
            .map_or(log.end_offset(), |it| it.header.base_offset);
        if log.end_offset() < self.durable {
            return Err(format!(
                "{} was durable, {} is the end",
                self.durable,
                log.end_offset()
            ));
        }
        let known = std::mem::take(&mut self.batches).into_iter();
        let (mut kept, known): (Vec<Stored>, Vec<_>) =
            known.partition(|it| it.header.next_offset() <= self.cleaned);
        let is_known = |it: &&Stored| kept.iter().any(|old| it.is_left_of(old));
        if let Some(made_up) = left.iter().find(|it| !is_known(it)) {
            return Err(format!("{:?} is left of nothing", made_up.header));
        }
        for stored in known {
            if stored.header.next_offset() <= first {
                kept.push(stored);
            } else if stored.header.next_offset() <= self.durable
                && !read.iter().any(|it| it.bytes == stored.bytes)
            {
                return Err(format!("the batch {:?} is gone", stored.header));
            }
        }
        if let Some(made_up) = read.iter().find(|it| !self.ever.contains(&it.bytes)) {
            return Err(format!("{:?} was never appended", made_up.header));
        }
        kept.extend(read);
        for two in kept.windows(2) {
            if two[1].header.base_offset != two[0].header.next_offset() {
                return Err(format!("a hole before {:?}", two[1].header));
            }
        }
        self.batches = kept;
        Ok(())
    }

    /// Compares what follows from the batches.
    pub fn compare(&self, log: &Log) -> Result<(), String> {
        let (producers, aborted) = self.transactions();
        for (id, known) in producers {
            let found = log
                .producer(id)
                .map(|it| (it.epoch, it.last_sequence(), it.txn_first_offset));
            if found != Some(known) {
                return Err(format!("producer {id} is {found:?}, should be {known:?}"));
            }
        }
        let (start, end) = (log.start_offset(), log.end_offset());
        let seen = log
            .snapshot()
            .aborted(start, end)
            .map_err(|it| it.to_string())?;
        // What is still needed of those that were cleaned, their readers see.
        let is_cleaned = |txn: &AbortedTxn| txn.last_offset < self.cleaned;
        let (_, seen): (Vec<_>, Vec<_>) = seen.into_iter().partition(is_cleaned);
        let expected: Vec<_> = aborted
            .into_iter()
            .filter(|txn| txn.last_offset >= start && !is_cleaned(txn))
            .collect();
        if seen != expected {
            return Err(format!("{seen:?} were aborted, should be {expected:?}"));
        }
        for (epoch, end) in self.epoch_ends() {
            let found = log.snapshot().end_offset_for_epoch(epoch);
            if end > start && found != Some((epoch, end)) {
                return Err(format!("epoch {epoch} ends at {found:?}, should at {end}"));
            }
        }
        Ok(())
    }

    /// Compares what readers of committed records see: nothing that was not committed, the last
    /// value of each key, and all that no cleaner may remove.
    pub fn check_visible(&self, log: &Log, now: i64) -> Result<(), String> {
        let start = log.start_offset();
        let end = log.oldest_transaction().map_or(log.end_offset(), |it| it.0);
        let rows = |batches: &[Stored], aborted: &[AbortedTxn]| {
            let rows = committed(batches, aborted).into_iter();
            let rows = rows.filter(|row| (start..end).contains(&row.offset));
            rows.collect::<Vec<Row>>()
        };
        let aborted = log.snapshot().aborted(start, end);
        let seen = rows(&read_all(log)?, &aborted.map_err(|it| it.to_string())?);
        let expected = rows(&self.batches, &self.transactions().1);
        if let Some(two) = seen.windows(2).find(|two| two[0].offset >= two[1].offset) {
            return Err(format!("{two:?} are out of order"));
        }
        let at = |rows: &[Row], offset| rows.binary_search_by_key(&offset, |row| row.offset);
        for row in &seen {
            if at(&expected, row.offset).is_ok_and(|at| expected[at] == *row) {
                continue;
            }
            return Err(format!("{row:?} was not committed"));
        }
        let cleaned = expected.iter().filter(|row| row.offset < self.cleaned);
        let last: BTreeMap<_, _> = cleaned.map(|row| (&row.key, row.offset)).collect();
        for row in &expected {
            if at(&seen, row.offset).is_ok() {
                continue;
            }
            // Times of records are up to 100 ms ahead.
            let is_old = row.time - 100 + cleaner::DELETE_RETENTION_MS <= now;
            let is_replaced = last.get(&row.key).is_some_and(|last| row.offset < *last);
            let may_go = is_replaced || row.key.is_none() || row.value.is_none() && is_old;
            if row.offset >= self.cleaned || !may_go {
                return Err(format!("{row:?} is gone"));
            }
        }
        match states(&seen) == states(&expected) {
            true => Ok(()),
            false => Err("the last values are not those that were written".to_owned()),
        }
    }

    fn transactions(&self) -> (BTreeMap<i64, Known>, Vec<AbortedTxn>) {
        let mut producers: BTreeMap<i64, Known> = BTreeMap::new();
        let (mut open, mut aborted) = (BTreeSet::new(), Vec::new());
        for Stored { header, bytes } in &self.batches {
            if header.producer_id < 0 {
                continue;
            }
            let known = producers
                .entry(header.producer_id)
                .or_insert((-1, -1, None));
            if known.0 != header.producer_epoch {
                (known.0, known.1) = (header.producer_epoch, -1);
            }
            if !header.attributes.is_control() {
                known.1 = header.last_sequence();
                if header.attributes.is_transactional() && known.2.is_none() {
                    known.2 = Some(header.base_offset);
                    open.insert(header.base_offset);
                }
                continue;
            }
            let Some(first_offset) = known.2.take() else {
                continue;
            };
            open.remove(&first_offset);
            let record = Records::new(&bytes[HEADER_SIZE..], 1).next();
            if record.unwrap().unwrap().key.unwrap()[3] == 0 {
                let last_stable = open.first().copied();
                aborted.push(AbortedTxn {
                    producer_id: header.producer_id,
                    first_offset,
                    last_offset: header.base_offset,
                    last_stable_offset: last_stable.unwrap_or(header.base_offset + 1),
                });
            }
        }
        (producers, aborted)
    }

    fn epoch_ends(&self) -> BTreeMap<i32, i64> {
        let ends = self.batches.iter().map(|it| &it.header);
        ends.map(|it| (it.leader_epoch, it.next_offset())).collect()
    }
}

/// All batches of a log, each whole and with its own checksum.
pub fn read_all(log: &Log) -> Result<Vec<Stored>, String> {
    let snapshot = log.snapshot();
    let (mut offset, mut all) = (snapshot.start_offset(), Vec::new());
    loop {
        let slice = snapshot
            .read(offset, 3000, i64::MAX)
            .map_err(|it| it.to_string())?;
        let Some(slice) = slice else { break };
        let bytes = slice.bytes().map_err(|it| it.to_string())?;
        let mut left = &bytes[..];
        while !left.is_empty() {
            let header = is_intact(left).map_err(|it| format!("at offset {offset}: {it}"))?;
            let (batch, rest) = left.split_at(header.size());
            let least = all.last().map_or(0, |it: &Stored| it.header.next_offset());
            if header.base_offset < least {
                return Err(format!("offset {} comes after {least}", header.base_offset));
            }
            all.push(Stored::new(batch.to_vec()));
            left = rest;
        }
        offset = slice.next_offset;
    }
    match offset == snapshot.end_offset() {
        true => Ok(all),
        false => Err(format!(
            "reading ends at {offset}, the log at {}",
            snapshot.end_offset()
        )),
    }
}
