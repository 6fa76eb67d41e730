//! What deletes, on a broker whose disk may be full.

use std::path::Path;
use std::sync::Arc;

use millrace_kafka_wire::batch::BatchBuilder;
use millrace_log::Files;
use millrace_log::files::sim::Simulated;
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
        let mut config = BrokerConfig::single(1, 0);
        config.listeners[0].host = "127.0.0.1".into();
        config.log_dirs = vec!["/data".into()];
        config.metadata_log_dir = "/data".into();
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
        let mut client = Client::connect(running.addresses()[0]);
        client.create_topic("orders", 1);
        Self {
            runtime,
            running,
            client,
            disk,
        }
    }

    /// Writes a record that is too old to be kept; the error code.
    fn write_old(&mut self, bytes: usize) -> i16 {
        let mut builder = BatchBuilder::new(0);
        builder.add(1000, None, Some(&vec![b'x'; bytes]), &[]);
        let batch = builder.finish().into();
        self.client.produce("orders", 0, batch).error_code
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
