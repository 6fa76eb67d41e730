//! What clients ask of the broker while it is recorded, and what they are told.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use bytes::Bytes;
use millrace_testkit::poll::{self, PATIENCE};

use super::client::{Client, batch, keyed, now};

/// Records of an idempotent producer, a number in each; those of the last partition are large, so
/// that segments are rolled.
pub const RECORDS: &str = "orders";
pub const PARTITIONS: i32 = 3;
const LARGE: usize = 6000;
/// Transactions, each with a record in both partitions.
pub const TRANSACTIONS: &str = "payments";
pub const TRANSACTIONAL_ID: &str = "cashier";
/// Commits offsets of a topic, one after the other.
pub const GROUP: &str = "billing";
/// A compacted topic, with a number in each record, whose key is that number's rest by [`KEYS`].
pub const COMPACTED: &str = "profiles";
pub const KEYS: i64 = 7;
/// A topic of which only the newest is kept, with a number in each record.
pub const RETAINED: &str = "events";
/// What is kept of it at least, and how large its records are.
pub const RETAINED_BYTES: usize = 64 << 10;
pub const RETAINED_RECORD: usize = 2000;
const COMPACTED_RECORD: usize = 500;
/// How many records there are of the last two topics when clients are asked to end: so many that some
/// are compacted, and some deleted, however slow the disk is.
const COUNTED_LEAST: usize = 100;

/// How a story ends.
pub enum End<'a> {
    /// The clients are told to end.
    Asked,
    /// This ends the broker under them.
    Sudden(&'a mut dyn FnMut() -> Result<()>),
}

/// What was asked and told, with times in seconds since 1970.
#[derive(Debug, Default)]
pub struct Story {
    pub records: Vec<Record>,
    pub topics: Vec<Topic>,
    /// When each of the offsets 1, 2, 3, … was known to be committed.
    pub commits: Vec<f64>,
    pub transactions: Vec<Transaction>,
    /// When the records 0, 1, 2, … of the compacted topic were told.
    pub compacted: Vec<f64>,
    /// When those of the topic were told of which only the newest is kept.
    pub retained: Vec<f64>,
}

/// A record that was acknowledged.
#[derive(Debug)]
pub struct Record {
    pub partition: i32,
    pub offset: i64,
    pub batch: Bytes,
    pub told: f64,
}

/// A topic of one record that was made, and perhaps deleted.
#[derive(Debug)]
pub struct Topic {
    pub name: String,
    pub told: f64,
    /// When its end was asked for, and when it was told.
    pub end: Option<(f64, f64)>,
}

/// A transaction whose end was told.
#[derive(Debug)]
pub struct Transaction {
    pub is_committed: bool,
    pub told: f64,
}

impl Story {
    /// Lets clients work for a while, and longer where too little was compacted or deleted by then.
    ///
    /// # Errors
    /// The broker refuses something before its end.
    pub fn play(address: SocketAddr, lasting: Duration, end: End<'_>) -> Result<Self> {
        let mut client = Client::connect(address)?;
        let large = [("segment.bytes", "1048576")];
        client.create_topic(RECORDS, PARTITIONS, &large)?;
        client.create_topic(TRANSACTIONS, 2, &large)?;
        let compacted = [
            ("cleanup.policy", "compact"),
            ("min.cleanable.dirty.ratio", "0.01"),
            ("internal.segment.bytes", "8192"),
        ];
        client.create_topic(COMPACTED, 1, &compacted)?;
        let retained = [
            ("internal.segment.bytes", "16384"),
            ("retention.bytes", &RETAINED_BYTES.to_string()),
        ];
        client.create_topic(RETAINED, 1, &retained)?;
        let stage = Stage::default();
        thread::scope(|scope| {
            let on = &stage;
            let producing = (0..PARTITIONS).map(|it| scope.spawn(move || produce(address, it, on)));
            let producing: Vec<_> = producing.collect();
            let topics = scope.spawn(|| make_topics(address, on));
            let commits = scope.spawn(|| commit(address, on));
            let transactions = scope.spawn(|| transact(address, on));
            let compacted = scope.spawn(|| count(address, COMPACTED, COMPACTED_RECORD, on));
            let retained = scope.spawn(|| count(address, RETAINED, RETAINED_RECORD, on));
            thread::sleep(lasting);
            let is_enough = || {
                on.counted.load(Ordering::SeqCst) >= 2 * COUNTED_LEAST
                    || compacted.is_finished()
                    || retained.is_finished()
            };
            let counted = match end {
                End::Asked => poll::until("enough records", PATIENCE, || is_enough().then_some(())),
                End::Sudden(_) => Ok(()),
            };
            on.end(end)?;
            counted?;
            let mut records = Vec::new();
            for thread in producing {
                records.extend(on.joined(thread)?);
            }
            Ok(Self {
                records,
                topics: on.joined(topics)?,
                commits: on.joined(commits)?,
                transactions: on.joined(transactions)?,
                compacted: on.joined(compacted)?,
                retained: on.joined(retained)?,
            })
        })
    }

    /// When something was told.
    pub fn moments(&self) -> Vec<f64> {
        let records = self.records.iter().map(|it| it.told);
        let topics = self.topics.iter();
        let topics = topics.flat_map(|it| [Some(it.told), it.end.map(|(_, told)| told)]);
        let transactions = self.transactions.iter().map(|it| it.told);
        let others = records.chain(topics.flatten()).chain(transactions);
        let counted = [&self.commits, &self.compacted, &self.retained];
        others
            .chain(counted.into_iter().flatten().copied())
            .collect()
    }
}

/// Whether the clients are to go on.
#[derive(Default)]
struct Stage {
    is_over: AtomicBool,
    /// What fails now fails because the broker is gone.
    is_collapsing: AtomicBool,
    /// Records of the counted topics that were told, up to [`COUNTED_LEAST`] of each.
    counted: AtomicUsize,
}

impl Stage {
    fn end(&self, end: End<'_>) -> Result<()> {
        match end {
            End::Asked => self.is_over.store(true, Ordering::SeqCst),
            End::Sudden(end) => {
                self.is_collapsing.store(true, Ordering::SeqCst);
                let ended = end();
                self.is_over.store(true, Ordering::SeqCst);
                ended?;
            }
        }
        Ok(())
    }

    /// What a client was told; nothing, when the broker was gone before it could begin.
    fn joined<T: Default>(&self, thread: thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
        let ended = thread.join();
        match ended.map_err(|_| anyhow!("a client panicked"))? {
            Err(_) if self.is_collapsing.load(Ordering::SeqCst) => Ok(T::default()),
            told => told,
        }
    }

    /// Repeats a step, which is told how many there were, until the end. What was told is returned.
    fn repeat<T>(&self, mut step: impl FnMut(i32) -> Result<T>) -> Result<Vec<T>> {
        let mut told = Vec::new();
        for number in 0.. {
            if self.is_over.load(Ordering::SeqCst) {
                break;
            }
            match step(number) {
                Ok(it) => told.push(it),
                Err(_) if self.is_collapsing.load(Ordering::SeqCst) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(told)
    }
}

/// What stands in a record.
pub fn value(partition: i32, number: i64) -> Vec<u8> {
    let mut value = format!("{number} ").into_bytes();
    if partition == PARTITIONS - 1 {
        value.resize(LARGE, b'.');
    }
    value
}

/// The number that stands in a record.
pub fn number(value: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(value).ok()?;
    text.split(' ').next()?.parse().ok()
}

fn produce(address: SocketAddr, partition: i32, stage: &Stage) -> Result<Vec<Record>> {
    let mut client = Client::connect(address)?;
    let identity = client.producer(None)?;
    stage.repeat(|number| {
        let batch = batch(identity, number, false, &value(partition, number.into()));
        Ok(Record {
            partition,
            offset: client.produce((RECORDS, partition), None, batch.clone())?,
            batch,
            told: now(),
        })
    })
}

fn make_topics(address: SocketAddr, stage: &Stage) -> Result<Vec<Topic>> {
    let mut client = Client::connect(address)?;
    let identity = client.producer(None)?;
    stage.repeat(|number| {
        thread::sleep(Duration::from_millis(20));
        let name = format!("topic-{number}");
        client.create_topic(&name, 1, &[])?;
        client.produce((&name, 0), None, batch(identity, 0, false, name.as_bytes()))?;
        let told = now();
        let mut end = None;
        if number % 2 == 1 {
            let asked = now();
            client.delete_topic(&name)?;
            end = Some((asked, now()));
        }
        Ok(Topic { name, told, end })
    })
}

/// Sends records of one size, with a key, to a topic of one partition.
fn count(address: SocketAddr, topic: &str, size: usize, stage: &Stage) -> Result<Vec<f64>> {
    let mut client = Client::connect(address)?;
    let identity = client.producer(None)?;
    stage.repeat(|number| {
        let mut value = format!("{number} ").into_bytes();
        value.resize(size, b'.');
        let key = (i64::from(number) % KEYS).to_string();
        let batch = keyed(identity, number, key.as_bytes(), &value);
        let offset = client.produce((topic, 0), None, batch)?;
        ensure!(
            offset == i64::from(number),
            "{topic}: record {number} is at {offset}"
        );
        if (number as usize) < COUNTED_LEAST {
            stage.counted.fetch_add(1, Ordering::SeqCst);
        }
        Ok(now())
    })
}

fn commit(address: SocketAddr, stage: &Stage) -> Result<Vec<f64>> {
    let mut client = Client::connect(address)?;
    stage.repeat(|number| {
        client.commit(GROUP, RECORDS, i64::from(number) + 1)?;
        Ok(now())
    })
}

/// Every third transaction is aborted.
fn transact(address: SocketAddr, stage: &Stage) -> Result<Vec<Transaction>> {
    let mut client = Client::connect(address)?;
    let mut identity = client.producer(Some(TRANSACTIONAL_ID))?;
    let mut sequence = 0;
    stage.repeat(|number| {
        let value = value(0, number.into());
        for partition in [0, 1] {
            let batch = batch(identity, sequence, true, &value);
            let place = (TRANSACTIONS, partition);
            let sent = client.produce(place, Some(TRANSACTIONAL_ID), batch);
            sent.with_context(|| format!("transaction {number}"))?;
        }
        let is_committed = number % 3 != 2;
        let next = client.end(TRANSACTIONAL_ID, identity, is_committed)?;
        // A broker that gives no new epoch goes on with the sequence.
        sequence = match next == identity {
            true => sequence + 1,
            false => 0,
        };
        identity = next;
        Ok(Transaction {
            is_committed,
            told: now(),
        })
    })
}
