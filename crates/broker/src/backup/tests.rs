//! What waits for a cut, and for how long: on a broker whose disk may be full.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use millrace_kafka_wire::api::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use millrace_kafka_wire::api::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use millrace_log::files::{Lock, Open};
use millrace_log::{Disk, File, Files};
use millrace_telemetry::Scope;
use millrace_testkit::kafka::{Client, Transactional, batch};
use millrace_testkit::poll;
use tokio::runtime::Runtime;

use super::cut::{cut, cut_within};
use super::hold::Held;
use crate::broker::{Broker, Running, Topic, start, system_random};
use crate::clock::Clock;
use crate::config::BrokerConfig;
use crate::driver::Threads;

/// Short enough to be sure that something waits, in a test that goes on meanwhile.
const MOMENT: Duration = Duration::from_millis(300);

/// The disk, which has no room for the topic `full` while it is told so.
#[derive(Clone, Default)]
struct FullDisk(Arc<AtomicBool>);

impl FullDisk {
    fn fill(&self, is_full: bool) {
        self.0.store(is_full, Ordering::SeqCst);
    }
}

struct FullFile {
    file: Arc<dyn File>,
    disk: FullDisk,
    may_be_full: bool,
}

impl File for FullFile {
    fn write_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<()> {
        match self.may_be_full && self.disk.0.load(Ordering::SeqCst) {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => self.file.write_at(parts, position),
        }
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.file.read_at(buffer, position)
    }

    fn read_cached(&self, buffer: &mut [u8], position: u64) -> io::Result<Option<usize>> {
        self.file.read_cached(buffer, position)
    }

    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn is_shared(&self) -> io::Result<bool> {
        self.file.is_shared()
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.file.truncate(size)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}

impl Files for FullDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let may_be_full = path.components().any(|it| it.as_os_str() == "full-0");
        Ok(Arc::new(FullFile {
            file: Disk.open(path, how)?,
            disk: self.clone(),
            may_be_full,
        }))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        Disk.create_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Disk.rename(from, to)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        Disk.unlink(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        Disk.list(dir)
    }

    fn list_dirs(&self, dir: &Path) -> io::Result<Vec<String>> {
        Disk.list_dirs(dir)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        Disk.remove_dir(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        Disk.sync_dir(dir)
    }

    fn free_space(&self, dir: &Path) -> io::Result<u64> {
        Disk.free_space(dir)
    }

    fn total_space(&self, dir: &Path) -> io::Result<u64> {
        Disk.total_space(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        Disk.lock(path)
    }

    fn lock_existing(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        Disk.lock_existing(path)
    }
}

/// A broker on such a disk, with the topics `full` and `orders` of one partition.
struct Bench {
    runtime: Runtime,
    running: Running,
    disk: FullDisk,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = BrokerConfig::single(1, 0);
        config.listeners[0].host = "127.0.0.1".into();
        config.log_dirs = vec![folder.path().to_owned()];
        config.metadata_log_dir = folder.path().to_owned();
        let runtime = Runtime::new().unwrap();
        let disk = FullDisk::default();
        let scope = Scope::detached();
        let started = start(
            config,
            Arc::new(disk.clone()),
            Arc::new(Threads::default()),
            Clock::system(),
            system_random(),
            &scope,
        );
        let running = runtime.block_on(started).unwrap();
        let mut client = Client::connect(running.addresses()[0]);
        client.create_topic("full", 1);
        client.create_topic("orders", 1);
        Self {
            runtime,
            running,
            disk,
            _folder: folder,
        }
    }

    fn address(&self) -> SocketAddr {
        self.running.addresses()[0]
    }

    fn broker(&self) -> Arc<Broker> {
        Arc::clone(self.running.broker())
    }

    /// A producer whose transaction has a record in a topic.
    fn begun(&self, id: &str, topic: &str) -> Transactional {
        let mut producer = Transactional::start(Client::connect(self.address()), id);
        assert_eq!(producer.send(topic, 0, &[id.as_bytes()]), 0);
        producer
    }

    /// A transaction that is decided, and whose marker cannot be written.
    fn stuck(&self) -> Transactional {
        let mut producer = self.begun("stuck", "full");
        self.disk.fill(true);
        assert_eq!(producer.end(true), 0);
        producer
    }

    /// Ends transactions of one record until an end waits, since its coordinator has heard of the hold;
    /// how many there were.
    fn end_that_waits(&self, id: &str, topic: &str) -> (Receiver<i16>, i64) {
        let mut transactions = 0;
        let end = poll::until("an end that waits", poll::PATIENCE, || {
            let mut producer = self.begun(id, topic);
            transactions += 1;
            let end = later(move || producer.end(true));
            waits(&end).then_some(end)
        });
        (end.unwrap(), transactions)
    }

    fn stop(self) {
        assert!(self.runtime.block_on(self.running.stop()));
    }
}

/// Does something that may wait, on a thread.
fn later<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (sender, receiver) = channel();
    thread::spawn(move || sender.send(act()));
    receiver
}

fn waits<T>(receiver: &Receiver<T>) -> bool {
    matches!(
        receiver.recv_timeout(MOMENT),
        Err(RecvTimeoutError::Timeout)
    )
}

#[test]
fn ends_wait_while_what_was_decided_is_not_written_and_a_hold_has_an_end() {
    let bench = Bench::start();
    let _stuck = bench.stuck();
    let broker = bench.broker();
    let longest = MOMENT * 20;
    let cutting = bench
        .runtime
        .spawn(async move { cut_within(longest, &broker).await.map(|it| it.0) });
    // It is not decided meanwhile.
    let (end, transactions) = bench.end_that_waits("other", "orders");
    let refused = bench.runtime.block_on(cutting).unwrap().unwrap_err();
    assert!(refused.contains("have not ended within"), "{refused}");
    assert_eq!(end.recv_timeout(poll::PATIENCE).unwrap(), 0);
    bench.disk.fill(false);
    let broker = bench.broker();
    let (made, _lease) = bench.runtime.block_on(cut(&broker)).unwrap();
    let ends: Vec<_> = ["orders", "full"]
        .iter()
        .map(|topic| made.partitions.iter().find(|it| it.topic == *topic))
        .map(|it| it.unwrap().end)
        .collect();
    // A record and its marker each.
    assert_eq!(ends, [transactions * 2, 2]);
    bench.stop();
}

#[test]
fn a_cut_that_is_given_up_holds_and_keeps_nothing() {
    let bench = Bench::start();
    let _stuck = bench.stuck();
    let broker = bench.broker();
    let cutting = bench
        .runtime
        .spawn(async move { cut(&broker).await.map(|it| it.0) });
    let (end, _) = bench.end_that_waits("other", "orders");
    cutting.abort();
    assert_eq!(end.recv_timeout(poll::PATIENCE).unwrap(), 0);
    let removing = bench.running.broker().partitions().removing();
    bench.runtime.block_on(removing);
    bench.disk.fill(false);
    bench.stop();
}

/// Writes a record to both topics in each transaction until it is told to stop; how many there were.
fn transact(mut producer: Transactional, stop: &AtomicBool) -> i64 {
    let mut count = 0;
    while !stop.load(Ordering::SeqCst) {
        for topic in ["full", "orders"] {
            assert_eq!(producer.send(topic, 0, &[b"x"]), 0);
        }
        assert_eq!(producer.end(true), 0);
        count += 1;
    }
    count
}

#[test]
fn while_decisions_are_held_a_transaction_is_over_on_all_of_its_partitions_or_on_none() {
    let bench = Bench::start();
    let producer = Transactional::start(Client::connect(bench.address()), "both");
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let working = thread::spawn(move || transact(producer, &stopped));
    let broker = bench.broker();
    let mut last = 0;
    for _ in 0..8 {
        let held = bench.runtime.block_on(Held::new(&broker)).unwrap();
        // Each transaction has a record and a marker on each partition; one may be open.
        let ends = ["full", "orders"].map(|topic| {
            let found = broker.find(Topic::Name(topic), 0).unwrap();
            let end = found.partition.view().unwrap().high_watermark;
            thread::sleep(MOMENT / 4);
            end / 2
        });
        assert_eq!(ends[0], ends[1]);
        assert!(held.release() >= MOMENT / 2);
        thread::sleep(MOMENT / 4);
        assert!(ends[0] >= last);
        last = ends[0];
    }
    stop.store(true, Ordering::SeqCst);
    let count = working.join().unwrap();
    assert!(last > 0 && count > last, "{last} of {count} were seen");
    bench.stop();
}

#[test]
fn what_removes_files_waits_for_the_lease_and_producers_do_not() {
    let bench = Bench::start();
    let address = bench.address();
    let mut client = Client::connect(address);
    assert_eq!(client.produce("orders", 0, batch(&[b"a"])).error_code, 0);
    let broker = bench.broker();
    let (_, lease) = bench.runtime.block_on(cut(&broker)).unwrap();
    let deleting = later(move || delete_records(address, "orders", 1));
    let removing = later(move || delete_topic(address, "full"));
    let broker = bench.broker();
    let retaining = bench
        .runtime
        .spawn(async move { broker.partitions().retain().await });
    assert!(waits(&deleting) && waits(&removing) && !retaining.is_finished());
    assert_eq!(client.produce("orders", 0, batch(&[b"b"])).error_code, 0);
    // Topics are made meanwhile: the metadata does not wait.
    client.create_topic("new", 1);
    let again = bench.runtime.block_on(cut(bench.running.broker()));
    assert!(again.err().unwrap().contains("another backup"));
    drop(lease);
    assert_eq!(deleting.recv_timeout(poll::PATIENCE).unwrap(), (0, 1));
    assert_eq!(removing.recv_timeout(poll::PATIENCE).unwrap(), 0);
    bench.runtime.block_on(retaining).unwrap();
    bench.stop();
}

/// The error code, and where the partition starts then.
fn delete_records(address: SocketAddr, topic: &str, offset: i64) -> (i16, i64) {
    let request = DeleteRecordsRequest {
        topics: vec![DeleteRecordsTopic {
            name: topic.into(),
            partitions: vec![DeleteRecordsPartition {
                partition_index: 0,
                offset,
            }],
        }],
        timeout_ms: 10_000,
    };
    let mut response = Client::connect(address).ask(2, &request);
    let partition = response.topics.remove(0).partitions.remove(0);
    (partition.error_code, partition.low_watermark)
}

fn delete_topic(address: SocketAddr, topic: &str) -> i16 {
    let request = DeleteTopicsRequest {
        topics: vec![DeleteTopicState {
            name: Some(topic.into()),
            ..DeleteTopicState::default()
        }],
        timeout_ms: 10_000,
        ..DeleteTopicsRequest::default()
    };
    let mut response = Client::connect(address).ask(6, &request);
    response.responses.remove(0).error_code
}
