//! Connections that break.

use std::time::Duration;

use crate::support::{TestBroker, connect, read, reader, record, texts, topic};
use millrace_kafka_client::{Cluster, NewRecord, Producer, ProducerSettings, Settings};
use millrace_testkit::proxy::Direction;

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotent_producer_sends_again_without_loss_double_or_disorder() {
    let (broker, proxy) = TestBroker::behind_proxy().await;
    let cluster = connect(&proxy.address()).await;
    topic(&cluster, "orders", 1).await;
    let settings = ProducerSettings {
        batch_size: 300,
        linger: Duration::ZERO,
        ..ProducerSettings::default()
    };
    let producer = Producer::start(cluster.clone(), settings).await.unwrap();
    let mut deliveries = Vec::new();
    for number in 0..3000 {
        match number % 500 {
            // An answer is lost: what it tells of was written.
            100 => proxy.cut_after(Direction::ToClient, 40),
            // A request is cut in the middle.
            300 => proxy.cut_after(Direction::ToServer, 150),
            450 => proxy.cut(),
            _ => {}
        }
        let record = NewRecord {
            partition: Some(0),
            ..record("orders", number.to_string())
        };
        deliveries.push(producer.send(record).await.unwrap());
    }
    for delivery in deliveries {
        delivery.await.unwrap();
    }
    assert!(proxy.accepted() > 2, "connections were broken");
    let own = connect(&broker.address).await;
    let found = read(&mut reader(&own, "orders", 1), 3000).await;
    let expected: Vec<_> = (0..3000).map(|it| it.to_string()).collect();
    assert_eq!(texts(&found), expected);
    let end = millrace_kafka_client::TopicPartition::new("orders", 0);
    let at = millrace_kafka_client::OffsetAt::Latest;
    let ends = cluster
        .offsets(std::slice::from_ref(&end), at, false)
        .await
        .unwrap();
    assert_eq!(ends[&end], Some(3000), "nothing is behind them");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_reads_on_when_its_connections_were_cut() {
    let (_broker, proxy) = TestBroker::behind_proxy().await;
    let cluster = connect(&proxy.address()).await;
    topic(&cluster, "orders", 1).await;
    let producer = Producer::start(cluster.clone(), ProducerSettings::default())
        .await
        .unwrap();
    let mut consumer = reader(&cluster, "orders", 1);
    for round in 0..5 {
        let values = (0..10).map(|it| format!("{round}-{it}"));
        let expected: Vec<_> = values.clone().collect();
        crate::support::send_all(&producer, "orders", values).await;
        let found = read(&mut consumer, 10).await;
        assert_eq!(texts(&found), expected);
        proxy.cut();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_silent_is_given_up_after_the_time_that_was_allowed() {
    let (_broker, proxy) = TestBroker::behind_proxy().await;
    let settings = Settings {
        request_timeout: Duration::from_millis(200),
        retry_for: Duration::ZERO,
        ..Settings::for_servers(&proxy.address())
    };
    let cluster = Cluster::connect(settings).await.unwrap();
    proxy.black_hole();
    let error = cluster.list_topics().await.unwrap_err();
    assert!(error.is_ambiguous());
    let text = error.to_string();
    assert!(text.contains("Metadata: no answer within 200 ms"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_without_retries_says_that_the_connection_broke() {
    let (_broker, proxy) = TestBroker::behind_proxy().await;
    let cluster = connect(&proxy.address()).await;
    topic(&cluster, "orders", 1).await;
    let settings = ProducerSettings {
        retries: 0,
        ..ProducerSettings::default()
    };
    let producer = Producer::start(cluster.clone(), settings).await.unwrap();
    producer
        .send(record("orders", "first"))
        .await
        .unwrap()
        .await
        .unwrap();
    proxy.cut_after(Direction::ToServer, 20);
    let lost = producer.send(record("orders", "second")).await.unwrap();
    let error = lost.await.unwrap_err();
    assert!(error.is_ambiguous(), "{error}");
}

/// A broker takes any sequence as the first of a producer. So nothing may overtake a first batch whose
/// connection broke.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_overtakes_a_first_batch_that_was_lost() {
    let (broker, proxy) = TestBroker::behind_proxy().await;
    let cluster = connect(&proxy.address()).await;
    topic(&cluster, "orders", 1).await;
    let settings = ProducerSettings {
        batch_size: 300,
        linger: Duration::ZERO,
        ..ProducerSettings::default()
    };
    for round in 0..100 {
        let producer = Producer::start(cluster.clone(), settings.clone());
        let producer = producer.await.unwrap();
        proxy.cut_after(Direction::ToServer, 150);
        let mut deliveries = Vec::new();
        for number in 0..100 {
            let record = NewRecord {
                partition: Some(0),
                ..record("orders", format!("{round} {number}"))
            };
            deliveries.push(producer.send(record).await.unwrap());
        }
        for delivery in deliveries {
            delivery.await.unwrap();
        }
    }
    let own = connect(&broker.address).await;
    let found = read(&mut reader(&own, "orders", 1), 10_000).await;
    let numbers = (0..100).flat_map(|round| (0..100).map(move |it| format!("{round} {it}")));
    assert_eq!(texts(&found), numbers.collect::<Vec<_>>());
}
