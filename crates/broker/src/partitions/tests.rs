//! What a broker does whose disk is full or fails.

use std::path::Path;
use std::sync::Arc;

use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::batch::BatchBuilder;
use millrace_log::Files;
use millrace_log::files::sim::{Fault, Simulated};
use millrace_telemetry::Scope;
use millrace_testkit::kafka::Client;
use millrace_testkit::poll::{self, PATIENCE};
use tokio::runtime::Runtime;

use crate::broker::{Running, start, system_random};
use crate::clock::Clock;
use crate::config::BrokerConfig;
use crate::driver::Threads;

/// A broker on such a disk, with the topic `orders` of one partition.
struct Bench {
    runtime: Runtime,
    running: Running,
    client: Client,
    disk: Simulated,
}

impl Bench {
    fn start() -> Self {
        let mut bench = Self::with(&["/data"]);
        bench.client.create_topic("orders", 1);
        bench
    }

    /// Without the topic, over these directories.
    fn with(log_dirs: &[&str]) -> Self {
        let mut config = BrokerConfig::single(1, 0);
        config.listeners[0].host = "127.0.0.1".into();
        config.log_dirs = log_dirs.iter().map(Into::into).collect();
        config.metadata_log_dir = log_dirs[0].into();
        let runtime = Runtime::new().unwrap();
        let disk = Simulated::new(1);
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
        let client = Client::connect(running.addresses()[0]);
        Self {
            runtime,
            running,
            client,
            disk,
        }
    }

    /// Writes a record that is too old to be kept; the error code.
    fn write_old(&mut self, bytes: usize) -> i16 {
        self.write_old_to("orders", 0, bytes)
    }

    fn write_old_to(&mut self, topic: &str, partition: i32, bytes: usize) -> i16 {
        let mut builder = BatchBuilder::new(0);
        builder.add(1000, None, Some(&vec![b'x'; bytes]), &[]);
        let batch = builder.finish().into();
        self.client.produce(topic, partition, batch).error_code
    }

    /// Whether a directory has a partition of the topic.
    fn has(&self, dir: &str, topic: &str, partition: i32) -> bool {
        let names = self.disk.list_dirs(Path::new(dir)).unwrap();
        names.contains(&format!("{topic}-{partition}"))
    }

    fn retain(&self) {
        let partitions = self.running.broker().partitions();
        self.runtime.block_on(partitions.retain());
    }

    /// The segments of the topic, by their first offsets.
    fn segments(&self) -> Vec<i64> {
        let names = self.disk.list(Path::new("/data/orders-0")).unwrap();
        let bases = names.iter().filter_map(|it| it.strip_suffix(".log"));
        bases.map(|it| it.parse().unwrap()).collect()
    }

    fn wait_for_segments(&self, expected: &[i64]) {
        let is_done = || {
            self.retain();
            (self.segments() == expected).then_some(())
        };
        poll::until("the end of what is too old", PATIENCE, is_done).unwrap();
    }

    fn stop(self) {
        assert!(self.runtime.block_on(self.running.stop()));
    }
}

#[test]
fn a_segment_that_grows_goes_when_all_of_it_is_too_old_and_nothing_comes() {
    let mut bench = Bench::start();
    assert_eq!(bench.write_old(10), 0);
    bench.wait_for_segments(&[1]);
    assert_eq!(bench.write_old(10), 0);
    bench.wait_for_segments(&[2]);
    bench.stop();
}

#[test]
fn a_disk_that_is_full_to_the_last_byte_is_emptied_by_what_is_too_old() {
    let mut bench = Bench::start();
    bench.disk.set_room(Some(1 << 20));
    for _ in 0..2 {
        bench.retain();
        let mut written = 0;
        for bytes in [10_000, 100, 1] {
            while bench.write_old(bytes) == 0 {
                written += 1;
            }
        }
        assert!(written > 80, "{written} records had room");
        bench.disk.set_room(Some(0));
        let last = bench.segments().pop().unwrap();
        bench.wait_for_segments(&[last + written]);
    }
    bench.stop();
}

#[test]
fn a_directory_whose_disk_fails_is_offline_and_the_others_go_on() {
    let offline = ErrorCode::KafkaStorageError.number();
    let mut bench = Bench::with(&["/data", "/other"]);
    bench.client.create_topic("orders", 4);
    let (lost, left): (Vec<i32>, Vec<i32>) =
        (0..4).partition(|it| bench.has("/other", "orders", *it));
    assert_eq!((lost.len(), left.len()), (2, 2));
    for partition in 0..4 {
        assert_eq!(bench.write_old_to("orders", partition, 10), 0);
    }
    // The disk says so once, of one partition.
    bench.disk.fail_at(0, Fault::Broken);
    assert_eq!(bench.write_old_to("orders", lost[0], 10), offline);
    bench.disk.clear_fault();
    for partition in &lost {
        assert_eq!(bench.write_old_to("orders", *partition, 10), offline);
        assert_eq!(
            bench.client.fetch("orders", *partition, 0, 0).error_code,
            offline
        );
    }
    for partition in &left {
        assert_eq!(bench.write_old_to("orders", *partition, 10), 0);
    }
    assert_eq!(bench.running.broker().partitions().counts(), (4, 2));
    // Soon nothing new is put there.
    let mut number = 0;
    let is_avoided = || {
        number += 1;
        let topic = format!("topic-{number}");
        bench.client.create_topic(&topic, 4);
        let written = (0..4).filter(|it| bench.write_old_to(&topic, *it, 10) == 0);
        (written.count() == 4).then_some(())
    };
    poll::until("new topics in the other directory", PATIENCE, is_avoided).unwrap();
    // It is no clean end: what is left is looked through at the next start.
    assert!(!bench.runtime.block_on(bench.running.stop()));
}
