//! One history of a log.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use millrace_kafka_wire::batch::{BatchBuilder, ControlType, is_intact, set_position};
use millrace_log::files::sim::{Fault, Random, Simulated, Skip};
use millrace_log::{
    Batch, Config, Dirty, Files, Log, LogError, Opening, Origin, Refusal, Rules, validate,
};

use crate::cleaner::{self, Cleaner};
use crate::model::{Model, Stored, read_all};

const STEPS: u64 = 60;
/// Those with one of these ids write transactions.
const PRODUCERS: u64 = 4;

#[derive(Clone, Default)]
struct Client {
    epoch: i16,
    next_sequence: i32,
    is_in_transaction: bool,
    last: Option<(Bytes, i64)>,
}

pub struct World {
    disk: Simulated,
    random: Random,
    dir: PathBuf,
    model: Model,
    log: Option<Log>,
    dirty: Option<Dirty>,
    clients: Vec<Client>,
    leader_epoch: i32,
    now: i64,
    /// What the owner of the log directory has in its checkpoints.
    opening: Opening,
    /// A full disk had no room for an index.
    has_skipped: bool,
    /// Where the log is compacted.
    cleaner: Option<Cleaner>,
    pub starts: u64,
    pub cuts: u64,
    pub losses: u64,
    pub interrupted: u64,
}

impl World {
    pub fn new(seed: u64, skip: Option<Skip>) -> Self {
        let disk = Simulated::new(seed);
        disk.create_dir(Path::new("/logs")).unwrap();
        disk.sync_dir(Path::new("/")).unwrap();
        disk.skip(skip);
        Self {
            disk,
            random: Random::new(seed ^ 0x5eed),
            dir: PathBuf::from("/logs/topic-0"),
            model: Model::default(),
            log: None,
            dirty: None,
            clients: vec![Client::default(); PRODUCERS as usize],
            leader_epoch: 0,
            now: 1_000_000,
            opening: Opening::default(),
            has_skipped: false,
            cleaner: None,
            starts: 0,
            cuts: 0,
            losses: 0,
            interrupted: 0,
        }
    }

    /// A history of a log that is compacted.
    pub fn compacted(seed: u64, skip: Option<Skip>) -> Self {
        Self {
            cleaner: Some(Cleaner::new(seed)),
            ..Self::new(seed, skip)
        }
    }

    /// How many segments were cleaned.
    pub fn swaps(&self) -> u64 {
        self.cleaner.as_ref().map_or(0, |it| it.swaps)
    }

    pub fn run(&mut self) -> Result<(), String> {
        self.start()?;
        let steps = if self.cleaner.is_some() {
            3 * STEPS
        } else {
            STEPS
        };
        for _ in 0..steps {
            self.now += self.random.below(50) as i64;
            match self.clean().and_then(|()| self.step()) {
                Ok(()) => {}
                Err(Stop::Wrong(wrong)) => return Err(wrong),
                // The disk has failed: a restart is all that is left.
                Err(Stop::Failed) => self.restart()?,
            }
        }
        self.lose_power()
    }

    fn config(&self) -> Config {
        Config {
            segment_bytes: 16 * 1024,
            index_interval_bytes: 1000,
            retention_ms: Some(2000),
            compaction: self.cleaner.as_ref().map(|_| cleaner::compaction()),
            ..Config::default()
        }
    }

    /// A step of compaction, where the log is compacted.
    fn clean(&mut self) -> Result<(), Stop> {
        let Some(mut cleaner) = self.cleaner.take() else {
            return Ok(());
        };
        let log = self.log.as_mut().expect("it was started");
        let ended = cleaner.step(
            log,
            &self.disk,
            &mut self.model,
            &mut self.opening,
            self.now,
        );
        let is_power_lost = cleaner.is_power_lost();
        self.cleaner = Some(cleaner);
        match ended {
            Err(Stop::Failed) if is_power_lost => Ok(self.lose_power()?),
            ended => ended,
        }
    }

    fn log(&mut self) -> &mut Log {
        self.log.as_mut().expect("it was started")
    }

    fn start(&mut self) -> Result<(), String> {
        self.starts += 1;
        // Sometimes the power goes again before the log is open.
        if self.random.percent(25) {
            let at = self.random.below(15);
            self.disk.fail_at(at, Fault::Broken);
        }
        let (log, report) = loop {
            let files: Arc<dyn Files> = Arc::new(self.disk.clone());
            match Log::open(files, &self.dir, self.config(), self.opening) {
                Ok(opened) => break opened,
                Err(LogError::Disk { .. }) => {
                    self.interrupted += 1;
                    self.disk.lose_power();
                }
                Err(error) => return Err(error.to_string()),
            }
        };
        self.disk.clear_fault();
        self.opening.is_clean = false;
        self.cuts += u64::from(report.cut.is_some());
        self.has_skipped |= !report.skipped.is_empty();
        if !report.rebuilt.is_empty() && !self.has_skipped {
            return Err(format!(
                "{:?} had been durable and were not right",
                report.rebuilt
            ));
        }
        self.model.adopt(&log)?;
        self.model.compare(&log)?;
        self.model.check_visible(&log, self.now)?;
        self.log = Some(log);
        if !self.has_skipped {
            self.check_indexes()?;
        }
        self.check_times()?;
        self.follow_producers();
        self.leader_epoch += 1;
        let epoch = self.leader_epoch;
        self.log().start_epoch(epoch);
        Ok(())
    }

    /// Clients learn from the log what is left of them, as they do not matter here.
    fn follow_producers(&mut self) {
        for (id, client) in self.clients.iter_mut().enumerate() {
            let known = self.log.as_ref().and_then(|log| log.producer(id as i64));
            *client = known.map_or_else(Client::default, |known| Client {
                epoch: known.epoch,
                next_sequence: known.last_sequence() + 1,
                is_in_transaction: known.txn_first_offset.is_some(),
                last: None,
            });
        }
    }

    fn step(&mut self) -> Result<(), Stop> {
        match self.random.below(100) {
            0..45 => self.append(),
            45..65 => self.sync(),
            65..72 => {
                // What is written between taking and syncing is not part of it.
                if self.dirty.is_none() {
                    self.dirty = self.log().take_dirty()?;
                }
                self.append()
            }
            72..76 => {
                self.opening.recovery_point = self.log().durable_end();
                Ok(())
            }
            76..79 => self.resend(),
            79..82 => self.truncate(),
            82..85 => self.delete(),
            85..87 => self.close(),
            87..89 => Ok(self.restart()?),
            89..92 => {
                let fault = [Fault::Broken, Fault::Full][self.random.below(2) as usize];
                let at = self.random.below(12);
                self.disk.fail_at(at, fault);
                Ok(())
            }
            92..94 => {
                let room = self.random.below(10_000);
                self.disk.set_room(Some(room));
                self.append()?;
                self.append()?;
                self.disk.set_room(None);
                Ok(())
            }
            _ => Ok(self.lose_power()?),
        }
    }

    /// Appends some batches in one call. Clients count on: of a producer, what follows what was
    /// refused is refused, too.
    fn append(&mut self) -> Result<(), Stop> {
        let count = 1 + self.random.below(4);
        let client = Origin::Client {
            transaction_version: 0,
        };
        let mut sent: Vec<Bytes> = Vec::new();
        for _ in 0..count {
            match self.make_marker() {
                Some(marker) => {
                    self.send(std::mem::take(&mut sent), client)?;
                    let origin = Origin::Coordinator {
                        transaction_version: 0,
                    };
                    self.send(vec![marker], origin)?;
                }
                None => sent.push(self.make_batch()),
            }
        }
        self.send(sent, client)
    }

    fn send(&mut self, sent: Vec<Bytes>, origin: Origin) -> Result<(), Stop> {
        let (epoch, now) = (self.leader_epoch, self.now);
        let batches: Vec<_> = sent
            .iter()
            .map(|it| Batch::own(it.clone()).unwrap())
            .collect();
        // What is written before the call fails may be there later.
        let mut next = self.log().end_offset();
        for bytes in &sent {
            let header = is_intact(bytes).unwrap();
            self.model.ever.insert(placed(bytes, next, epoch));
            next += i64::from(header.record_count);
        }
        let results = self.log().append(&batches, origin, epoch, now)?;
        let mut is_refused = false;
        for (bytes, result) in sent.into_iter().zip(results) {
            match result {
                Ok(appended) if appended.is_duplicate => {
                    return Err(Stop::Wrong(format!("{appended:?} of what is new")));
                }
                Ok(appended) => {
                    self.model.add(placed(&bytes, appended.base_offset, epoch));
                    let header = is_intact(&bytes).unwrap();
                    let client = self.clients.get_mut(header.producer_id as usize);
                    if let Some(client) = client.filter(|_| !header.attributes.is_control()) {
                        client.last = Some((bytes, appended.base_offset));
                    }
                }
                Err(Refusal::NoSpace) => is_refused = true,
                Err(Refusal::Sequence { .. }) if is_refused => {}
                Err(refusal) => return Err(Stop::Wrong(format!("refused: {refusal}"))),
            }
        }
        if is_refused {
            self.follow_producers();
        }
        Ok(())
    }

    /// Ends the transaction of a producer that has one.
    fn make_marker(&mut self) -> Option<Bytes> {
        let id = self.random.below(PRODUCERS + 2) as usize;
        let client = self.clients.get_mut(id).filter(|it| it.is_in_transaction)?;
        let kind = [ControlType::Abort, ControlType::Commit][self.random.below(2) as usize];
        client.is_in_transaction = false;
        let marker = BatchBuilder::marker(kind, (id as i64, client.epoch.max(0)), 1, self.now);
        Some(marker.into())
    }

    fn make_batch(&mut self) -> Bytes {
        let id = self.random.below(PRODUCERS + 2) as usize;
        let count = 1 + self.random.below(4);
        let mut builder = BatchBuilder::new(0);
        if let Some(client) = self.clients.get_mut(id) {
            builder = builder.producer(id as i64, client.epoch.max(0), client.next_sequence);
            client.next_sequence += count as i32;
            if (id as u64) < PRODUCERS / 2 {
                builder = builder.transactional();
                client.is_in_transaction = true;
            }
        }
        let longest = [60, 500, 3900][self.random.below(3) as usize];
        for _ in 0..count {
            let length = self.random.below(longest);
            let value: Vec<u8> = (0..length).map(|_| self.random.number() as u8).collect();
            let time = self.now + self.random.below(100) as i64;
            let (key, has_value) = match &mut self.cleaner {
                Some(cleaner) => cleaner.key(),
                None => (Some(*b"key"), true),
            };
            let key = key.as_ref().map(|key| &key[..]);
            builder.add(time, key, has_value.then_some(&value), &[]);
        }
        let bytes = Bytes::from(builder.finish());
        validate(bytes.clone(), &Rules::default(), self.now).unwrap();
        bytes
    }

    /// A batch that was appended before comes again: its offset is answered.
    fn resend(&mut self) -> Result<(), Stop> {
        let id = self.random.below(PRODUCERS) as usize;
        let Some((batch, base_offset)) = self.clients[id].last.clone() else {
            return Ok(());
        };
        let origin = Origin::Client {
            transaction_version: 2,
        };
        let sent = Batch::own(batch).unwrap();
        let (epoch, now) = (self.leader_epoch, self.now);
        let result = self.log().append(&[sent], origin, epoch, now)?.remove(0);
        match result {
            Ok(it) if it.is_duplicate && it.base_offset == base_offset => Ok(()),
            other => Err(Stop::Wrong(format!(
                "{other:?} for what is at {base_offset}"
            ))),
        }
    }

    fn sync(&mut self) -> Result<(), Stop> {
        let dirty = match self.dirty.take() {
            Some(dirty) => Some(dirty),
            None => match self.log().take_dirty() {
                Err(LogError::NoSpace { .. }) => None,
                taken => taken?,
            },
        };
        if let Some(dirty) = dirty {
            let outcome = dirty.sync();
            let durable = self.log().synced(outcome)?;
            self.model.durable = self.model.durable.max(durable);
            self.log().set_high_watermark(durable);
        }
        Ok(())
    }

    fn truncate(&mut self) -> Result<(), Stop> {
        let (start, end) = (self.log().start_offset(), self.log().end_offset());
        let back = self.random.below((end - start) as u64 + 1).min(20);
        // A cleaner relies on that no replica is cut below its high watermark.
        let offset = (end - back as i64).max(self.model.replicated);
        let offset = self.log().truncation_end(offset)?;
        let first_dirty = &mut self.opening.first_dirty_offset;
        *first_dirty = offset.min(*first_dirty);
        self.opening.recovery_point = self.opening.recovery_point.min(offset);
        self.opening.start_offset = self.opening.start_offset.min(offset);
        self.model.durable = self.model.durable.min(offset);
        if let Some(cleaner) = &mut self.cleaner {
            cleaner.on_cut(offset);
        }
        let new_end = self.log().truncate_to(offset)?;
        self.model.truncate(offset);
        if new_end != offset || new_end != self.model.end_offset() && new_end != start {
            let expected = self.model.end_offset();
            return Err(Stop::Wrong(format!(
                "cut to {new_end}, should be {expected}"
            )));
        }
        self.follow_producers();
        let log = self.log.as_ref().expect("it was started");
        self.model.compare(log).map_err(Stop::Wrong)
    }

    fn delete(&mut self) -> Result<(), Stop> {
        let high_watermark = self.log().high_watermark();
        let start = self.log().start_offset();
        let offset = match self.random.percent(50) {
            true => {
                start
                    + self
                        .random
                        .below((high_watermark - start).max(0) as u64 + 1)
                        as i64
            }
            false => {
                let now = self.now;
                self.log().retention_start(now)?
            }
        };
        self.opening.start_offset = self.opening.start_offset.max(offset);
        if offset > high_watermark {
            return Ok(());
        }
        let removed = self.log().delete_records(offset)?;
        if self.random.percent(50) {
            removed.unlink()?;
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), Stop> {
        // The first gives back what is out, so that close can take the rest.
        self.sync()?;
        match self.log().close() {
            Err(LogError::NoSpace { .. }) => {}
            durable => {
                self.model.durable = durable?;
                self.opening.recovery_point = self.model.durable;
                self.opening.is_clean = true;
                if self.model.durable != self.model.end_offset() {
                    return Err(Stop::Wrong("closed before all was durable".into()));
                }
            }
        }
        match self.random.percent(50) {
            true => Ok(self.restart()?),
            false => Ok(self.lose_power()?),
        }
    }

    /// The process dies; the machine does not.
    fn restart(&mut self) -> Result<(), String> {
        self.let_go();
        self.log = None;
        self.disk.clear_fault();
        self.start()
    }

    fn lose_power(&mut self) -> Result<(), String> {
        self.losses += 1;
        self.let_go();
        self.log = None;
        self.disk.lose_power();
        self.start()
    }

    fn let_go(&mut self) {
        self.dirty = None;
        if let Some(cleaner) = &mut self.cleaner {
            cleaner.let_go();
        }
    }

    /// Every entry of the index of a sealed segment names a batch.
    fn check_indexes(&self) -> Result<(), String> {
        let names = self.disk.list(&self.dir).unwrap();
        let logs: Vec<_> = names.iter().filter(|name| name.ends_with(".log")).collect();
        for name in &logs[..logs.len() - 1] {
            let base = name.trim_end_matches(".log");
            let content = |suffix: &str| {
                let path = self.dir.join(format!("{base}.{suffix}"));
                self.disk
                    .content(&path)
                    .ok_or(format!("{base}.{suffix} is missing"))
            };
            let (log, index) = (content("log")?, content("index")?);
            let offset: i64 = base.parse().unwrap();
            let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap());
            for entry in index.chunks(8) {
                let position = number(&entry[4..]) as usize;
                let header = is_intact(log.get(position..).unwrap_or_default());
                let last = header
                    .map_err(|it| format!("{base}.index: {it}"))?
                    .last_offset();
                if last != offset + i64::from(number(&entry[..4])) {
                    return Err(format!("{base}.index says {entry:?}, the log {last}"));
                }
            }
            let expected = expected_entries(&log);
            if index.len() / 8 != expected {
                return Err(format!("{base}.index has {} entries", index.len() / 8));
            }
            if content("timeindex")?.len() % 12 != 0 || content("timeindex")?.is_empty() {
                return Err(format!("{base}.timeindex is not whole"));
            }
        }
        Ok(())
    }

    fn check_times(&mut self) -> Result<(), String> {
        let none = |_, _: &[u8]| unreachable!("nothing is compressed");
        let snapshot = self.log().snapshot();
        let read = read_all(self.log())?;
        let largest = snapshot.max_timestamp(i64::MAX, &none);
        let largest = largest.map_err(|it| it.to_string())?.map(|it| it.timestamp);
        let expected = Stored::largest_time(&read, snapshot.start_offset());
        if largest != expected {
            return Err(format!(
                "the largest time is {largest:?}, should be {expected:?}"
            ));
        }
        for _ in 0..5 {
            let time = self.now - self.random.below(3000) as i64;
            let found = snapshot.offset_for_time(time, i64::MAX, &none);
            let found = found
                .map_err(|it| it.to_string())?
                .map(|it| (it.offset, it.timestamp));
            let expected = Stored::offset_for_time(&read, snapshot.start_offset(), time);
            if found != expected {
                return Err(format!(
                    "time {time} is at {found:?}, should be {expected:?}"
                ));
            }
        }
        Ok(())
    }
}

/// The bytes of a batch as they are in the log.
fn placed(batch: &Bytes, base_offset: i64, leader_epoch: i32) -> Vec<u8> {
    let mut bytes = batch.to_vec();
    set_position(&mut bytes, base_offset, leader_epoch);
    bytes
}

/// How many entries an index has: one where more than the interval lies behind the last.
fn expected_entries(log: &[u8]) -> usize {
    let (mut position, mut since, mut count) = (0, 0, 0);
    while let Ok(header) = is_intact(&log[position..]) {
        if since > 1000 {
            (since, count) = (0, count + 1);
        }
        since += header.size();
        position += header.size();
    }
    count
}

pub enum Stop {
    Wrong(String),
    Failed,
}

impl From<String> for Stop {
    fn from(wrong: String) -> Self {
        Stop::Wrong(wrong)
    }
}

impl From<LogError> for Stop {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Disk { .. } | LogError::Failed | LogError::NoSpace { .. } => Stop::Failed,
            other => Stop::Wrong(other.to_string()),
        }
    }
}
