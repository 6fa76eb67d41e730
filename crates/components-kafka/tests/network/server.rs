//! `kafka_server`: clients over sockets, and the input that reads what they have written.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use millrace_broker::{BrokerConfig, start_here};
use millrace_component::conformance::{self, Workbench};
use millrace_component::{Input, LogClient, LogServers, NewLog, ServedLog, Services};
use millrace_kafka_client::{
    Cluster, NewRecord, OffsetAt, Producer, ProducerSettings, Settings, TopicPartition,
};
use millrace_message::{Error, Outcome};
use millrace_testkit::kafka::Client;
use millrace_testkit::port::free_port;
use tempfile::TempDir;

use crate::broker::{PATIENCE, end, now, read, read_texts};
use crate::unreadable::{counts_more, end_unread, garbage, remove, send};

/// Starts brokers as the process does.
fn servers() -> LogServers {
    LogServers::new(|log: NewLog| {
        Box::pin(async move {
            let mut settings = log.settings;
            settings.insert("group.min.session.timeout.ms".into(), "100".into());
            settings.insert("offsets.topic.num.partitions".into(), "1".into());
            let config = BrokerConfig::embedded(settings, &log.data_dir);
            let config = config.map_err(|it| Error::fatal(format!("{it:?}")))?;
            let running = start_here(config, &log.scope).await;
            let running = running.map_err(|error| Error::fatal(error.to_string()))?;
            let broker = Arc::clone(running.broker());
            let client = Arc::new(LogClient::new(move || broker.connect()));
            let addresses = running.addresses().to_vec();
            let stop = Box::pin(async move {
                assert!(running.stop().await);
            });
            Ok(ServedLog::new(client, addresses, stop))
        })
    })
}

struct Served {
    bench: Workbench,
    yaml: String,
    address: String,
    _dir: TempDir,
}

impl Served {
    fn new(more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let services = Services::default().with(Arc::new(servers()));
        let data = dir.path().display();
        Self {
            bench: Workbench::new([millrace_components_kafka::INPUTS]).with_services(services),
            yaml: format!(
                "kafka_server: {{ address: '{address}', topics: [ t ], data_dir: '{data}', \
                 commit_period: 10ms{more} }}"
            ),
            address,
            _dir: dir,
        }
    }

    fn input(&self) -> Box<dyn Input> {
        self.bench.input(&self.yaml)
    }

    async fn cluster(&self) -> Arc<Cluster> {
        let settings = Settings {
            retry_for: Duration::from_secs(2),
            ..Settings::for_servers(&self.address)
        };
        Cluster::connect(settings).await.unwrap()
    }

    /// Writes values as a client does.
    async fn produce(&self, topic: &str, values: &[&str]) -> millrace_kafka_client::Result<()> {
        let producer = Producer::start(self.cluster().await, ProducerSettings::default()).await?;
        for value in values {
            let record = NewRecord {
                topic: topic.into(),
                value: Some(Bytes::copy_from_slice(value.as_bytes())),
                ..NewRecord::default()
            };
            producer.send(record).await?.await?;
        }
        Ok(())
    }

    /// Has the log store a batch as a broker does that does not open it.
    async fn store_unchecked(&self, batch: Bytes) {
        let lax = "kafka_server: { settings: { record.validation: headers }, ";
        let lax = self.yaml.replacen("kafka_server: {", lax, 1);
        let mut input = self.bench.input(&lax);
        input.connect().await.unwrap();
        send(&self.address, 0, batch);
        input.close().await.unwrap();
    }

    /// Writes values while an input serves that reads nothing of them.
    async fn fill(&self, values: &[&str]) {
        let mut input = self.input();
        input.connect().await.unwrap();
        self.produce("t", values).await.unwrap();
        end(input).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_server_keeps_the_promises_of_an_input() {
    let served = Served::new("");
    let fill = |texts: &[&str]| now(served.fill(texts));
    conformance::input_with_offsets(|| served.input(), fill).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_clients_write_is_read_and_deleted_behind_what_was_acknowledged() {
    let served = Served::new(", partitions: 1, batching: { count: 2 }");
    let mut input = served.input();
    input.connect().await.unwrap();
    served.produce("t", &["a", "b", "c", "d"]).await.unwrap();
    let first = read(&mut *input).await;
    assert_eq!(
        (&*first.texts, first.entry("kafka_topic")),
        (&["a".into(), "b".into()][..], "t".into())
    );
    let second = read(&mut *input).await;
    assert_eq!(second.texts, ["c", "d"]);
    first.settle(Outcome::Delivered);
    let cluster = served.cluster().await;
    let place = TopicPartition::new("t", 0);
    let start = async {
        loop {
            let partitions = std::slice::from_ref(&place);
            let found = cluster.offsets(partitions, OffsetAt::Earliest, false).await;
            if found.unwrap()[&place] == Some(2) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, start).await.unwrap();
    drop(second);
    end(input).await;
    let mut again = served.input();
    assert_eq!(read_texts(&mut *again, 2).await, ["c", "d"]);
    end(again).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_read_is_refused_and_what_an_older_broker_took_is_told_and_never_twice() {
    for (bad, said) in [
        (garbage(), "cannot be read: "),
        (counts_more(), "record 1 of the batch is missing"),
    ] {
        let served = Served::new("");
        let mut input = served.input();
        input.connect().await.unwrap();
        let mut client = Client::connect(served.address.parse().unwrap());
        assert_ne!(client.produce("t", 0, bad.clone()).error_code, 0);
        served.produce("t", &["a"]).await.unwrap();
        assert_eq!(read_texts(&mut *input, 1).await, ["a"]);
        end(input).await;
        served.store_unchecked(bad).await;

        let mut input = served.input();
        input.connect().await.unwrap();
        served.produce("t", &["c"]).await.unwrap();
        let nothing = tokio::time::timeout(Duration::from_secs(3), input.read());
        assert!(nothing.await.is_err(), "nothing is delivered");
        end_unread(&served.bench, input, "topic `t` at offset 1").await;
        let told = served.bench.flow().unfinished().unwrap().to_string();
        assert!(told.contains(said), "{told}");

        let mut input = served.input();
        input.connect().await.unwrap();
        remove(&served.cluster().await, 3).await;
        assert_eq!(read_texts(&mut *input, 1).await, ["c"]);
        end(input).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_not_served_and_an_address_in_use_are_told() {
    let served = Served::new("");
    let mut input = served.input();
    input.connect().await.unwrap();
    let refused = served
        .produce("other", &["a"])
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("other"), "{refused}");
    let other = tempfile::tempdir().unwrap();
    let yaml = format!(
        "kafka_server: {{ address: '{}', topics: [ t ], data_dir: '{}' }}",
        served.address,
        other.path().display()
    );
    let taken = served.bench.input(&yaml).connect().await.unwrap_err();
    assert!(taken.text().contains("is in use"), "{taken}");
    end(input).await;
}

#[test]
fn what_cannot_be_meant_is_told_by_the_lint() {
    let bench = Workbench::new([millrace_components_kafka::INPUTS]);
    for (fields, said) in [
        ("topics: []", "topics must name at least one"),
        ("topics: [ '..' ]", "`..` is not for messages"),
        (
            "topics: [ t ], address: localhost",
            "address must be HOST:PORT",
        ),
        ("topics: [ t ], partitions: 0", "at least one partition"),
        (
            "topics: [ t ], settings: { listeners: a }",
            "`listeners` is what a field of the input says",
        ),
    ] {
        let yaml = format!("kafka_server: {{ {fields} }}");
        let read = bench.read::<millrace_component::InputChild>(&yaml);
        let told = read.err().unwrap_or_default().to_string();
        assert!(told.contains(said), "{fields}: {told}");
    }
}
