//! A broker in this process.

use std::net::SocketAddr;
use std::path::Path;

use millrace_broker::{BrokerConfig, Running, StartError, start_here};
use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponsePartition,
};
use millrace_kafka_wire::metadata::{MetadataRecord, RegisterBrokerRecord};
use millrace_testkit::kafka::Client;
use tokio::runtime::Runtime;

/// A broker with threads of its own.
pub struct TestBroker {
    runtime: Runtime,
    running: Option<Running>,
}

/// The error of this number.
pub fn code(number: i16) -> ErrorCode {
    ErrorCode::from_number(number).unwrap()
}

/// A broker with the topic `orders` of two partitions, and a client of it.
pub fn with_orders(dir: &Path) -> (TestBroker, Client) {
    let broker = TestBroker::start(config(dir));
    let mut client = broker.client();
    client.create_topic("orders", 2);
    (broker, client)
}

/// What clients are told of the partitions of a topic.
pub fn partitions(client: &mut Client, topic: &str) -> Vec<MetadataResponsePartition> {
    let request = MetadataRequest {
        topics: Some(vec![MetadataRequestTopic {
            name: Some(topic.into()),
            ..MetadataRequestTopic::default()
        }]),
        ..MetadataRequest::default()
    };
    client.ask(12, &request).topics.remove(0).partitions
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

    /// Makes these records part of the metadata.
    pub fn change(&self, records: Vec<MetadataRecord>) {
        let metadata = self.running.as_ref().unwrap().broker().metadata();
        let changed = metadata.change(move |_| (records, ()));
        self.runtime.block_on(changed).unwrap();
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
