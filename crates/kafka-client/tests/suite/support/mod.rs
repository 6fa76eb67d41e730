//! A broker in this process, and clients of it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use millrace_broker::{BrokerConfig, Running, start_here};
use millrace_kafka_client::{
    Cluster, Consumer, ConsumerSettings, NewRecord, NewTopic, OffsetAt, Producer, Record, Settings,
    Start, TopicPartition,
};
use millrace_telemetry::Scope;
use millrace_testkit::port::free_port;
use millrace_testkit::proxy::Proxy;
use tempfile::TempDir;

/// Long enough for anything that works at all on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A broker that is gone with its data when it is dropped.
pub struct TestBroker {
    _running: Running,
    pub address: String,
    _dir: TempDir,
}

impl TestBroker {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut BrokerConfig)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = BrokerConfig::single(1, 0);
        config.listeners[0].host = "127.0.0.1".into();
        config.log_dirs = vec![dir.path().to_owned()];
        config.metadata_log_dir = dir.path().to_owned();
        config.groups.initial_rebalance_delay_ms = 0;
        config.groups.min_session_timeout_ms = 100;
        config.groups.offsets.partitions = 1;
        change(&mut config);
        let running = start_here(config, &Scope::detached()).await.unwrap();
        Self {
            address: running.addresses()[0].to_string(),
            _running: running,
            _dir: dir,
        }
    }

    /// One whose clients all go through a proxy.
    pub async fn behind_proxy() -> (Self, Proxy) {
        let port = free_port();
        let proxy = Proxy::start(("127.0.0.1", port)).unwrap();
        let told = proxy.port();
        let broker = Self::with(|config| {
            config.listeners[0].port = port;
            config.listeners[0].advertised = Some(("127.0.0.1".into(), told));
        })
        .await;
        (broker, proxy)
    }

    pub async fn cluster(&self) -> Arc<Cluster> {
        connect(&self.address).await
    }
}

pub fn settings(address: &str) -> Settings {
    Settings {
        retry_for: PATIENCE,
        ..Settings::for_servers(address)
    }
}

pub async fn connect(address: &str) -> Arc<Cluster> {
    Cluster::connect(settings(address)).await.unwrap()
}

pub async fn topic(cluster: &Cluster, name: &str, partitions: i32) {
    let topic = NewTopic {
        name: name.into(),
        partitions: Some(partitions),
        replication_factor: Some(1),
        configs: Vec::new(),
    };
    cluster.create_topic(&topic, false).await.unwrap();
}

pub fn record(topic: &str, value: impl Into<Bytes>) -> NewRecord {
    NewRecord {
        topic: topic.into(),
        value: Some(value.into()),
        ..NewRecord::default()
    }
}

/// Sends values to partition 0 and waits until each is delivered.
pub async fn send_all(producer: &Producer, topic: &str, values: impl Iterator<Item = String>) {
    let mut deliveries = Vec::new();
    for value in values {
        let record = NewRecord {
            partition: Some(0),
            ..record(topic, value)
        };
        deliveries.push(producer.send(record).await.unwrap());
    }
    for delivery in deliveries {
        delivery.await.unwrap();
    }
}

/// A consumer of some partitions from the first record on.
pub fn reader(cluster: &Arc<Cluster>, topic: &str, partitions: i32) -> Consumer {
    reader_with(cluster, topic, partitions, ConsumerSettings::default())
}

pub fn reader_with(
    cluster: &Arc<Cluster>,
    topic: &str,
    partitions: i32,
    settings: ConsumerSettings,
) -> Consumer {
    let start = Start::At(OffsetAt::Earliest);
    let all = (0..partitions).map(|it| (TopicPartition::new(topic, it), start));
    Consumer::of_partitions(Arc::clone(cluster), settings, all.collect::<Vec<_>>())
}

/// Polls until there are so many records.
pub async fn read(consumer: &mut Consumer, count: usize) -> Vec<Record> {
    let mut records = Vec::new();
    while records.len() < count {
        let more = consumer.poll(PATIENCE).await.unwrap();
        assert!(
            !more.is_empty(),
            "{} of {count} records came",
            records.len()
        );
        records.extend(more);
    }
    records
}

pub fn texts(records: &[Record]) -> Vec<String> {
    let values = records
        .iter()
        .map(|it| it.value.as_deref().unwrap_or_default());
    values
        .map(|it| String::from_utf8_lossy(it).into_owned())
        .collect()
}
