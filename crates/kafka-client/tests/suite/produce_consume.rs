//! Records that are sent are read.

use std::time::Duration;

use crate::support::{
    PATIENCE, TestBroker, read, reader, reader_with, record, send_all, texts, topic,
};
use bytes::{Buf, Bytes};
use millrace_kafka_client::{
    Acks, Compression, Consumer, ConsumerSettings, Isolation, NewRecord, NewTopic, OffsetAt,
    Producer, ProducerSettings, Reset, Start, TopicPartition, partition_of_key,
};
use millrace_kafka_wire::batch::BatchHeader;
use millrace_kafka_wire::{ErrorCode, Segment};
use millrace_testkit::kafka;

#[tokio::test(flavor = "multi_thread")]
async fn a_record_comes_back_with_key_headers_and_time_in_every_codec() {
    let broker = TestBroker::start().await;
    let cluster = broker.cluster().await;
    topic(&cluster, "codecs", 1).await;
    let mut consumer = reader(&cluster, "codecs", 1);
    for (offset, compression) in (0..).zip(Compression::ALL) {
        let settings = ProducerSettings {
            compression,
            ..ProducerSettings::default()
        };
        let producer = Producer::start(cluster.clone(), settings).await.unwrap();
        let sent = NewRecord {
            topic: "codecs".into(),
            key: Some(Bytes::from_static(b"key")),
            value: None,
            headers: vec![
                (Bytes::from_static(b"trace"), Some(Bytes::from_static(b"7"))),
                (Bytes::from_static(b"none"), None),
            ],
            timestamp: Some(1_700_000_000_000),
            partition: None,
        };
        let delivered = producer.send(sent.clone()).await.unwrap().await.unwrap();
        assert_eq!(delivered.offset, Some(offset), "{compression:?}");
        let found = read(&mut consumer, 1).await.remove(0);
        assert_eq!(
            (found.key, found.value),
            (sent.key, sent.value),
            "{compression:?}"
        );
        assert_eq!((found.headers, found.offset), (sent.headers, offset));
        assert_eq!(found.timestamp, 1_700_000_000_000);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_a_partition_keep_their_order_over_many_batches() {
    let broker = TestBroker::start().await;
    let cluster = broker.cluster().await;
    topic(&cluster, "ordered", 1).await;
    let settings = ProducerSettings {
        batch_size: 500,
        linger: Duration::ZERO,
        ..ProducerSettings::default()
    };
    let producer = Producer::start(cluster.clone(), settings).await.unwrap();
    send_all(&producer, "ordered", (0..5000).map(|it| it.to_string())).await;
    let few = ConsumerSettings {
        max_poll_records: 7,
        max_partition_fetch_bytes: 2000,
        ..ConsumerSettings::default()
    };
    let mut consumer = reader_with(&cluster, "ordered", 1, few);
    assert!(consumer.poll(PATIENCE).await.unwrap().len() <= 7);
    let rest = read(&mut consumer, 4993).await;
    let expected: Vec<_> = (7..5000).map(|it| it.to_string()).collect();
    assert_eq!(texts(&rest), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_go_where_java_sends_them_and_deliveries_tell_where() {
    let broker = TestBroker::start().await;
    let cluster = broker.cluster().await;
    topic(&cluster, "keyed", 5).await;
    let producer = Producer::start(cluster.clone(), ProducerSettings::default())
        .await
        .unwrap();
    for number in 0..20 {
        let key = Bytes::from(format!("customer {number}"));
        let mut record = record("keyed", "x");
        record.key = Some(key.clone());
        let delivered = producer.send(record).await.unwrap().await.unwrap();
        assert_eq!(delivered.partition, partition_of_key(&key, 5));
    }
    let mut consumer = reader(&cluster, "keyed", 5);
    for found in read(&mut consumer, 20).await {
        assert_eq!(found.partition, partition_of_key(&found.key.unwrap(), 5));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledgement_works_and_without_one_no_offset_is_told() {
    let broker = TestBroker::start().await;
    let cluster = broker.cluster().await;
    topic(&cluster, "acks", 1).await;
    for (acks, offset) in [
        (Acks::None, None),
        (Acks::Leader, Some(1)),
        (Acks::All, Some(2)),
    ] {
        let settings = ProducerSettings {
            acks,
            ..ProducerSettings::default()
        };
        let producer = Producer::start(cluster.clone(), settings).await.unwrap();
        let delivered = producer
            .send(record("acks", "x"))
            .await
            .unwrap()
            .await
            .unwrap();
        assert_eq!(delivered.offset, offset, "{acks:?}");
    }
    assert_eq!(read(&mut reader(&cluster, "acks", 1), 3).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sent_is_refused_before_it_is_sent() {
    let broker = TestBroker::start().await;
    let cluster = broker.cluster().await;
    topic(&cluster, "small", 1).await;
    let settings = ProducerSettings {
        max_record_bytes: 1000,
        ..ProducerSettings::default()
    };
    let producer = Producer::start(cluster.clone(), settings).await.unwrap();
    let refused = producer
        .send(record("small", vec![0; 1001]))
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("1000 are allowed"),
        "{refused}"
    );
    let mut beyond = record("small", "x");
    beyond.partition = Some(1);
    let refused = producer.send(beyond).await.unwrap_err();
    assert!(
        refused.to_string().contains("there is no partition 1"),
        "{refused}"
    );
    // The producer goes on.
    producer
        .send(record("small", "x"))
        .await
        .unwrap()
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotent_producer_stops_at_a_batch_that_the_broker_refuses() {
    let broker = TestBroker::start().await;
    let cluster = broker.cluster().await;
    topic(&cluster, "tight", 1).await;
    let set = [("max.message.bytes".to_owned(), "200".to_owned())];
    cluster
        .alter_topic_configs("tight", &set, &[])
        .await
        .unwrap();
    let producer = Producer::start(cluster.clone(), ProducerSettings::default())
        .await
        .unwrap();
    producer
        .send(record("tight", "small"))
        .await
        .unwrap()
        .await
        .unwrap();
    let large = producer.send(record("tight", vec![0; 500])).await.unwrap();
    let error = large.await.unwrap_err().to_string();
    assert!(
        error.contains("MESSAGE_TOO_LARGE") && error.contains("max.message.bytes"),
        "{error}"
    );
    let behind = producer.send(record("tight", "small")).await.unwrap();
    assert!(
        behind.await.is_err(),
        "a gap in the sequence is no place for more"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_begins_at_an_offset_a_time_or_the_end() {
    let broker = TestBroker::start().await;
    let cluster = broker.cluster().await;
    topic(&cluster, "begin", 1).await;
    let producer = Producer::start(cluster.clone(), ProducerSettings::default())
        .await
        .unwrap();
    for (time, value) in [(1000, "a"), (2000, "b"), (3000, "c")] {
        let mut record = record("begin", value);
        record.timestamp = Some(time);
        producer.send(record).await.unwrap();
        producer.flush().await;
    }
    let from = |start| {
        let partition = TopicPartition::new("begin", 0);
        let settings = ConsumerSettings::default();
        Consumer::of_partitions(cluster.clone(), settings, [(partition, start)])
    };
    for (start, expected) in [
        (Start::Offset(1), &["b", "c"][..]),
        (Start::At(OffsetAt::Time(2500)), &["c"]),
        (Start::At(OffsetAt::Earliest), &["a", "b", "c"]),
    ] {
        let found = read(&mut from(start), expected.len()).await;
        assert_eq!(texts(&found), expected, "{start:?}");
    }
    let mut latest = from(Start::At(OffsetAt::Latest));
    // The end is looked up by the first poll.
    assert!(
        latest
            .poll(Duration::from_millis(100))
            .await
            .unwrap()
            .is_empty()
    );
    producer
        .send(record("begin", "d"))
        .await
        .unwrap()
        .await
        .unwrap();
    assert_eq!(texts(&read(&mut latest, 1).await), ["d"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offset_that_is_not_there_is_reset_or_refused_as_the_settings_say() {
    let broker = TestBroker::start().await;
    let cluster = broker.cluster().await;
    topic(&cluster, "range", 1).await;
    let producer = Producer::start(cluster.clone(), ProducerSettings::default())
        .await
        .unwrap();
    producer
        .send(record("range", "a"))
        .await
        .unwrap()
        .await
        .unwrap();
    let beyond = |auto_offset_reset| {
        let settings = ConsumerSettings {
            auto_offset_reset,
            isolation: Isolation::ReadCommitted,
            ..ConsumerSettings::default()
        };
        let start = (TopicPartition::new("range", 0), Start::Offset(1000));
        Consumer::of_partitions(cluster.clone(), settings, [start])
    };
    let mut earliest = beyond(Reset::Earliest);
    assert_eq!(texts(&read(&mut earliest, 1).await), ["a"]);
    let refused = beyond(Reset::None).poll(PATIENCE).await.unwrap_err();
    assert!(
        refused.to_string().contains("auto_offset_reset"),
        "{refused}"
    );
}

/// How many records each batch of a partition has.
fn batches(address: &str, topic: &str) -> Vec<i32> {
    let mut client = kafka::Client::connect(address.parse().unwrap());
    let mut counts = Vec::new();
    let mut offset = 0;
    loop {
        let Segment::Bytes(mut bytes) = client.fetch(topic, 0, offset, 0).records else {
            unreachable!("the codec reads bytes");
        };
        if bytes.is_empty() {
            return counts;
        }
        while !bytes.is_empty() {
            let header = BatchHeader::read(&bytes).unwrap();
            counts.push(header.record_count);
            offset = header.next_offset();
            bytes.advance(header.size());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_are_sent_together_stand_in_one_batch_also_without_linger() {
    let broker = TestBroker::start().await;
    let cluster = broker.cluster().await;
    topic(&cluster, "together", 1).await;
    let settings = ProducerSettings {
        linger: Duration::ZERO,
        ..ProducerSettings::default()
    };
    let producer = Producer::start(cluster.clone(), settings).await.unwrap();
    for _ in 0..5 {
        let records = (0..100).map(|it| record("together", it.to_string()));
        for delivery in producer.send_all(records).await {
            delivery.unwrap().await.unwrap();
        }
    }
    assert_eq!(batches(&broker.address, "together"), [100; 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_records_than_there_is_room_for_are_sent_as_room_is_made() {
    let broker = TestBroker::start().await;
    let cluster = broker.cluster().await;
    topic(&cluster, "narrow", 1).await;
    let settings = ProducerSettings {
        linger: Duration::ZERO,
        buffer_records: 7,
        ..ProducerSettings::default()
    };
    let producer = Producer::start(cluster.clone(), settings).await.unwrap();
    let large = vec![b'x'; ProducerSettings::default().max_record_bytes + 1];
    let records = (0..50).map(|it| match it {
        20 => record("narrow", large.clone()),
        it => record("narrow", it.to_string()),
    });
    let sending = producer.send_all(records);
    let deliveries = tokio::time::timeout(PATIENCE, sending).await.unwrap();
    let mut refused = Vec::new();
    for (index, delivery) in deliveries.into_iter().enumerate() {
        match delivery {
            Ok(delivery) => drop(delivery.await.unwrap()),
            Err(_) => refused.push(index),
        }
    }
    assert_eq!(
        refused,
        [20],
        "one that is too large leaves the others alone"
    );
    let mut consumer = reader(&cluster, "narrow", 1);
    let expected: Vec<_> = (0..50)
        .filter(|it| *it != 20)
        .map(|it| it.to_string())
        .collect();
    assert_eq!(texts(&read(&mut consumer, 49).await), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_its_topic_does_not_take_is_divided_until_only_what_never_fits_fails() {
    let broker = TestBroker::start().await;
    let cluster = broker.cluster().await;
    let narrow = NewTopic {
        name: "divided".into(),
        partitions: Some(1),
        replication_factor: Some(1),
        configs: vec![("max.message.bytes".into(), "1000".into())],
    };
    cluster.create_topic(&narrow, false).await.unwrap();
    let mut sent = Vec::new();
    for idempotent in [true, false] {
        for compression in [Compression::None, Compression::Lz4] {
            let settings = ProducerSettings {
                linger: Duration::ZERO,
                enable_idempotence: Some(idempotent),
                compression,
                ..ProducerSettings::default()
            };
            let producer = Producer::start(cluster.clone(), settings).await.unwrap();
            // No codec makes it small.
            let never = |it: u32| (!idempotent && it == 77).then(|| noise(3000));
            let values = (0..200).map(|it| never(it).unwrap_or_else(|| noise(90)));
            let values: Vec<_> = values.collect();
            let records = values.iter().map(|it| record("divided", it.clone()));
            let mut refused = Vec::new();
            for (index, delivery) in producer.send_all(records).await.into_iter().enumerate() {
                match delivery.unwrap().await {
                    Ok(_) => sent.push(values[index].clone()),
                    Err(error) => refused.push((index, error.code())),
                }
            }
            let expected = (!idempotent).then_some((77, Some(ErrorCode::MessageTooLarge)));
            assert_eq!(refused, Vec::from_iter(expected));
        }
    }
    let mut consumer = reader(&cluster, "divided", 1);
    let found = read(&mut consumer, sent.len()).await;
    let found: Vec<_> = found
        .into_iter()
        .map(|it| it.value.unwrap().to_vec())
        .collect();
    assert!(found == sent, "each once, and in order");
}

fn noise(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|_| rand::random()).collect()
}
