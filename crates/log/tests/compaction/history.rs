//! One history of a compacted log.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use millrace_kafka_wire::batch::{BatchBuilder, is_intact, set_position};
use millrace_log::files::sim::{Random, Simulated};
use millrace_log::{
    Batch, Cleaned, Cleaning, CleaningTools, Compaction, Config, Files, Log, Opening, Origin,
    Snapshot,
};

use crate::clients::Clients;
use crate::codecs::{compress, decompress};
use crate::reader::{Row, batches, read, rows, states};

const STEPS: u64 = 250;
const RETENTION: i64 = 1000;
const CLIENT: Origin = Origin::Client {
    transaction_version: 1,
};
const COORDINATOR: Origin = Origin::Coordinator {
    transaction_version: 1,
};

/// A record that was written.
struct Written {
    row: Row,
    producer: i64,
    /// `None` while its transaction is open.
    is_committed: Option<bool>,
    /// When it was appended.
    appended: i64,
}

pub struct History {
    disk: Simulated,
    random: Random,
    dir: PathBuf,
    log: Log,
    clients: Clients,
    now: i64,
    written: Vec<Written>,
    cleaning: Option<Cleaning>,
    cleaned: Option<Cleaned>,
    held: Option<(Snapshot, i64, Vec<Bytes>)>,
    recovery_point: i64,
    first_dirty_offset: i64,
    pub swaps: u64,
    pub gone: u64,
}

fn config(random: &mut Random) -> Config {
    Config {
        segment_bytes: [3000, 6000, 20_000][random.below(3) as usize],
        index_interval_bytes: [100, 1000, 4096][random.below(3) as usize],
        max_index_bytes: [100, 10_000][random.below(2) as usize],
        compaction: Some(Compaction {
            min_dirty_ratio: [0.0, 0.3][random.below(2) as usize],
            delete_retention_ms: RETENTION,
            ..Compaction::default()
        }),
        ..Config::default()
    }
}

impl History {
    pub fn new(seed: u64) -> Self {
        let disk = Simulated::new(seed);
        disk.create_dir(Path::new("/logs")).unwrap();
        let mut random = Random::new(seed ^ 0xc0de);
        let (dir, config) = (PathBuf::from("/logs/topic-0"), config(&mut random));
        let files: Arc<dyn Files> = Arc::new(disk.clone());
        let (log, _) = Log::open(files, &dir, config, Opening::default()).unwrap();
        Self {
            disk,
            random,
            dir,
            log,
            clients: Clients::new(),
            now: 1_000_000,
            written: Vec::new(),
            cleaning: None,
            cleaned: None,
            held: None,
            recovery_point: 0,
            first_dirty_offset: 0,
            swaps: 0,
            gone: 0,
        }
    }

    pub fn run(&mut self) -> Result<(), String> {
        for _ in 0..STEPS {
            self.now += self.random.below(30) as i64;
            self.step()?;
        }
        self.end()
    }

    fn step(&mut self) -> Result<(), String> {
        match self.random.below(100) {
            0..45 => self.append(),
            45..60 => {
                let id = self.random.below(3) as usize;
                self.end_transaction(id);
            }
            60..72 => self.replicate(),
            72..92 => return self.clean(),
            92..94 => self.hold()?,
            94..96 => return self.restart(),
            96..97 => {
                let config = config(&mut self.random);
                self.log.set_config(config);
            }
            97..98 => self.cut(),
            98..99 => self.delete(),
            _ => self.now += self.random.below(2 * RETENTION as u64) as i64,
        }
        Ok(())
    }

    fn send(&mut self, bytes: &Bytes, origin: Origin) -> i64 {
        let batch = [Batch::own(bytes.clone()).unwrap()];
        let appended = self.log.append(&batch, origin, 1, self.now).unwrap();
        appended[0].unwrap().base_offset
    }

    fn append(&mut self) {
        let mut bytes = self.clients.batch(&mut self.random, self.now);
        let base_offset = self.send(&bytes, CLIENT);
        bytes = {
            let mut placed = bytes.to_vec();
            set_position(&mut placed, base_offset, 1);
            placed.into()
        };
        let header = is_intact(&bytes).unwrap();
        let is_open = header.attributes.is_transactional();
        self.written
            .extend(rows(&header, &bytes).into_iter().map(|row| Written {
                row,
                producer: header.producer_id,
                is_committed: (!is_open).then_some(true),
                appended: self.now,
            }));
    }

    fn end_transaction(&mut self, id: usize) {
        let marker = self.clients.marker(&mut self.random, id, self.now);
        let Some((marker, aborts)) = marker else {
            return;
        };
        self.send(&marker, COORDINATOR);
        let open = self.written.iter_mut();
        let open = open.filter(|it| it.is_committed.is_none() && it.producer == id as i64);
        open.for_each(|it| it.is_committed = Some(!aborts));
    }

    /// What is written becomes durable; the replicas may have less of it.
    fn replicate(&mut self) {
        let durable = self.log.sync().unwrap();
        let behind = self.random.below(20) as i64;
        let high_watermark = self.log.truncation_end(durable - behind).unwrap();
        self.log.set_high_watermark(high_watermark);
        if self.random.percent(70) {
            self.recovery_point = durable;
        }
    }

    fn clean(&mut self) -> Result<(), String> {
        let tools = CleaningTools {
            decompress: &decompress,
            compress: &compress,
            memory: [0, 1000, 1 << 20][self.random.below(3) as usize],
            go_on: &|_| true,
        };
        if let Some(cleaned) = self.cleaned.take() {
            let swapped = self.log.finish_cleaning(cleaned).unwrap();
            self.swaps += u64::from(!swapped.is_void);
            swapped.removed.unlink().unwrap();
            self.first_dirty_offset = self.log.first_dirty_offset();
            self.check()?;
        }
        if self.cleaning.is_none() {
            let plan = self.log.plan_cleaning(self.now, self.recovery_point);
            self.cleaning = plan.unwrap();
        }
        if let Some(cleaning) = &mut self.cleaning {
            self.cleaned = cleaning.run(&tools).map_err(|it| it.to_string())?;
            if self.cleaned.is_none() {
                self.cleaning = None;
            }
        }
        Ok(())
    }

    /// A reader keeps a snapshot, which must go on to show the same.
    fn hold(&mut self) -> Result<(), String> {
        let bytes_of = |snapshot: &Snapshot, up_to| {
            let all = batches(snapshot, up_to)?.into_iter();
            Ok::<_, String>(all.map(|it| it.1).collect::<Vec<_>>())
        };
        if let Some((snapshot, up_to, bytes)) = self.held.take()
            && bytes_of(&snapshot, up_to)? != bytes
        {
            return Err("a snapshot has changed".to_owned());
        }
        let snapshot = self.log.snapshot();
        let up_to = self.log.high_watermark();
        let bytes = bytes_of(&snapshot, up_to)?;
        self.held = Some((snapshot, up_to, bytes));
        Ok(())
    }

    fn restart(&mut self) -> Result<(), String> {
        self.clear();
        let is_clean = self.random.percent(50);
        match is_clean {
            true => self.recovery_point = self.log.close().unwrap(),
            false => drop(self.log.sync().unwrap()),
        }
        self.open(is_clean)?;
        // Which markers were not replicated is known no more; all are.
        self.log.set_high_watermark(self.log.end_offset());
        self.check()
    }

    fn open(&mut self, is_clean: bool) -> Result<(), String> {
        let opening = Opening {
            start_offset: self.log.start_offset(),
            recovery_point: self.recovery_point,
            first_dirty_offset: self.first_dirty_offset,
            is_clean,
            now: self.now,
        };
        let files: Arc<dyn Files> = Arc::new(self.disk.clone());
        let end_offset = self.log.end_offset();
        let config = self.log.config().clone();
        let opened = Log::open(files, &self.dir, config, opening);
        let (log, report) = opened.map_err(|it| it.to_string())?;
        let is_same = log.end_offset() == end_offset && report.cut.is_none();
        self.log = log;
        match is_same {
            true => Ok(()),
            false => Err(format!("{report:?}, the end was {end_offset}")),
        }
    }

    fn clear(&mut self) {
        self.cleaning = None;
        self.cleaned = None;
        self.held = None;
    }

    /// What is not replicated may be cut off.
    fn cut(&mut self) {
        self.held = None;
        let (least, end) = (self.log.high_watermark(), self.log.end_offset());
        let offset = least + self.random.below((end - least) as u64 + 1) as i64;
        let offset = self.log.truncation_end(offset).unwrap();
        if offset < least {
            return;
        }
        self.recovery_point = self.recovery_point.min(offset);
        self.first_dirty_offset = self.first_dirty_offset.min(offset);
        assert_eq!(self.log.truncate_to(offset).unwrap(), offset);
        self.written.retain(|it| it.row.offset < offset);
        for (id, client) in self.clients.known.iter_mut().enumerate() {
            let known = self.log.producer(id as i64);
            client.epoch = known.map_or(0, |it| it.epoch.max(0));
            client.next_sequence = known.map_or(0, |it| it.last_sequence() + 1);
            client.is_in_transaction = known.is_some_and(|it| it.txn_first_offset.is_some());
            if client.is_in_transaction {
                let first = known.and_then(|it| it.txn_first_offset).unwrap();
                let open = self.written.iter_mut();
                let open = open.filter(|it| it.producer == id as i64 && it.row.offset >= first);
                open.for_each(|it| it.is_committed = None);
            }
        }
    }

    fn delete(&mut self) {
        // The files of a held snapshot may not have been opened yet.
        self.held = None;
        let (start, end) = (self.log.start_offset(), self.log.high_watermark());
        let offset = start + self.random.below((end - start).max(0) as u64 / 4 + 1) as i64;
        let removed = self.log.delete_records(offset).unwrap();
        removed.unlink().unwrap();
    }

    /// Compares what a reader sees with what was written.
    fn check(&mut self) -> Result<(), String> {
        let (start, end) = (self.log.start_offset(), self.log.last_stable_offset());
        let seen = read(&self.log.snapshot(), end)?;
        let range = self.written.iter();
        let range = range.filter(|it| (start..end).contains(&it.row.offset));
        let committed = range.filter(|it| it.is_committed == Some(true));
        let committed_below: Vec<&Written> = committed.collect();
        let expected: Vec<Row> = committed_below.iter().map(|it| it.row.clone()).collect();
        let last = states(&expected);
        self.gone = 0;
        // Of what is above the last stable offset, a reader will see the rest.
        let committed = self
            .written
            .iter()
            .filter(|it| it.is_committed == Some(true));
        let keyed = committed.filter_map(|it| Some((it.row.key.as_deref()?, it.row.offset)));
        let last_of_all: BTreeMap<_, _> = keyed.collect();
        let may_go = |written: &Written| {
            let row = &written.row;
            let key = row.key.as_deref();
            let is_state = key.is_some_and(|key| last.get(key) == Some(&row));
            let is_last = key.is_some_and(|key| last_of_all[key] == row.offset);
            let is_young = self.now < written.appended + RETENTION;
            !is_state && !(is_last && (row.value.is_some() || is_young))
        };
        let mut seen_rows = seen.iter().peekable();
        for written in committed_below {
            match seen_rows.next_if(|row| row.offset == written.row.offset) {
                Some(row) if *row == written.row => {}
                None if may_go(written) => self.gone += 1,
                found => return Err(format!("{found:?} in place of {:?}", written.row)),
            }
        }
        if let Some(row) = seen_rows.next() {
            return Err(format!("{row:?} was not written there, or comes twice"));
        }
        match states(&seen) == last {
            true => Ok(()),
            false => Err("the last values are not those that were written".to_owned()),
        }
    }

    /// All is decided, replicated and old: after some passes only the last values are left.
    fn end(&mut self) -> Result<(), String> {
        self.clear();
        for id in 0..3 {
            self.end_transaction(id);
        }
        let mut end = 0;
        for _ in 0..4 {
            end = self.seal();
            self.now += 10 * RETENTION;
            while let Some(mut cleaning) = {
                let plan = self.log.plan_cleaning(self.now, self.recovery_point);
                plan.unwrap()
            } {
                let tools = CleaningTools {
                    decompress: &decompress,
                    compress: &compress,
                    memory: 1 << 20,
                    go_on: &|_| true,
                };
                while let Some(cleaned) = cleaning.run(&tools).map_err(|it| it.to_string())? {
                    let swapped = self.log.finish_cleaning(cleaned).unwrap();
                    swapped.removed.unlink().unwrap();
                    self.swaps += 1;
                }
                self.check()?;
            }
        }
        let seen = read(&self.log.snapshot(), end)?;
        if let Some(stray) = seen
            .iter()
            .find(|row| !states(&seen).values().any(|it| it == row))
        {
            return Err(format!("{stray:?} should be gone by now"));
        }
        self.lose_snapshots()
    }

    /// Fills a segment, so that what is before it is sealed. Returns where it began.
    fn seal(&mut self) -> i64 {
        let config = Config {
            segment_bytes: 3000,
            compaction: Some(Compaction {
                min_dirty_ratio: 0.0,
                delete_retention_ms: RETENTION,
                ..Compaction::default()
            }),
            ..Config::default()
        };
        self.log.set_config(config);
        let end = self.log.end_offset();
        for _ in 0..2 {
            let mut builder = BatchBuilder::new(0);
            builder.add(self.now, Some(b"filler"), Some(&[7; 2900]), &[]);
            let bytes: Bytes = builder.finish().into();
            let base_offset = self.send(&bytes, CLIENT);
            let header = is_intact(&bytes).unwrap();
            let mut row = rows(&header, &bytes).remove(0);
            row.offset = base_offset;
            self.written.push(Written {
                row,
                producer: -1,
                is_committed: Some(true),
                appended: self.now,
            });
        }
        self.recovery_point = self.log.sync().unwrap();
        self.log.set_high_watermark(self.recovery_point);
        end
    }

    /// Without the snapshots of producers, the batches that are left tell what they were.
    fn lose_snapshots(&mut self) -> Result<(), String> {
        if self.log.start_offset() > 0 {
            return Ok(());
        }
        let known = |log: &Log| {
            let all = log.producers().map(|(id, it)| {
                let open = it.txn_first_offset;
                (id, it.epoch, it.last_sequence(), it.coordinator_epoch, open)
            });
            let mut all: Vec<_> = all.collect();
            all.sort_unstable();
            all
        };
        let expected = known(&self.log);
        self.log.close().unwrap();
        for name in self.disk.list(&self.dir).unwrap() {
            if name.ends_with(".snapshot") {
                self.disk.unlink(&self.dir.join(name)).unwrap();
            }
        }
        self.open(false)?;
        match known(&self.log) == expected {
            true => Ok(()),
            false => Err(format!("{:?}, should be {expected:?}", known(&self.log))),
        }
    }
}
