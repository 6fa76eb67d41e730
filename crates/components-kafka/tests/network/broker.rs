//! A broker within the test behind a proxy, and what is in its topics.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use millrace_broker::config::{Format, read as read_config};
use millrace_broker::{BrokerConfig, Running, start_here};
use millrace_component::conformance::Workbench;
use millrace_component::{Ack, Incoming, Input};
use millrace_kafka_client::{
    Cluster, Consumer, ConsumerSettings, NewRecord, NewTopic, OffsetAt, Producer, ProducerSettings,
    Record, Settings, Start, TopicPartition,
};
use millrace_message::{ErrorClass, Outcome};
use millrace_spec::env::Environment;
use millrace_telemetry::Scope;
use millrace_testkit::port::free_port;
use millrace_testkit::proxy::Proxy;
use tempfile::TempDir;

/// Long enough for anything that works at all on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A broker that is gone with its data when it is dropped. Clients go through a proxy.
pub struct TestBroker {
    running: Option<Running>,
    pub proxy: Proxy,
    settings: String,
    dir: TempDir,
}

impl TestBroker {
    pub async fn start() -> Self {
        Self::secured("PLAINTEXT", "").await
    }

    /// One with a second listener, of this protocol and with these settings, beside an open one.
    pub async fn secured(protocol: &str, settings: &str) -> Self {
        let (port, outside) = (free_port(), free_port());
        let proxy = Proxy::start(("127.0.0.1", port)).unwrap();
        let told = proxy.port();
        let settings = format!(
            "node.id=1\n\
             listeners=INSIDE://127.0.0.1:{port},OUTSIDE://127.0.0.1:{outside}\n\
             advertised.listeners=INSIDE://127.0.0.1:{told},OUTSIDE://127.0.0.1:{outside}\n\
             listener.security.protocol.map=INSIDE:PLAINTEXT,OUTSIDE:{protocol}\n\
             connection.failed.authentication.delay.ms=0\n\
             group.initial.rebalance.delay.ms=0\n\
             group.min.session.timeout.ms=100\n\
             offsets.topic.num.partitions=1\n\
             {settings}"
        );
        let dir = tempfile::tempdir().unwrap();
        let running = Some(started(&settings, dir.path()).await);
        Self {
            running,
            proxy,
            settings,
            dir,
        }
    }

    /// Ends the broker in order, does something, and starts it again with its data.
    pub async fn restart(&mut self, meanwhile: impl Future<Output = ()>) {
        assert!(self.running.take().unwrap().stop().await);
        meanwhile.await;
        self.running = Some(started(&self.settings, self.dir.path()).await);
    }

    /// The address of the open listener.
    pub fn address(&self) -> String {
        self.proxy.address()
    }

    /// The address of the second listener.
    pub fn outside(&self) -> String {
        self.running.as_ref().unwrap().addresses()[1].to_string()
    }

    pub async fn cluster(&self) -> Arc<Cluster> {
        let settings = Settings {
            retry_for: PATIENCE,
            ..Settings::for_servers(&self.address())
        };
        Cluster::connect(settings).await.unwrap()
    }

    pub async fn topic(&self, name: &str, partitions: i32) {
        let topic = NewTopic {
            name: name.into(),
            partitions: Some(partitions),
            ..NewTopic::default()
        };
        let cluster = self.cluster().await;
        cluster.create_topic(&topic, false).await.unwrap();
    }

    /// Writes values to a partition.
    pub async fn fill(&self, topic: &str, partition: i32, values: &[&str]) {
        let producer = Producer::start(self.cluster().await, ProducerSettings::default());
        let producer = producer.await.unwrap();
        for value in values {
            let record = NewRecord {
                topic: topic.into(),
                partition: Some(partition),
                value: Some(Bytes::copy_from_slice(value.as_bytes())),
                ..NewRecord::default()
            };
            producer.send(record).await.unwrap().await.unwrap();
        }
    }

    /// All records of a topic, partition by partition.
    pub async fn records(&self, topic: &str) -> Vec<Record> {
        let cluster = self.cluster().await;
        let counts = cluster.partition_counts(&[topic], false).await.unwrap();
        let mut all = Vec::new();
        for partition in 0..counts[topic] {
            all.extend(self.records_of(&cluster, topic, partition as i32).await);
        }
        all
    }

    async fn records_of(&self, cluster: &Arc<Cluster>, topic: &str, index: i32) -> Vec<Record> {
        let partition = TopicPartition::new(topic, index);
        let asked = std::slice::from_ref(&partition);
        let end = cluster.offsets(asked, OffsetAt::Latest, false).await;
        let end = end.unwrap()[&partition].unwrap();
        let from = (partition.clone(), Start::At(OffsetAt::Earliest));
        let settings = ConsumerSettings::default();
        let mut consumer = Consumer::of_partitions(Arc::clone(cluster), settings, [from]);
        let mut records = Vec::new();
        while (records.len() as i64) < end {
            let more = consumer.poll(PATIENCE).await.unwrap();
            assert!(!more.is_empty(), "{} of {end} came", records.len());
            records.extend(more);
        }
        records
    }

    /// The values of all records of a topic.
    pub async fn values(&self, topic: &str) -> Vec<String> {
        let records = self.records(topic).await.into_iter();
        let text = |it: Record| String::from_utf8(it.value.unwrap().to_vec()).unwrap();
        records.map(text).collect()
    }

    /// What a group has committed for the partitions of a topic, by their numbers.
    pub async fn committed(&self, group: &str) -> Vec<(String, i32, i64)> {
        let committed = self.cluster().await.committed(group, None).await.unwrap();
        let mut all: Vec<_> = committed
            .into_iter()
            .map(|(it, committed)| (it.topic.to_string(), it.partition, committed.offset))
            .collect();
        all.sort();
        all
    }
}

async fn started(settings: &str, dir: &Path) -> Running {
    let text = format!("log.dirs={}\n{settings}", dir.display());
    let loaded = read_config("p", &text, Format::Properties, &Environment::default());
    let rendered = loaded.render(false);
    let config: BrokerConfig = loaded.config.unwrap_or_else(|| panic!("{rendered}"));
    start_here(config, &Scope::detached()).await.unwrap()
}

pub fn bench() -> Workbench {
    Workbench::new([
        millrace_components_kafka::INPUTS,
        millrace_components_kafka::OUTPUTS,
        crate::stubs::STUBS,
    ])
}

/// Waits for something within a function that cannot.
pub fn now<T>(something: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(something))
}

/// A batch that was read.
pub struct Read {
    pub texts: Vec<String>,
    pub incoming: Incoming,
}

impl Read {
    pub fn settle(self, outcome: Outcome) {
        let outcomes = std::iter::repeat_n(outcome, self.incoming.batch.len());
        match self.incoming.ack {
            Ack::Call(call) => call(outcomes.collect()),
            Ack::None => panic!("the topic hears of it"),
        }
    }

    /// A metadata entry of the first message.
    pub fn entry(&self, name: &str) -> String {
        let value = self.incoming.batch[0].metadata.get(name);
        let text = value.map(|it| it.to_text().as_str().to_owned());
        text.unwrap_or_else(|| "none".to_owned())
    }
}

/// Reads a batch, connecting as the engine does.
pub async fn read(input: &mut dyn Input) -> Read {
    let read = async {
        loop {
            match input.read().await {
                Ok(incoming) => return incoming,
                Err(error) => assert_eq!(error.class(), ErrorClass::NotConnected, "{error}"),
            }
            while let Err(error) = input.connect().await {
                assert_eq!(error.class(), ErrorClass::NotConnected, "{error}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    };
    let incoming = tokio::time::timeout(PATIENCE, read).await;
    let incoming = incoming.expect("a message comes");
    let text = |it: &millrace_message::Message| String::from_utf8(it.bytes().to_vec()).unwrap();
    Read {
        texts: incoming.batch.iter().map(text).collect(),
        incoming,
    }
}

/// Reads messages, in any order, and acknowledges them.
pub async fn read_texts(input: &mut dyn Input, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    while texts.len() < count {
        let one = read(input).await;
        texts.extend(one.texts.iter().cloned());
        one.settle(Outcome::Delivered);
    }
    texts.sort();
    texts
}

pub async fn end(mut input: Box<dyn Input>) {
    input.stop().await;
    input.close().await.unwrap();
}
