//! What clients ask of the broker while it is recorded, and what they are told.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;

use super::client::{Client, batch, now};

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

/// What was asked and told, with times in seconds since 1970.
#[derive(Debug, Default)]
pub struct Story {
    pub records: Vec<Record>,
    pub topics: Vec<Topic>,
    /// When each of the offsets 1, 2, 3, … was known to be committed.
    pub commits: Vec<f64>,
    pub transactions: Vec<Transaction>,
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
    /// Lets clients work for a while.
    ///
    /// # Errors
    /// The broker refuses something.
    pub fn play(address: SocketAddr, lasting: Duration) -> Result<Self> {
        let mut client = Client::connect(address)?;
        client.create_topic(RECORDS, PARTITIONS)?;
        client.create_topic(TRANSACTIONS, 2)?;
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let over = &is_over;
            let producing =
                (0..PARTITIONS).map(|it| scope.spawn(move || produce(address, it, over)));
            let producing: Vec<_> = producing.collect();
            let topics = scope.spawn(|| make_topics(address, over));
            let commits = scope.spawn(|| commit(address, over));
            let transactions = scope.spawn(|| transact(address, over));
            thread::sleep(lasting);
            over.store(true, Ordering::Relaxed);
            let mut records = Vec::new();
            for thread in producing {
                records.extend(joined(thread)?);
            }
            Ok(Self {
                records,
                topics: joined(topics)?,
                commits: joined(commits)?,
                transactions: joined(transactions)?,
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
        others.chain(self.commits.iter().copied()).collect()
    }
}

fn joined<T>(thread: thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    let ended = thread.join();
    ended.map_err(|_| anyhow!("a client panicked"))?
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

fn produce(address: SocketAddr, partition: i32, is_over: &AtomicBool) -> Result<Vec<Record>> {
    let mut client = Client::connect(address)?;
    let identity = client.producer(None)?;
    let mut records = Vec::new();
    for number in 0_i32.. {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let batch = batch(identity, number, false, &value(partition, number.into()));
        let offset = client.produce((RECORDS, partition), None, batch.clone())?;
        records.push(Record {
            partition,
            offset,
            batch,
            told: now(),
        });
    }
    Ok(records)
}

fn make_topics(address: SocketAddr, is_over: &AtomicBool) -> Result<Vec<Topic>> {
    let mut client = Client::connect(address)?;
    let identity = client.producer(None)?;
    let mut topics = Vec::new();
    for number in 0.. {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let name = format!("topic-{number}");
        client.create_topic(&name, 1)?;
        client.produce((&name, 0), None, batch(identity, 0, false, name.as_bytes()))?;
        let mut topic = Topic {
            told: now(),
            name,
            end: None,
        };
        if number % 2 == 1 {
            let asked = now();
            client.delete_topic(&topic.name)?;
            topic.end = Some((asked, now()));
        }
        topics.push(topic);
        thread::sleep(Duration::from_millis(20));
    }
    Ok(topics)
}

fn commit(address: SocketAddr, is_over: &AtomicBool) -> Result<Vec<f64>> {
    let mut client = Client::connect(address)?;
    let mut told = Vec::new();
    for offset in 1.. {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        client.commit(GROUP, RECORDS, offset)?;
        told.push(now());
    }
    Ok(told)
}

/// Every third transaction is aborted.
fn transact(address: SocketAddr, is_over: &AtomicBool) -> Result<Vec<Transaction>> {
    let mut client = Client::connect(address)?;
    let mut identity = client.producer(Some(TRANSACTIONAL_ID))?;
    let mut sequence = 0;
    let mut transactions = Vec::new();
    for number in 0.. {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let value = value(0, number);
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
        transactions.push(Transaction {
            is_committed,
            told: now(),
        });
    }
    Ok(transactions)
}
