//! What the outputs write.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use millrace_kafka_client::{NewTopic, partition_of_fnv1a, partition_of_key};
use millrace_message::{ErrorClass, Message, MessageBatch, Outcome};

use crate::broker::{PATIENCE, TestBroker, bench, end, read_texts};

/// Has an output write messages with keys in their metadata, so that they can be read at once.
async fn write(broker: &TestBroker, output: &str, messages: &[(&str, &str)]) {
    let output = output.replace("addresses:", "ack_replicas: true, addresses:");
    let output = bench().output(&output.replace('A', &broker.address()));
    output.connect().await.unwrap();
    let message = |(key, text): &(&str, &str)| {
        let mut message = Message::from(*text);
        message.metadata.set("key", *key);
        message
    };
    let batch: MessageBatch = messages.iter().map(message).collect();
    output.write(&batch).await.unwrap();
    output.close().await.unwrap();
}

const KEYS: [(&str, &str); 8] = [
    ("a", "1"),
    ("b", "2"),
    ("c", "3"),
    ("d", "4"),
    ("e", "5"),
    ("f", "6"),
    ("g", "7"),
    ("h", "8"),
];

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_partitioners_choose_the_partition() {
    let broker = TestBroker::start().await;
    let keyed = "key: '${! @key }', topic: ";
    type Hash = fn(&[u8], usize) -> i32;
    let hashes: [(&str, &str, Hash); 4] = [
        ("kafka: { addresses: [ 'A' ], ", "one", partition_of_fnv1a),
        (
            "kafka: { addresses: [ 'A' ], partitioner: murmur2_hash, ",
            "two",
            partition_of_key,
        ),
        (
            "kafka_franz: { seed_brokers: [ 'A' ], ",
            "three",
            partition_of_key,
        ),
        (
            "kafka_franz: { seed_brokers: [ 'A' ], partitioner: uniform_bytes, \
             uniform_bytes_options: { keys: true }, ",
            "four",
            partition_of_key,
        ),
    ];
    for (start, topic, hash) in hashes {
        broker.topic(topic, 5).await;
        write(&broker, &format!("{start}{keyed}{topic} }}"), &KEYS).await;
        let records = broker.records(topic).await;
        assert_eq!(records.len(), KEYS.len());
        for record in records {
            assert_eq!(record.partition, hash(&record.key.unwrap(), 5), "{topic}");
        }
    }
    for (start, topic) in [
        ("kafka: { addresses: [ 'A' ], ", "five"),
        ("kafka_franz: { seed_brokers: [ 'A' ], ", "six"),
    ] {
        broker.topic(topic, 4).await;
        let yaml = format!("{start}partitioner: round_robin, {keyed}{topic} }}");
        write(&broker, &yaml, &KEYS).await;
        let records = broker.records(topic).await;
        let partitions: Vec<_> = records.iter().map(|it| it.partition).collect();
        assert_eq!(partitions, [0, 0, 1, 1, 2, 2, 3, 3], "{topic}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_are_those_of_the_metadata_and_those_that_are_fixed() {
    let broker = TestBroker::start().await;
    let header = |name: &str, value: &str| -> (Bytes, Option<Bytes>) {
        let copied = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        (copied(name), Some(copied(value)))
    };
    for (yaml, topic, headers) in [
        (
            "kafka: { addresses: [ 'A' ], topic: one, static_headers: { z: '1', b: '2' } }",
            "one",
            vec![header("key", ""), header("b", "2"), header("z", "1")],
        ),
        (
            "kafka: { addresses: [ 'A' ], topic: two, metadata: { exclude_prefixes: [ k ] } }",
            "two",
            vec![],
        ),
        (
            "kafka_franz: { seed_brokers: [ 'A' ], topic: three, key: '${! @key }' }",
            "three",
            vec![],
        ),
        (
            "kafka_franz: { seed_brokers: [ 'A' ], topic: four, key: 'null', \
             metadata: { include_patterns: [ 'k.y' ] } }",
            "four",
            vec![header("key", "")],
        ),
    ] {
        broker.topic(topic, 1).await;
        write(&broker, yaml, &[("", "x")]).await;
        let records = broker.records(topic).await;
        assert_eq!(records[0].headers, headers, "{yaml}");
        assert_eq!(records[0].key, None, "{yaml}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_leader_alone_acknowledges_arrives_too() {
    let broker = TestBroker::start().await;
    broker.topic("t", 1).await;
    let (brokers, bench) = (broker.address(), bench());
    let yaml = format!("kafka: {{ addresses: [ '{brokers}' ], topic: t, max_in_flight: 1 }}");
    let output = bench.output(&yaml);
    output.connect().await.unwrap();
    output.write(&Message::from("a").into()).await.unwrap();
    output.close().await.unwrap();
    let yaml = format!("kafka: {{ addresses: [ '{brokers}' ], topics: [ 't:0' ] }}");
    let mut input = bench.input(&yaml);
    input.connect().await.unwrap();
    assert_eq!(read_texts(&mut *input, 1).await, ["a"]);
    end(input).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_made_as_the_config_says() {
    let broker = TestBroker::start().await;
    let yaml = "kafka: { addresses: [ 'A' ], topic: 'made-${! content() }', \
                custom_topic_creation: { enabled: true, partitions: 3 } }";
    write(&broker, yaml, &[("", "1"), ("", "2"), ("", "1")]).await;
    let cluster = broker.cluster().await;
    let topics = ["made-1", "made-2"];
    let counts = cluster.partition_counts(&topics, false).await.unwrap();
    assert_eq!(counts.into_values().collect::<Vec<_>>(), [3, 3]);
    assert_eq!(broker.values("made-1").await, ["1", "1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_compressed_is_read_again() {
    let broker = TestBroker::start().await;
    for (name, brokers) in [("kafka", "addresses"), ("kafka_franz", "seed_brokers")] {
        for compression in ["none", "snappy", "lz4", "gzip", "zstd"] {
            let topic = format!("{name}-{compression}");
            broker.topic(&topic, 1).await;
            let yaml = format!(
                "{name}: {{ {brokers}: [ 'A' ], topic: {topic}, compression: {compression} }}"
            );
            write(&broker, &yaml, &KEYS[..3]).await;
            assert_eq!(broker.values(&topic).await, ["1", "2", "3"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_writes_again_by_itself_while_the_broker_is_away() {
    for as_batch in [false, true] {
        let broker = TestBroker::start().await;
        broker.topic("t", 1).await;
        let yaml = format!(
            "kafka: {{ addresses: [ '{}' ], topic: t, ack_replicas: true, timeout: 1s, \
             retry_as_batch: {as_batch}, \
             backoff: {{ initial_interval: 10ms, max_interval: 50ms, max_elapsed_time: '' }} }}",
            broker.address()
        );
        let output = bench().output(&yaml);
        output.connect().await.unwrap();
        broker.proxy.down().unwrap();
        let batch: MessageBatch = ["a", "b"].map(Message::from).into_iter().collect();
        let (written, ()) = tokio::join!(output.write(&batch), async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            broker.proxy.heal().unwrap();
        });
        written.unwrap();
        output.close().await.unwrap();
        let values: BTreeSet<_> = broker.values("t").await.into_iter().collect();
        assert_eq!(values, ["a".to_owned(), "b".to_owned()].into());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_gives_up_after_so_many_attempts() {
    let broker = TestBroker::start().await;
    broker.topic("t", 1).await;
    let yaml = format!(
        "kafka: {{ addresses: [ '{}' ], topic: t, timeout: 100ms, max_retries: 2, \
         backoff: {{ initial_interval: 1ms, max_interval: 1ms, max_elapsed_time: '' }} }}",
        broker.address()
    );
    let output = bench().output(&yaml);
    output.connect().await.unwrap();
    broker.proxy.down().unwrap();
    let written = output.write(&Message::from("a").into()).await;
    let error = written.unwrap_err();
    assert_eq!(error.error().class(), ErrorClass::Retry);
    broker.proxy.heal().unwrap();
    while let Err(error) = output.write(&Message::from("b").into()).await {
        assert_ne!(error.error().class(), ErrorClass::Rejected);
        output.connect().await.unwrap();
    }
    output.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_not_made_is_refused_soon_for_all_messages_of_a_batch() {
    for yaml in [
        "kafka: { addresses: [ 'A' ], topic: t, ack_replicas: true }",
        "kafka_franz: { seed_brokers: [ 'A' ], topic: t }",
    ] {
        let broker = TestBroker::secured("PLAINTEXT", "auto.create.topics.enable=false").await;
        let output = bench().output(&yaml.replace('A', &broker.address()));
        output.connect().await.unwrap();
        let batch: MessageBatch = (0..20).map(|it| Message::from(&*it.to_string())).collect();
        let begun = tokio::time::Instant::now();
        let refused = output.write(&batch).await.unwrap_err();
        // One after the other they would have waited far longer.
        assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
        assert_eq!(refused.error().class(), ErrorClass::Rejected);
        let text = refused.error().text().to_owned();
        assert!(text.contains("there is no topic `t`"), "{text}");
        broker.topic("t", 1).await;
        while output.write(&batch).await.is_err() {}
        output.close().await.unwrap();
        assert_eq!(broker.values("t").await.len(), 20);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_goes_on_over_a_restart_of_the_broker() {
    for yaml in [
        "kafka: { addresses: [ 'A' ], topic: t, ack_replicas: true, timeout: 1s, \
         backoff: { initial_interval: 10ms, max_interval: 50ms } }",
        "kafka_franz: { seed_brokers: [ 'A' ], topic: t, timeout: 1s }",
    ] {
        let mut broker = TestBroker::start().await;
        broker.topic("t", 1).await;
        let output = bench().output(&yaml.replace('A', &broker.address()));
        output.connect().await.unwrap();
        output.write(&Message::from("a").into()).await.unwrap();
        broker.restart(async {}).await;
        while output.write(&Message::from("b").into()).await.is_err() {
            output.connect().await.unwrap();
        }
        output.close().await.unwrap();
        let values: BTreeSet<_> = broker.values("t").await.into_iter().collect();
        assert_eq!(values, ["a".to_owned(), "b".to_owned()].into());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_output_sees_that_the_broker_is_away_and_overtakes_nothing_when_it_is_back() {
    for yaml in [
        "kafka: { addresses: [ 'A' ], topic: t, ack_replicas: true, timeout: 1s, \
         backoff: { initial_interval: 10ms, max_interval: 50ms, max_elapsed_time: '' } }",
        "kafka_franz: { seed_brokers: [ 'A' ], topic: t }",
    ] {
        let broker = TestBroker::start().await;
        broker.topic("t", 1).await;
        let output = bench().output(&yaml.replace('A', &broker.address()));
        output.connect().await.unwrap();
        output.write(&Message::from("a").into()).await.unwrap();
        broker.proxy.down().unwrap();
        let lost = tokio::time::timeout(PATIENCE, output.lost()).await;
        lost.expect("it is idle, and sees it");
        let refused = output.connect().await.unwrap_err();
        assert_eq!(refused.class(), ErrorClass::NotConnected);
        let (waiting, later) = (Message::from("b").into(), Message::from("c").into());
        let mut waits = std::pin::pin!(output.write(&waiting));
        let early = tokio::time::timeout(Duration::from_millis(200), &mut waits).await;
        assert!(early.is_err(), "{early:?}");
        broker.proxy.heal().unwrap();
        while output.connect().await.is_err() {}
        let (first, second) = tokio::join!(waits, output.write(&later));
        first.unwrap();
        second.unwrap();
        output.close().await.unwrap();
        assert_eq!(broker.values("t").await, ["a", "b", "c"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_never_fits_fails_alone_with_and_without_idempotence() {
    const MESSAGES: usize = 300;
    let broker = TestBroker::start().await;
    for (number, output) in [
        "kafka: { addresses: [ 'A' ], max_retries: 0, ack_replicas: true",
        "kafka: { addresses: [ 'A' ], ack_replicas: true, idempotent_write: true",
        "kafka_franz: { seed_brokers: [ 'A' ]",
        "kafka_franz: { seed_brokers: [ 'A' ], idempotent_write: false",
    ]
    .into_iter()
    .enumerate()
    {
        let topic = format!("narrow-{number}");
        let narrow = NewTopic {
            name: topic.clone(),
            partitions: Some(1),
            replication_factor: Some(1),
            configs: vec![("max.message.bytes".into(), "1000".into())],
        };
        broker
            .cluster()
            .await
            .create_topic(&narrow, false)
            .await
            .unwrap();
        let yaml = format!("{output}, topic: {topic} }}");
        let output = bench().output(&yaml.replace('A', &broker.address()));
        output.connect().await.unwrap();
        let is_large = |it: &usize| it % 50 == 7;
        let text = |it: usize| match is_large(&it) {
            true => noise(3000),
            false => it.to_string(),
        };
        let batch: MessageBatch = (0..MESSAGES)
            .map(|it| Message::from(text(it).as_str()))
            .collect();
        let error = output.write(&batch).await.unwrap_err();
        let outcomes = error.into_outcomes(MESSAGES);
        let has_failed = |it: &usize| matches!(outcomes.get(*it), Outcome::Failed(_));
        let failed: Vec<usize> = (0..MESSAGES).filter(has_failed).collect();
        let large: Vec<usize> = (0..MESSAGES).filter(is_large).collect();
        assert_eq!(failed, large, "{yaml}");
        let written = (0..MESSAGES)
            .filter(|it| !is_large(it))
            .map(|it| it.to_string());
        let found = broker.values(&topic).await;
        assert_eq!(found, written.collect::<Vec<_>>(), "{yaml}: in order");
        output.close().await.unwrap();
    }
}

/// A text that no codec makes much smaller.
fn noise(length: usize) -> String {
    let mut state = 1_u64;
    let character = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        char::from(b'0' + (state >> 58) as u8)
    };
    (0..length).map(character).collect()
}
