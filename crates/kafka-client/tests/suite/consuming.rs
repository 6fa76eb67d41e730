//! Consumers beside the plain ones: outside of a group, with partitions that pause and come later.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use millrace_testkit::kafka::{Client, claimed};

use crate::support::{PATIENCE, TestBroker, read, record, settings, texts, topic};
use millrace_kafka_client::{
    Cluster, Compression, Consumer, ConsumerSettings, NewRecord, OffsetAt, Producer,
    ProducerSettings, Reset, Settings, Start, TopicPartition,
};

fn earliest() -> ConsumerSettings {
    ConsumerSettings {
        auto_offset_reset: Reset::Earliest,
        auto_commit_interval: None,
        ..ConsumerSettings::default()
    }
}

/// Sends values to a partition.
async fn send(cluster: &Arc<Cluster>, name: &str, partition: i32, values: &[&str]) {
    let producer = Producer::start(Arc::clone(cluster), ProducerSettings::default());
    let producer = producer.await.unwrap();
    for value in values {
        let record = NewRecord {
            partition: Some(partition),
            ..record(name, (*value).to_owned())
        };
        producer.send(record).await.unwrap().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_outside_of_a_group_goes_on_where_it_left_off_and_commits_in_its_name() {
    let broker = TestBroker::start().await;
    let cluster = broker.cluster().await;
    topic(&cluster, "orders", 2).await;
    send(&cluster, "orders", 1, &["a", "b"]).await;
    let place = TopicPartition::new("orders", 1);
    let outside = || {
        let cluster = Arc::clone(&cluster);
        Consumer::outside_group(cluster, earliest(), "billing", [place.clone()])
    };
    let mut consumer = outside();
    let records = read(&mut consumer, 2).await;
    assert_eq!(texts(&records), ["a", "b"]);
    assert_eq!(consumer.high_watermark(&place), Some(2));
    assert_eq!((consumer.generation(), consumer.epoch()), (-1, 0));
    let offsets = HashMap::from([(place.clone(), 1)]);
    consumer.commit_offsets(&offsets).await.unwrap();
    assert_eq!(texts(&read(&mut outside(), 1).await), ["b"]);
    let mut nobody = Consumer::of_partitions(Arc::clone(&cluster), earliest(), []);
    let refused = nobody.commit_offsets(&offsets).await.unwrap_err();
    assert_eq!(refused.to_string(), "who is in no group commits nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_comes_of_a_partition_that_pauses_until_it_goes_on() {
    let broker = TestBroker::start().await;
    let cluster = broker.cluster().await;
    topic(&cluster, "orders", 2).await;
    send(&cluster, "orders", 0, &["a"]).await;
    let places = [0, 1].map(|it| TopicPartition::new("orders", it));
    let from = places.clone().map(|it| (it, Start::At(OffsetAt::Earliest)));
    let mut consumer = Consumer::of_partitions(Arc::clone(&cluster), earliest(), from);
    consumer.set_paused([places[0].clone()].into());
    assert!(
        consumer
            .poll(Duration::from_millis(300))
            .await
            .unwrap()
            .is_empty()
    );
    send(&cluster, "orders", 1, &["b"]).await;
    assert_eq!(texts(&read(&mut consumer, 1).await), ["b"]);
    consumer.set_paused(Default::default());
    assert_eq!(texts(&read(&mut consumer, 1).await), ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_stands_still_before_what_cannot_be_read_and_goes_on_when_it_is_removed() {
    let broker = TestBroker::start().await;
    let cluster = broker.cluster().await;
    topic(&cluster, "orders", 2).await;
    let places = [0, 1].map(|it| TopicPartition::new("orders", it));
    let from = places.clone().map(|it| (it, Start::At(OffsetAt::Earliest)));
    send(&cluster, "orders", 0, &["a", "b"]).await;
    let bad = claimed(Compression::Gzip, 2, b"this is no gzip");
    let mut client = Client::connect(broker.address.parse().unwrap());
    assert_eq!(client.produce("orders", 0, bad).base_offset, 2);
    send(&cluster, "orders", 0, &["c"]).await;
    send(&cluster, "orders", 1, &["x"]).await;
    let settings = ConsumerSettings {
        holds_unreadable: true,
        auto_offset_reset: Reset::None,
        ..earliest()
    };
    let mut consumer = Consumer::of_partitions(Arc::clone(&cluster), settings, from);
    let mut before = texts(&read(&mut consumer, 3).await);
    before.sort();
    assert_eq!(before, ["a", "b", "x"]);
    for _ in 0..2 {
        while consumer.unreadable().count() == 0 {
            consumer.poll(Duration::from_millis(10)).await.unwrap();
        }
        let (place, error) = consumer.unreadable().next().unwrap();
        let found = error.unreadable().unwrap();
        assert_eq!(
            (place, found.offset, found.behind),
            (&places[0], 2, Some(4))
        );
        send(&cluster, "orders", 1, &["y"]).await;
        assert_eq!(texts(&read(&mut consumer, 1).await), ["y"]);
        consumer.try_again(&places[0]);
        assert!(consumer.is_held(&places[0]) && consumer.unreadable().count() == 0);
    }
    let before = HashMap::from([(places[0].clone(), 4)]);
    cluster.delete_records(&before).await.unwrap();
    let mut after = Vec::new();
    while after.is_empty() {
        consumer.try_again(&places[0]);
        after = consumer.poll(Duration::from_millis(10)).await.unwrap();
    }
    assert_eq!(texts(&after), ["c"]);
    assert!(!consumer.is_held(&places[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_and_topics_may_come_later() {
    let broker = TestBroker::start().await;
    let cluster = broker.cluster().await;
    topic(&cluster, "orders", 1).await;
    send(&cluster, "orders", 0, &["a"]).await;
    let of = |name: &str| (TopicPartition::new(name, 0), Start::At(OffsetAt::Earliest));
    let mut alone = Consumer::of_partitions(Arc::clone(&cluster), earliest(), [of("orders")]);
    let member = Consumer::in_group(Arc::clone(&cluster), earliest(), "billing", &["orders"]);
    let mut member = member;
    assert_eq!(texts(&read(&mut alone, 1).await), ["a"]);
    assert_eq!(texts(&read(&mut member, 1).await), ["a"]);
    member.commit().await.unwrap();
    let epoch = member.epoch();
    topic(&cluster, "refunds", 1).await;
    send(&cluster, "refunds", 0, &["b"]).await;
    alone.add_partitions([of("refunds"), of("orders")]);
    assert_eq!(texts(&read(&mut alone, 1).await), ["b"]);
    member.resubscribe(&["orders", "refunds"]);
    assert!(!member.is_stable());
    assert_eq!(texts(&read(&mut member, 1).await), ["b"]);
    assert_eq!(member.epoch(), epoch + 1);
    let assigned: BTreeSet<_> = member.assignment().into_iter().collect();
    let expected = ["orders", "refunds"].map(|it| TopicPartition::new(it, 0));
    assert_eq!(assigned, expected.into());
    member.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_commits_by_itself_is_told_before_it_joins_again() {
    let broker = TestBroker::start().await;
    let cluster = broker.cluster().await;
    topic(&cluster, "orders", 2).await;
    let settings = ConsumerSettings {
        heartbeat_interval: Duration::from_millis(20),
        ..earliest()
    };
    let member = || {
        let (cluster, settings) = (Arc::clone(&cluster), settings.clone());
        Consumer::in_group(cluster, settings, "billing", &["orders"])
    };
    let mut first = member();
    assert!(
        first
            .poll(Duration::from_millis(100))
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(first.epoch(), 1);
    let mut second = member();
    let joining = tokio::spawn(async move {
        second.poll(Duration::from_millis(100)).await.unwrap();
        second
    });
    // The poll ends as soon as it is known that somebody else has come.
    let told = tokio::time::timeout(PATIENCE / 2, first.poll(PATIENCE)).await;
    assert!(told.unwrap().unwrap().is_empty());
    assert!(!first.is_stable());
    assert_eq!(first.epoch(), 1);
    first.poll(Duration::from_millis(1)).await.unwrap();
    assert_eq!(first.epoch(), 2);
    joining.await.unwrap().close().await.unwrap();
    first.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_are_added_are_seen_when_what_is_known_is_too_old() {
    let broker = TestBroker::start().await;
    let admin = broker.cluster().await;
    topic(&admin, "orders", 1).await;
    let young = Settings {
        metadata_max_age: Some(Duration::ZERO),
        ..settings(&broker.address)
    };
    for (settings, sees) in [(young, true), (settings(&broker.address), false)] {
        let before = admin.partition_counts(&["orders"], false).await.unwrap()["orders"];
        let cluster = Cluster::connect(settings).await.unwrap();
        let producer = Producer::start(cluster, ProducerSettings::default());
        let producer = producer.await.unwrap();
        let to = |partition: usize| NewRecord {
            partition: Some(partition as i32),
            ..record("orders", "x")
        };
        producer.send(to(0)).await.unwrap().await.unwrap();
        let more = before as i32 + 1;
        admin.create_partitions("orders", more).await.unwrap();
        assert_eq!(producer.send(to(before)).await.is_ok(), sees);
    }
    let counts = admin.partition_counts(&["orders", "none"], false).await;
    let counts: Vec<_> = counts.unwrap().into_iter().collect();
    assert_eq!(counts, [("none".to_owned(), 0), ("orders".to_owned(), 3)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_records_wait_than_may() {
    let broker = TestBroker::start().await;
    let cluster = broker.cluster().await;
    topic(&cluster, "orders", 1).await;
    let settings = ProducerSettings {
        buffer_records: 2,
        linger: Duration::from_secs(3600),
        ..ProducerSettings::default()
    };
    let producer = Producer::start(cluster, settings).await.unwrap();
    let mut waiting = Vec::new();
    for _ in 0..2 {
        waiting.push(producer.send(record("orders", "x")).await.unwrap());
    }
    let third = producer.send(record("orders", "x"));
    let third = tokio::time::timeout(Duration::from_millis(100), third).await;
    assert!(third.is_err(), "a third record is taken");
    producer.flush().await;
    for delivery in waiting {
        delivery.await.unwrap();
    }
    assert!(producer.send(record("orders", "x")).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_goes_on_does_not_wait_for_one_that_has_nothing() {
    let broker = TestBroker::start().await;
    let cluster = broker.cluster().await;
    topic(&cluster, "orders", 2).await;
    send(&cluster, "orders", 0, &["a"]).await;
    let places = [0, 1].map(|it| TopicPartition::new("orders", it));
    let from = places.clone().map(|it| (it, Start::At(OffsetAt::Earliest)));
    let settings = ConsumerSettings {
        fetch_max_wait: PATIENCE,
        ..earliest()
    };
    let mut consumer = Consumer::of_partitions(Arc::clone(&cluster), settings, from);
    consumer.set_paused([places[0].clone()].into());
    let nothing = consumer.poll(Duration::from_millis(300)).await;
    assert!(nothing.unwrap().is_empty());
    consumer.set_paused(Default::default());
    assert_eq!(texts(&read(&mut consumer, 1).await), ["a"]);
    send(&cluster, "orders", 0, &["b"]).await;
    // The other partition was asked for in the meantime.
    let next = tokio::time::timeout(PATIENCE / 2, read(&mut consumer, 1)).await;
    assert_eq!(texts(&next.unwrap()), ["b"]);
}
