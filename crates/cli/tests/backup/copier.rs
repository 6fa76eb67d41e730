//! Copiers with transactions: each takes records of its partition of `in`, writes each to a partition
//! of `out-a` and to one of `out-b`, and commits how far it is, all in one transaction.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use millrace_testkit::kafka::{Client, Transactional, batch, committed, committed_offset, values};
use millrace_testkit::poll;

const GROUP: &str = "copiers";
const OUTPUTS: [&str; 2] = ["out-a", "out-b"];
/// Of each topic.
const PARTITIONS: i32 = 2;
/// A record is so large that segments are sealed meanwhile, in bytes.
const SIZE: usize = 2048;

/// Copiers that run, with what they copy.
pub struct Copiers {
    stop: Arc<AtomicBool>,
    committed: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

/// What a restored copy has.
pub struct Copied {
    pub records: usize,
}

impl Copiers {
    pub fn start(address: SocketAddr) -> Self {
        let mut client = Client::connect(address);
        for topic in ["in", "out-a", "out-b"] {
            client.create_topic_with(topic, PARTITIONS, &[("segment.bytes", "1048576")]);
        }
        let stop = Arc::new(AtomicBool::new(false));
        let committed = Arc::new(AtomicU64::new(0));
        let mut threads = Vec::new();
        let stopped = Arc::clone(&stop);
        threads.push(thread::spawn(move || write(client, &stopped)));
        for partition in 0..PARTITIONS {
            let (stopped, counter) = (Arc::clone(&stop), Arc::clone(&committed));
            threads.push(thread::spawn(move || {
                copy(address, partition, &stopped, &counter);
            }));
        }
        Self {
            stop,
            committed,
            threads,
        }
    }

    /// Waits for so many more transactions that are committed.
    pub fn wait_for(&self, transactions: u64) {
        let least = self.committed.load(Ordering::SeqCst) + transactions;
        let reached = poll::until("transactions", poll::PATIENCE, || {
            (self.committed.load(Ordering::SeqCst) >= least).then_some(())
        });
        reached.unwrap();
    }

    pub fn stop(self) {
        self.stop.store(true, Ordering::SeqCst);
        for thread in self.threads {
            thread.join().unwrap();
        }
    }
}

fn padded(text: &str) -> Vec<u8> {
    format!("{text:<SIZE$}").into_bytes()
}

fn write(mut client: Client, stop: &AtomicBool) {
    let mut number = 0_u64;
    while !stop.load(Ordering::SeqCst) {
        for partition in 0..PARTITIONS {
            let made: Vec<_> = (number..number + 5)
                .map(|number| padded(&format!("{partition}:{number}")))
                .collect();
            let made: Vec<&[u8]> = made.iter().map(Vec::as_slice).collect();
            assert_eq!(client.produce("in", partition, batch(&made)).error_code, 0);
        }
        number += 5;
        thread::sleep(Duration::from_millis(2));
    }
}

fn copy(address: SocketAddr, partition: i32, stop: &AtomicBool, counter: &AtomicU64) {
    let mut reader = Client::connect(address);
    let id = format!("copier-{partition}");
    let mut producer = Transactional::start(Client::connect(address), &id);
    let (mut offset, mut round) = (0, 0_u64);
    while !stop.load(Ordering::SeqCst) {
        let found = values(&reader.fetch("in", partition, offset, 100));
        let taken = found.iter().filter(|(at, _)| *at >= offset).take(4);
        let taken: Vec<_> = taken.collect();
        let Some((last, _)) = taken.last() else {
            continue;
        };
        for (at, value) in &taken {
            for (shift, topic) in (0..).zip(OUTPUTS) {
                let to = (at + shift) as i32 % PARTITIONS;
                assert_eq!(producer.send(topic, to, &[value]), 0);
            }
        }
        assert_eq!(producer.commit_offset(GROUP, "in", partition, last + 1), 0);
        round += 1;
        // What is aborted is done again.
        let is_commit = !round.is_multiple_of(5);
        assert_eq!(producer.end(is_commit), 0);
        if is_commit {
            offset = last + 1;
            counter.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Waits until the markers of all that has ended are written.
pub fn settle(address: SocketAddr) {
    let mut client = Client::connect(address);
    for (topic, partition) in OUTPUTS.iter().flat_map(|it| [(it, 0), (it, 1)]) {
        let is_settled = || (committed(&mut client, topic, partition).1 == 0).then_some(());
        poll::until("markers", poll::PATIENCE, is_settled).unwrap();
    }
    for partition in 0..PARTITIONS {
        let offset = || committed_offset(&mut client, GROUP, "in", partition).ok();
        poll::until("offsets", poll::PATIENCE, offset).unwrap();
    }
}

/// Checks that a broker has each transaction on all of its partitions or on none, that the offsets of
/// the group agree with that, and that nobody waits for a transaction.
pub fn check(address: SocketAddr) -> Copied {
    let mut client = Client::connect(address);
    let mut expected = BTreeSet::new();
    for partition in 0..PARTITIONS {
        let offset = committed_offset(&mut client, GROUP, "in", partition);
        let offset = offset.expect("no transaction is open").max(0);
        let inputs = client.read_all("in", partition, 0).len() as i64;
        assert!(offset <= inputs, "{offset} of {inputs} was committed");
        expected.extend((0..offset).map(|number| format!("{partition}:{number}")));
    }
    for topic in OUTPUTS {
        let mut seen = Vec::new();
        for partition in 0..PARTITIONS {
            let (values, behind) = committed(&mut client, topic, partition);
            assert_eq!(behind, 0, "readers of {topic}-{partition} wait");
            let texts = values.iter().map(|it| String::from_utf8_lossy(it));
            seen.extend(texts.map(|it| it.trim_end().to_owned()));
        }
        let count = seen.len();
        let seen: BTreeSet<_> = seen.into_iter().collect();
        assert_eq!(count, seen.len(), "{topic} has a record twice");
        let missing: Vec<_> = expected.difference(&seen).take(5).collect();
        let more: Vec<_> = seen.difference(&expected).take(5).collect();
        assert!(
            missing.is_empty() && more.is_empty(),
            "{topic}: {missing:?} are missing, {more:?} are not committed"
        );
    }
    Copied {
        records: expected.len(),
    }
}
