//! Batches that a broker has acknowledged and that nobody can read.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use millrace_component::Input;
use millrace_component::conformance::Workbench;
use millrace_kafka_client::{Cluster, Compression, TopicPartition};
use millrace_testkit::kafka::{Client, claimed, counted};

use crate::broker::{TestBroker, bench, end, read_texts};

/// A batch of two offsets that is no gzip.
pub fn garbage() -> Bytes {
    claimed(Compression::Gzip, 2, b"this is no gzip")
}

/// A batch that counts two records and holds one.
pub fn counts_more() -> Bytes {
    counted(Compression::Gzip, 2, &[b"never"])
}

/// Sends a batch as it is.
pub fn send(address: &str, partition: i32, batch: Bytes) {
    let mut client = Client::connect(address.parse().unwrap());
    let answer = client.produce("t", partition, batch);
    assert_eq!(answer.error_code, 0, "{:?}", answer.error_message);
}

/// Removes what is before an offset of the first partition.
pub async fn remove(cluster: &Arc<Cluster>, before: i64) {
    let before = HashMap::from([(TopicPartition::new("t", 0), before)]);
    cluster.delete_records(&before).await.unwrap();
}

/// Ends an input that has not read everything: the stream does not pass for a success.
pub async fn end_unread(bench: &Workbench, input: Box<dyn Input>, place: &str) {
    assert!(bench.flow().unfinished().is_none());
    end(input).await;
    let told = bench.flow().unfinished().unwrap().to_string();
    assert!(told.contains(place), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_stands_still_before_what_cannot_be_read_and_others_are_read_on() {
    let fields = "consumer_group: g, commit_period: 10ms";
    let kafka =
        |address: &str| format!("kafka: {{ addresses: [ '{address}' ], topics: [ t ], {fields} }}");
    let franz = |address: &str| {
        format!("kafka_franz: {{ seed_brokers: [ '{address}' ], topics: [ t ], {fields} }}")
    };
    let yamls: [&dyn Fn(&str) -> String; 2] = [&kafka, &franz];
    for yaml in yamls {
        let broker = TestBroker::start().await;
        broker.topic("t", 2).await;
        broker.fill("t", 0, &["a", "b"]).await;
        send(&broker.address(), 0, garbage());
        broker.fill("t", 0, &["c"]).await;
        broker.fill("t", 1, &["x"]).await;
        let yaml = yaml(&broker.address());

        let first = bench();
        let mut input = first.input(&yaml);
        assert_eq!(read_texts(&mut *input, 3).await, ["a", "b", "x"], "{yaml}");
        broker.fill("t", 1, &["y"]).await;
        assert_eq!(read_texts(&mut *input, 1).await, ["y"]);
        let place = "partition 0 of topic `t` at offset 2: the records of a batch cannot be read";
        end_unread(&first, input, place).await;
        let committed = [("t".to_owned(), 0, 2), ("t".to_owned(), 1, 2)];
        assert_eq!(broker.committed("g").await, committed);

        // Nothing comes again because of it.
        let second = bench();
        let mut input = second.input(&yaml);
        broker.fill("t", 1, &["z"]).await;
        assert_eq!(read_texts(&mut *input, 1).await, ["z"]);
        remove(&broker.cluster().await, 4).await;
        assert_eq!(read_texts(&mut *input, 1).await, ["c"]);
        end(input).await;
        assert!(second.flow().unfinished().is_none());
    }
}
