//! A broker in this process.

use std::net::SocketAddr;
use std::path::Path;

use millrace_broker::{BrokerConfig, Running, StartError, start_here};
use millrace_kafka_wire::metadata::{MetadataRecord, RegisterBrokerRecord};
use millrace_testkit::kafka::Client;
use tokio::runtime::Runtime;

/// A broker with threads of its own.
pub struct TestBroker {
    runtime: Runtime,
    running: Option<Running>,
}

pub fn config(dir: &Path) -> BrokerConfig {
    let mut config = BrokerConfig::single(1, 0);
    config.listeners[0].host = "127.0.0.1".into();
    config.log_dirs = vec![dir.to_owned()];
    config.metadata_log_dir = dir.to_owned();
    config
}

impl TestBroker {
    pub fn start(config: BrokerConfig) -> Self {
        Self::try_start(config).unwrap()
    }

    pub fn try_start(config: BrokerConfig) -> Result<Self, StartError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let scope = millrace_telemetry::Scope::detached();
        let started = start_here(config, &scope);
        let running = Some(runtime.block_on(started)?);
        Ok(Self { runtime, running })
    }

    pub fn address(&self) -> SocketAddr {
        self.running.as_ref().unwrap().addresses()[0]
    }

    pub fn is_new(&self) -> bool {
        self.running.as_ref().unwrap().is_new()
    }

    /// Has another broker register, which is what the test makes of it; its epoch.
    pub fn register(&self, broker_id: i32) -> i64 {
        let metadata = self.running.as_ref().unwrap().broker().metadata();
        let registered = metadata.change(move |image| {
            let broker_epoch = image.end_offset;
            let record = RegisterBrokerRecord {
                broker_id,
                broker_epoch,
                fenced: false,
                ..RegisterBrokerRecord::default()
            };
            (vec![MetadataRecord::RegisterBroker(record)], broker_epoch)
        });
        self.runtime.block_on(registered).unwrap()
    }

    /// Which replicas of a partition are in sync.
    pub fn in_sync(&self, topic: &str, partition: i32) -> Vec<i32> {
        let image = self.running.as_ref().unwrap().broker().metadata().image();
        let topic = image.topic(topic).unwrap();
        topic.partition(partition).unwrap().isr.clone()
    }

    /// A client of one of the listeners.
    pub fn client_of(&self, listener: usize) -> Client {
        Client::connect(self.running.as_ref().unwrap().addresses()[listener])
    }

    pub fn client(&self) -> Client {
        Client::connect(self.address())
    }

    /// Stops in order; whether all was closed.
    pub fn stop(mut self) -> bool {
        self.runtime.block_on(self.running.take().unwrap().stop())
    }
}
