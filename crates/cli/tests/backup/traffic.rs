//! What clients of the broker do while it is copied, and before.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use millrace_kafka_wire::api::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use millrace_kafka_wire::api::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use millrace_kafka_wire::batch::BatchBuilder;
use millrace_testkit::kafka::{Client, batch, committed};
use millrace_testkit::poll::{self, PATIENCE};

/// What readers of committed records see once the markers of what has ended are written.
pub fn settled(client: &mut Client, topic: &str, partition: i32) -> Vec<Vec<u8>> {
    let seen = poll::until("markers", PATIENCE, || {
        let (values, behind) = committed(client, topic, partition);
        (behind == 0).then_some(values)
    });
    seen.unwrap()
}

/// Writes until segments are sealed.
pub fn fill(client: &mut Client, topic: &str, megabytes: usize) {
    let value = vec![b'x'; 64 << 10];
    for _ in 0..megabytes * 16 {
        assert_eq!(client.produce(topic, 0, batch(&[&value])).error_code, 0);
    }
}

/// Makes, fills and deletes topics, writes to a compacted one and to one that stays, until it is told
/// to stop; counts how often.
pub fn churn(address: SocketAddr, stop: &AtomicBool, rounds: &AtomicUsize) {
    let mut client = Client::connect(address);
    let small = ("segment.bytes", "1048576");
    client.create_topic("kept", 1);
    let dirty = ("min.cleanable.dirty.ratio", "0.01");
    client.create_topic_with(
        "compacted",
        1,
        &[small, dirty, ("cleanup.policy", "compact")],
    );
    while !stop.load(Ordering::SeqCst) {
        let round = rounds.load(Ordering::SeqCst);
        let name = format!("passing-{round}");
        client.create_topic_with(&name, 1, &[small]);
        fill(&mut client, &name, 2);
        let kept = format!("{round}");
        assert_eq!(
            client
                .produce("kept", 0, batch(&[kept.as_bytes()]))
                .error_code,
            0
        );
        put(&mut client, "compacted", 2);
        delete_records(&mut client, &name, 20);
        delete_topic(&mut client, &name);
        rounds.fetch_add(1, Ordering::SeqCst);
    }
}

/// Writes the same keys again and again.
pub fn put(client: &mut Client, topic: &str, megabytes: usize) {
    let value = vec![b'x'; 64 << 10];
    for number in 0..megabytes * 16 {
        let key = format!("{}", number % 4);
        let mut builder = BatchBuilder::new(0);
        builder.add(-1, Some(key.as_bytes()), Some(&value), &[]);
        let batch = builder.finish().into();
        assert_eq!(client.produce(topic, 0, batch).error_code, 0);
    }
}

pub fn delete_records(client: &mut Client, topic: &str, offset: i64) {
    let request = DeleteRecordsRequest {
        topics: vec![DeleteRecordsTopic {
            name: topic.into(),
            partitions: vec![DeleteRecordsPartition {
                partition_index: 0,
                offset,
            }],
        }],
        timeout_ms: 10_000,
    };
    let mut response = client.ask(2, &request);
    assert_eq!(response.topics.remove(0).partitions.remove(0).error_code, 0);
}

pub fn delete_topic(client: &mut Client, topic: &str) {
    let request = DeleteTopicsRequest {
        topics: vec![DeleteTopicState {
            name: Some(topic.into()),
            ..DeleteTopicState::default()
        }],
        timeout_ms: 10_000,
        ..DeleteTopicsRequest::default()
    };
    assert_eq!(client.ask(6, &request).responses[0].error_code, 0);
}
