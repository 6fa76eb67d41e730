//! What the inputs read, and what they commit.

use std::sync::atomic::Ordering;

use millrace_component::Urgency;
use millrace_message::{Error, ErrorClass, Outcome};
use tokio::sync::watch;

use crate::broker::{PATIENCE, Read, TestBroker, bench, end, read, read_texts};
use crate::stubs::{ASKED, PASSED};

#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_are_named_are_read_alone_and_committed_for_the_group() {
    let broker = TestBroker::start().await;
    broker.topic("t", 3).await;
    for partition in 0..3 {
        let text = partition.to_string();
        broker.fill("t", partition, &[&text, &text]).await;
    }
    let yaml = format!(
        "kafka: {{ addresses: [ '{}' ], topics: [ 't:0', 't:2' ], consumer_group: g }}",
        broker.address()
    );
    let bench = bench();
    let mut input = bench.input(&yaml);
    input.connect().await.unwrap();
    assert_eq!(read_texts(&mut *input, 4).await, ["0", "0", "2", "2"]);
    end(input).await;
    let committed = [("t".to_owned(), 0, 2), ("t".to_owned(), 2, 2)];
    assert_eq!(broker.committed("g").await, committed);
    broker.fill("t", 0, &["more"]).await;
    let mut input = bench.input(&yaml);
    input.connect().await.unwrap();
    assert_eq!(read_texts(&mut *input, 1).await, ["more"]);
    end(input).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offset_that_is_named_is_where_a_partition_begins() {
    let broker = TestBroker::start().await;
    broker.topic("t", 2).await;
    broker.fill("t", 0, &["a", "b", "c"]).await;
    broker.fill("t", 1, &["d"]).await;
    broker.topic("whole", 2).await;
    broker.fill("whole", 1, &["e"]).await;
    let yaml = format!(
        "kafka_franz: {{ seed_brokers: [ '{}' ], topics: [ 't:0:2, whole', 't:0-1' ], \
         fetch_max_wait: 100ms }}",
        broker.address()
    );
    let bench = bench();
    for _ in 0..2 {
        // Nobody is told how far it was read.
        let mut input = bench.input(&yaml);
        input.connect().await.unwrap();
        assert_eq!(read_texts(&mut *input, 3).await, ["c", "d", "e"]);
        end(input).await;
    }
}

async fn finds_topics(group: &str) {
    let broker = TestBroker::start().await;
    for topic in ["orders-1", "orders-2", "other"] {
        broker.topic(topic, 1).await;
        broker.fill(topic, 0, &[topic]).await;
    }
    let yaml = format!(
        "kafka_franz: {{ seed_brokers: [ '{}' ], topics: [ '^orders-' ], regexp_topics: true, \
         {group} metadata_max_age: 50ms, commit_period: 10ms, fetch_max_wait: 100ms }}",
        broker.address()
    );
    let mut input = bench().input(&yaml);
    input.connect().await.unwrap();
    assert_eq!(read_texts(&mut *input, 2).await, ["orders-1", "orders-2"]);
    broker.topic("orders-3", 2).await;
    broker.fill("orders-3", 1, &["orders-3"]).await;
    // What was not committed when the group changed may come again.
    while read_texts(&mut *input, 1).await != ["orders-3"] {}
    let cluster = broker.cluster().await;
    cluster.create_partitions("orders-1", 2).await.unwrap();
    broker.fill("orders-1", 1, &["added"]).await;
    while read_texts(&mut *input, 1).await != ["added"] {}
    end(input).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_and_partitions_that_come_later_are_found_by_a_member_of_a_group() {
    finds_topics("consumer_group: g,").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_and_partitions_that_come_later_are_found_without_a_group() {
    finds_topics("").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_batched_by_partition_and_committed_together() {
    let broker = TestBroker::start().await;
    broker.topic("t", 2).await;
    for partition in 0..2 {
        let texts: Vec<_> = (0..5).map(|it| format!("{partition}-{it}")).collect();
        let texts: Vec<_> = texts.iter().map(String::as_str).collect();
        broker.fill("t", partition, &texts).await;
    }
    let yaml = |batching: &str| {
        format!(
            "kafka: {{ addresses: [ '{}' ], topics: [ t ], consumer_group: g, \
             commit_period: 10ms, checkpoint_limit: 2, batching: {batching} }}",
            broker.address()
        )
    };
    let bench = bench();
    let mut input = bench.input(&yaml("{ count: 3 }"));
    input.connect().await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let batch: Read = read(&mut *input).await;
        seen.push(batch.texts.join(" "));
        batch.settle(Outcome::Delivered);
    }
    seen.sort();
    assert_eq!(seen, ["0-0 0-1 0-2", "1-0 1-1 1-2"]);
    // What is in no batch yet goes back.
    end(input).await;
    let committed = [("t".to_owned(), 0, 3), ("t".to_owned(), 1, 3)];
    assert_eq!(broker.committed("g").await, committed);
    let mut input = bench.input(&yaml("{ count: 100, period: 20ms }"));
    input.connect().await.unwrap();
    assert_eq!(
        read_texts(&mut *input, 4).await,
        ["0-3", "0-4", "1-3", "1-4"]
    );
    end(input).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_processors_leave_of_a_batch_stands_for_all_of_it() {
    let broker = TestBroker::start().await;
    broker.topic("t", 1).await;
    let texts = ["a", "b", "c", "drop", "d", "e"];
    broker.fill("t", 0, &texts).await;
    let yaml = format!(
        "kafka: {{ addresses: [ '{}' ], topics: [ 't:0' ], consumer_group: g, \
         batching: {{ count: 2, processors: [ joined: {{}} ] }} }}",
        broker.address()
    );
    let mut input = bench().input(&yaml);
    input.connect().await.unwrap();
    for joined in ["a+b", "d+e"] {
        let batch = read(&mut *input).await;
        assert_eq!(batch.texts, [joined]);
        batch.settle(Outcome::Delivered);
    }
    end(input).await;
    assert_eq!(broker.committed("g").await, [("t".to_owned(), 0, 6)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_batch_takes_a_place_of_the_rate_limit() {
    let broker = TestBroker::start().await;
    broker.topic("t", 1).await;
    broker.fill("t", 0, &["a", "bc", "def"]).await;
    let yaml = format!(
        "kafka_franz: {{ seed_brokers: [ '{}' ], topics: [ t ], rate_limit: counted }}",
        broker.address()
    );
    let limits = "rate_limit_resources: [ { label: counted, counted: {} } ]";
    let mut input = bench().with_resources(limits).unwrap().input(&yaml);
    input.connect().await.unwrap();
    // Who is interrupted while it waits loses nothing.
    let nothing = tokio::time::timeout(std::time::Duration::ZERO, input.read()).await;
    assert!(nothing.is_err());
    assert_eq!(read_texts(&mut *input, 3).await, ["a", "bc", "def"]);
    end(input).await;
    assert_eq!(PASSED.load(Ordering::SeqCst), 6);
    assert!(ASKED.load(Ordering::SeqCst) >= 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_waits_holds_up_no_other_and_stays_in_order() {
    let broker = TestBroker::start().await;
    broker.topic("t", 2).await;
    broker.fill("t", 0, &["a", "b"]).await;
    broker.fill("t", 1, &["c", "d"]).await;
    let yaml = format!(
        "kafka: {{ addresses: [ '{}' ], topics: [ t ], consumer_group: g, checkpoint_limit: 1 }}",
        broker.address()
    );
    let bench = bench();
    let mut input = bench.input(&yaml);
    input.connect().await.unwrap();
    let (first, second) = (read(&mut *input).await, read(&mut *input).await);
    let (held, other) = match first.texts[0].as_str() {
        "a" => (first, second),
        _ => (second, first),
    };
    assert_eq!((&*held.texts[0], &*other.texts[0]), ("a", "c"));
    // An output that would collect more must not wait for it.
    let mut urgency = bench.flow().urgency();
    let stalled = urgency.wait_for(|it| *it == Urgency::Stalled);
    tokio::time::timeout(PATIENCE, stalled)
        .await
        .unwrap()
        .unwrap();
    other.settle(Outcome::Delivered);
    let next = read(&mut *input).await;
    assert_eq!(next.texts, ["d"]);
    next.settle(Outcome::Delivered);
    held.settle(Outcome::Delivered);
    assert_eq!(read_texts(&mut *input, 1).await, ["b"]);
    end(input).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_for_good_is_read_again_with_what_is_behind_it() {
    let broker = TestBroker::start().await;
    broker.topic("t", 1).await;
    broker.fill("t", 0, &["a", "b", "c"]).await;
    let yaml = format!(
        "kafka_franz: {{ seed_brokers: [ '{}' ], topics: [ t ], consumer_group: g, \
         fetch_max_wait: 100ms }}",
        broker.address()
    );
    let mut input = bench().input(&yaml);
    input.connect().await.unwrap();
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(read(&mut *input).await);
    }
    let outcomes = [
        Outcome::Delivered,
        Outcome::Failed(Error::retry("no")),
        Outcome::Delivered,
    ];
    // One that fails before the next is handed out would hold that one back.
    for (one, outcome) in all.into_iter().zip(outcomes) {
        one.settle(outcome);
    }
    assert_eq!(read_texts(&mut *input, 2).await, ["b", "c"]);
    end(input).await;
    assert_eq!(broker.committed("g").await, [("t".to_owned(), 0, 3)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_goes_on_over_a_restart_of_the_broker() {
    for yaml in [
        "kafka: { addresses: [ 'A' ], topics: [ t ], consumer_group: g, commit_period: 10ms }",
        "kafka_franz: { seed_brokers: [ 'A' ], topics: [ t ], consumer_group: g, \
         commit_period: 10ms, fetch_max_wait: 100ms }",
    ] {
        let mut broker = TestBroker::start().await;
        broker.topic("t", 1).await;
        broker.fill("t", 0, &["before"]).await;
        let mut input = bench().input(&yaml.replace('A', &broker.address()));
        input.connect().await.unwrap();
        assert_eq!(read_texts(&mut *input, 1).await, ["before"]);
        broker.restart(async {}).await;
        broker.fill("t", 0, &["after"]).await;
        while read_texts(&mut *input, 1).await != ["after"] {}
        input.stop().await;
        // The last commit may still see the old connection.
        let _lost = input.close().await;
        assert!(broker.committed("g").await[0].2 >= 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_tell_where_a_record_was_and_how_many_were_behind_it() {
    let broker = TestBroker::start().await;
    broker.topic("t", 1).await;
    broker.fill("t", 0, &["a", "b", "c"]).await;
    let yaml = format!(
        "kafka: {{ addresses: [ '{}' ], topics: [ 't:0' ] }}",
        broker.address()
    );
    let mut input = bench().input(&yaml);
    input.connect().await.unwrap();
    for (offset, lag) in [("0", "2"), ("1", "1"), ("2", "0")] {
        let one = read(&mut *input).await;
        let entries = [
            "kafka_topic",
            "kafka_partition",
            "kafka_offset",
            "kafka_lag",
        ];
        assert_eq!(entries.map(|it| one.entry(it)), ["t", "0", offset, lag]);
        one.settle(Outcome::Delivered);
    }
    end(input).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_tells_that_the_broker_is_away_and_goes_on_when_it_is_back() {
    for yaml in [
        "kafka: { addresses: [ 'A' ], topics: [ t ], consumer_group: g }",
        "kafka_franz: { seed_brokers: [ 'A' ], topics: [ t ], consumer_group: g }",
    ] {
        let broker = TestBroker::start().await;
        broker.topic("t", 1).await;
        broker.fill("t", 0, &["before"]).await;
        let mut input = bench().input(&yaml.replace('A', &broker.address()));
        input.connect().await.unwrap();
        assert_eq!(read_texts(&mut *input, 1).await, ["before"]);
        let mut outage = input.outage().unwrap();
        assert!(outage.borrow().is_none());
        broker.proxy.down().unwrap();
        let told = async |outage: &mut watch::Receiver<Option<Error>>| {
            let told = tokio::time::timeout(PATIENCE, outage.changed()).await;
            told.expect("it is told").unwrap();
            outage.borrow_and_update().clone()
        };
        let error = told(&mut outage).await.expect("why");
        assert_eq!(error.class(), ErrorClass::NotConnected);
        broker.proxy.heal().unwrap();
        assert!(told(&mut outage).await.is_none());
        broker.fill("t", 0, &["after"]).await;
        while read_texts(&mut *input, 1).await != ["after"] {}
        end(input).await;
    }
}
