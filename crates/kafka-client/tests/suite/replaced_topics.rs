//! Topics that are deleted and made again under who reads them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use millrace_kafka_client::{
    Cluster, Consumer, ConsumerSettings, Producer, ProducerSettings, Reset, TopicPartition,
};

use crate::support::{TestBroker, read, reader_with, send_all, texts, topic};

const TOPIC: &str = "orders";
const GROUP: &str = "billing";

fn settings(auto_offset_reset: Reset) -> ConsumerSettings {
    ConsumerSettings {
        auto_offset_reset,
        auto_commit_interval: None,
        ..ConsumerSettings::default()
    }
}

fn place() -> TopicPartition {
    TopicPartition::new(TOPIC, 0)
}

async fn fill(cluster: &Arc<Cluster>, values: &[&str]) {
    topic(cluster, TOPIC, 1).await;
    let producer = Producer::start(Arc::clone(cluster), ProducerSettings::default());
    let producer = producer.await.unwrap();
    send_all(&producer, TOPIC, values.iter().map(|it| (*it).to_owned())).await;
}

/// Deletes the topic and makes it again, with more records than it had.
async fn replace(cluster: &Arc<Cluster>) {
    cluster.delete_topic(TOPIC).await.unwrap();
    fill(cluster, &["new 0", "new 1", "new 2", "new 3"]).await;
}

async fn committed(cluster: &Cluster) -> Option<i64> {
    let committed = cluster.committed(GROUP, Some(&[place()])).await.unwrap();
    committed.get(&place()).map(|it| it.offset)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_reads_the_new_topic_from_its_beginning_and_commits_nothing_of_the_old_one() {
    let broker = TestBroker::start().await;
    let cluster = broker.cluster().await;
    fill(&cluster, &["old 0", "old 1"]).await;
    let member_of = broker.cluster().await;
    let mut member = Consumer::in_group(member_of, settings(Reset::Latest), GROUP, &[TOPIC]);
    let mut early = Consumer::in_group(
        broker.cluster().await,
        settings(Reset::Earliest),
        "early",
        &[TOPIC],
    );
    assert_eq!(texts(&read(&mut early, 2).await), ["old 0", "old 1"]);
    while member.position(&place()).is_none() {
        let records = member.poll(Duration::from_millis(50)).await.unwrap();
        assert!(records.is_empty());
    }
    let old = HashMap::from([(place(), 2)]);
    member.commit_offsets(&old).await.unwrap();
    assert_eq!(committed(&cluster).await, Some(2));

    replace(&cluster).await;
    member.commit_offsets(&old).await.unwrap();
    assert_eq!(committed(&cluster).await, None);
    assert!(member.take_replaced().is_empty());
    let records = read(&mut member, 4).await;
    assert_eq!(texts(&records), ["new 0", "new 1", "new 2", "new 3"]);
    assert_eq!(member.take_replaced(), [TOPIC.into()].into());
    assert!(member.take_replaced().is_empty());
    member.commit().await.unwrap();
    assert_eq!(committed(&cluster).await, Some(4));
    assert_eq!(texts(&read(&mut early, 4).await), texts(&records));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_outside_of_a_group_goes_on_where_others_have_left_off_in_the_new_topic() {
    let broker = TestBroker::start().await;
    let cluster = broker.cluster().await;
    fill(&cluster, &["old 0", "old 1"]).await;
    let outside = broker.cluster().await;
    let mut outside = Consumer::outside_group(outside, settings(Reset::Earliest), GROUP, [place()]);
    assert_eq!(texts(&read(&mut outside, 2).await), ["old 0", "old 1"]);
    replace(&cluster).await;
    let others = HashMap::from([(place(), 3)]);
    cluster.commit_for(GROUP, &others).await.unwrap();
    let old = HashMap::from([(place(), 2)]);
    outside.commit_offsets(&old).await.unwrap();
    assert_eq!(committed(&cluster).await, Some(3));
    assert_eq!(texts(&read(&mut outside, 1).await), ["new 3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_to_begin_nowhere_else_fails() {
    let broker = TestBroker::start().await;
    let cluster = broker.cluster().await;
    fill(&cluster, &["old 0"]).await;
    let mut reader = reader_with(&broker.cluster().await, TOPIC, 1, settings(Reset::None));
    assert_eq!(texts(&read(&mut reader, 1).await), ["old 0"]);
    replace(&cluster).await;
    let error = loop {
        match reader.poll(Duration::from_millis(100)).await {
            Ok(records) => assert!(records.is_empty()),
            Err(error) => break error.to_string(),
        }
    };
    assert!(
        error.contains("topic `orders` was deleted and made again"),
        "{error}"
    );
}
