//! What is sent, kept and read.

use std::time::{Duration, Instant};

use crate::support::{TestBroker, config};
use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::fetch::FetchRequest;
use millrace_kafka_wire::api::init_producer_id::InitProducerIdRequest;
use millrace_kafka_wire::api::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use millrace_kafka_wire::api::produce::ProduceRequest;
use millrace_testkit::kafka::{batch, fetch, idempotent, produce, values};

#[test]
fn what_is_sent_is_read_again_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    assert!(broker.is_new());
    let mut client = broker.client();
    client.create_topic("orders", 3);
    assert_eq!(
        client
            .produce("orders", 1, batch(&[b"a", b"b"]))
            .base_offset,
        0
    );
    assert_eq!(client.produce("orders", 1, batch(&[b"c"])).base_offset, 2);
    let expected = [(0, b"a".to_vec()), (1, b"b".to_vec()), (2, b"c".to_vec())];
    assert_eq!(client.read_all("orders", 1, 0), expected);
    assert!(client.read_all("orders", 0, 0).is_empty());
    assert!(broker.stop());

    let broker = TestBroker::start(config(dir.path()));
    assert!(!broker.is_new());
    let mut client = broker.client();
    assert_eq!(client.read_all("orders", 1, 0), expected);
    // An offset within a batch gives the whole batch.
    assert_eq!(client.read_all("orders", 1, 1), expected);
    assert_eq!(client.produce("orders", 1, batch(&[b"d"])).base_offset, 3);
}

#[test]
fn a_fetch_waits_for_records_and_no_longer_than_it_says() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut reader = broker.client();
    reader.create_topic("orders", 2);
    let waiting = reader.send(12, &fetch("orders", &[(0, 0), (1, 0)], 60_000));
    assert_eq!(
        broker
            .client()
            .produce("orders", 1, batch(&[b"a"]))
            .error_code,
        0
    );
    let mut response = reader.receive::<FetchRequest>(12, waiting);
    let partitions = response.responses.remove(0).partitions;
    assert!(values(&partitions[0]).is_empty());
    assert_eq!(values(&partitions[1]), [(0, b"a".to_vec())]);

    let begun = Instant::now();
    let data = reader.fetch("orders", 0, 0, 100);
    assert!(values(&data).is_empty());
    assert!(begun.elapsed() >= Duration::from_millis(100));
}

#[test]
fn a_fetch_that_waits_does_not_hold_up_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut reader = broker.client();
    reader.create_topic("orders", 1);
    reader.send(12, &fetch("orders", &[(0, 0)], 3_600_000));
    let begun = Instant::now();
    assert!(broker.stop());
    assert!(begun.elapsed() < Duration::from_secs(4));
}

#[test]
fn a_fetch_waits_for_as_many_bytes_as_it_says() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut reader = broker.client();
    reader.create_topic("orders", 1);
    let mut request = fetch("orders", &[(0, 0)], 60_000);
    let one = batch(&[b"0123456789"]);
    request.min_bytes = 2 * one.len() as i32 + 1;
    let waiting = reader.send(12, &request);
    let mut writer = broker.client();
    for _ in 0..3 {
        assert_eq!(writer.produce("orders", 0, one.clone()).error_code, 0);
    }
    let mut response = reader.receive::<FetchRequest>(12, waiting);
    assert_eq!(values(&response.responses.remove(0).partitions[0]).len(), 3);
}

#[test]
fn produces_of_one_connection_are_written_and_answered_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut client = broker.client();
    client.create_topic("orders", 1);
    let texts: Vec<String> = (0..200).map(|it| it.to_string()).collect();
    let sent: Vec<_> = texts
        .iter()
        .map(|text| client.send(12, &produce("orders", 0, batch(&[text.as_bytes()]), -1)))
        .collect();
    for (offset, correlation) in (0..).zip(sent) {
        let mut response = client.receive::<ProduceRequest>(12, correlation);
        let partition = response.responses.remove(0).partition_responses.remove(0);
        assert_eq!((partition.error_code, partition.base_offset), (0, offset));
    }
    let read = client.read_all("orders", 0, 0);
    let read: Vec<_> = read.into_iter().map(|(_, value)| value).collect();
    assert!(read.iter().eq(texts.iter().map(|it| it.as_bytes())));
}

#[test]
fn an_idempotent_batch_is_kept_once() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut client = broker.client();
    client.create_topic("orders", 1);
    let ask = InitProducerIdRequest {
        transactional_id: None,
        transaction_timeout_ms: 1000,
        producer_id: -1,
        producer_epoch: -1,
    };
    let first = client.ask(4, &ask);
    let second = client.ask(4, &ask);
    assert_eq!((first.error_code, first.producer_epoch), (0, 0));
    assert_ne!(first.producer_id, second.producer_id);
    let id = first.producer_id;
    assert_eq!(
        client
            .produce("orders", 0, idempotent(id, 0, 0, &[b"a", b"b"]))
            .base_offset,
        0
    );
    let again = client.produce("orders", 0, idempotent(id, 0, 0, &[b"a", b"b"]));
    assert_eq!((again.error_code, again.base_offset), (0, 0));
    let gap = client.produce("orders", 0, idempotent(id, 0, 3, &[b"d"]));
    assert_eq!(gap.error_code, ErrorCode::OutOfOrderSequenceNumber.number());
    assert_eq!(
        client
            .produce("orders", 0, idempotent(id, 0, 2, &[b"c"]))
            .base_offset,
        2
    );
    assert_eq!(client.read_all("orders", 0, 0).len(), 3);
}

#[test]
fn a_batch_that_is_not_sound_is_refused_and_the_others_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut client = broker.client();
    client.create_topic("orders", 2);
    let mut request = produce("orders", 0, batch(&[b"good"]), -1);
    let mut bad = batch(&[b"bad"]).to_vec();
    *bad.last_mut().unwrap() ^= 1;
    let other = produce("orders", 1, bad.into(), -1).topic_data.remove(0);
    request.topic_data[0]
        .partition_data
        .extend(other.partition_data);
    let mut response = client.ask(12, &request);
    let partitions = response.responses.remove(0).partition_responses;
    assert_eq!(partitions[0].error_code, 0);
    assert_eq!(partitions[1].error_code, ErrorCode::CorruptMessage.number());
    assert_eq!(client.read_all("orders", 0, 0).len(), 1);
    assert!(client.read_all("orders", 1, 0).is_empty());
}

#[test]
fn who_waits_for_no_answer_gets_none_and_hears_of_an_error_by_the_end_of_the_connection() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut client = broker.client();
    client.create_topic("orders", 1);
    client.send(12, &produce("orders", 0, batch(&[b"a"]), 0));
    // Answered behind it, without an answer before.
    assert_eq!(client.produce("orders", 0, batch(&[b"b"])).base_offset, 1);
    client.send(12, &produce("missing", 0, batch(&[b"a"]), 0));
    assert!(client.frame().is_none());
}

#[test]
fn offsets_are_found_by_time_and_at_both_ends() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut client = broker.client();
    client.create_topic("orders", 1);
    for _ in 0..3 {
        client.produce("orders", 0, batch(&[b"a", b"b"]));
    }
    let mut offset = |timestamp: i64| {
        let request = ListOffsetsRequest {
            replica_id: -1,
            topics: vec![ListOffsetsTopic {
                name: "orders".into(),
                partitions: vec![ListOffsetsPartition {
                    partition_index: 0,
                    current_leader_epoch: -1,
                    timestamp,
                }],
            }],
            ..ListOffsetsRequest::default()
        };
        let mut response = client.ask(8, &request);
        let found = response.topics.remove(0).partitions.remove(0);
        assert_eq!(found.error_code, 0);
        found.offset
    };
    assert_eq!(offset(-1), 6);
    assert_eq!(offset(-2), 0);
    assert_eq!(offset(1), 0);
    assert!((0..6).contains(&offset(-3)));
    assert_eq!(offset(i64::MAX), -1);
}

#[test]
fn an_offset_out_of_range_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut client = broker.client();
    client.create_topic("orders", 1);
    client.produce("orders", 0, batch(&[b"a"]));
    let data = client.fetch("orders", 0, 2, 0);
    assert_eq!(data.error_code, ErrorCode::OffsetOutOfRange.number());
    assert_eq!(data.high_watermark, 1);
}
