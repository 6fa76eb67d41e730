//! What operators are told of partitions.

use bytes::Bytes;
use millrace_broker::BrokerConfig;
use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::describe_log_dirs::{
    DescribableLogDirTopic, DescribeLogDirsRequest, DescribeLogDirsResult,
};
use millrace_kafka_wire::api::describe_producers::{
    DescribeProducersRequest, PartitionResponse, TopicRequest,
};
use millrace_kafka_wire::api::produce::ProduceRequest;
use millrace_kafka_wire::api::write_txn_markers::{
    WritableTxnMarker, WritableTxnMarkerTopic, WriteTxnMarkersRequest,
};
use millrace_kafka_wire::batch::BatchBuilder;
use millrace_testkit::kafka::{Client, batch, idempotent, produce};

use crate::support::{TestBroker, config};

/// The partitions of a directory with their sizes.
fn sizes(dir: &DescribeLogDirsResult) -> Vec<(String, i32, i64)> {
    let of_topic = dir.topics.iter().flat_map(|topic| {
        let partitions = topic.partitions.iter();
        partitions.map(|it| {
            (
                topic.name.to_string(),
                it.partition_index,
                it.partition_size,
            )
        })
    });
    of_topic.collect()
}

#[test]
fn each_partition_is_told_with_its_directory_and_its_size() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut config = config(one.path());
    config.log_dirs.push(other.path().to_owned());
    let broker = TestBroker::start(config);
    let mut client = broker.client();
    client.create_topic("orders", 2);
    client.create_topic("invoices", 1);
    for partition in [0, 1] {
        let written = client.produce("orders", partition, batch(&[b"some bytes"]));
        assert_eq!(written.error_code, 0);
    }
    let all = client.ask(4, &DescribeLogDirsRequest { topics: None });
    assert_eq!((all.error_code, all.results.len()), (0, 2));
    for (dir, path) in all.results.iter().zip([one.path(), other.path()]) {
        assert_eq!(dir.error_code, 0);
        assert_eq!(*dir.log_dir, *path.display().to_string());
        assert!(dir.usable_bytes > 0 && dir.total_bytes >= dir.usable_bytes);
    }
    let mut found: Vec<_> = all.results.iter().flat_map(sizes).collect();
    found.sort();
    let sizes_of = |name: &str| -> Vec<i64> {
        let own = found.iter().filter(|it| it.0 == name);
        own.map(|it| it.2).collect()
    };
    assert_eq!(sizes_of("invoices"), [0]);
    assert!(matches!(sizes_of("orders")[..], [a, b] if a > 60 && a == b));
    let named = DescribeLogDirsRequest {
        topics: Some(vec![DescribableLogDirTopic {
            topic: "orders".into(),
            partitions: vec![1, 7],
        }]),
    };
    let named = client.ask(4, &named);
    let found: Vec<_> = named.results.iter().flat_map(sizes).collect();
    assert!(
        matches!(&found[..], [(name, 1, _)] if name == "orders"),
        "{found:?}"
    );
    assert!(broker.stop());
}

fn producers(client: &mut Client, topic: &str, partition: i32) -> PartitionResponse {
    let request = DescribeProducersRequest {
        topics: vec![TopicRequest {
            name: topic.into(),
            partition_indexes: vec![partition],
        }],
    };
    let mut response = client.ask(0, &request);
    response.topics.remove(0).partitions.remove(0)
}

#[test]
fn who_writes_to_a_partition_is_told_with_where_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut client = broker.client();
    client.create_topic("orders", 1);
    assert!(
        producers(&mut client, "orders", 0)
            .active_producers
            .is_empty()
    );
    let records = idempotent(9, 2, 0, &[b"a", b"b"]);
    let written = client.ask(12, &produce("orders", 0, records, -1));
    assert_eq!(written.responses[0].partition_responses[0].error_code, 0);
    let found = producers(&mut client, "orders", 0).active_producers;
    assert_eq!(found.len(), 1);
    let it = &found[0];
    assert_eq!((it.producer_id, it.producer_epoch), (9, 2));
    assert_eq!((it.last_sequence, it.current_txn_start_offset), (1, -1));
    assert!(it.last_timestamp > 0);
    let missing = ErrorCode::UnknownTopicOrPartition.number();
    assert_eq!(producers(&mut client, "orders", 1).error_code, missing);
    assert_eq!(producers(&mut client, "nothing", 0).error_code, missing);
    assert!(broker.stop());
}

/// A transaction that its coordinator knows nothing of holds up readers until an operator ends it.
#[test]
fn a_transaction_that_hangs_is_ended_by_its_marker() {
    let dir = tempfile::tempdir().unwrap();
    // Nobody looks whether its coordinator knows of it.
    let settings = [
        ("listeners", "PLAINTEXT://127.0.0.1:0"),
        ("transaction.partition.verification.enable", "false"),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let config = BrokerConfig::embedded(settings.into(), dir.path());
    let broker = TestBroker::start(config.unwrap());
    let mut client = broker.client();
    client.create_topic("orders", 1);
    let begin = ProduceRequest {
        transactional_id: Some("till".into()),
        ..produce("orders", 0, transactional(9, 2, &[b"a"]), -1)
    };
    let written = client.ask(11, &begin);
    assert_eq!(written.responses[0].partition_responses[0].error_code, 0);
    let found = producers(&mut client, "orders", 0).active_producers;
    assert_eq!(found[0].current_txn_start_offset, 0);
    assert_eq!(client.fetch("orders", 0, 0, 0).last_stable_offset, 0);

    let marker = |epoch, topic: &str, index| WriteTxnMarkersRequest {
        markers: vec![WritableTxnMarker {
            producer_id: 9,
            producer_epoch: epoch,
            transaction_result: false,
            topics: vec![WritableTxnMarkerTopic {
                name: topic.into(),
                partition_indexes: vec![index, index],
            }],
            coordinator_epoch: 0,
            transaction_version: 0,
        }],
    };
    let mut write = |request: &WriteTxnMarkersRequest| {
        let mut response = client.ask(1, request);
        let partitions = response.markers.remove(0).topics.remove(0).partitions;
        assert_eq!(partitions.len(), 1);
        partitions[0].error_code
    };
    let missing = ErrorCode::UnknownTopicOrPartition.number();
    assert_eq!(write(&marker(2, "nothing", 0)), missing);
    assert_eq!(write(&marker(2, "orders", 1)), missing);
    let fenced = ErrorCode::InvalidProducerEpoch.number();
    assert_eq!(write(&marker(1, "orders", 0)), fenced);
    assert_eq!(write(&marker(2, "orders", 0)), 0);
    let data = client.fetch("orders", 0, 0, 0);
    assert_eq!((data.last_stable_offset, data.high_watermark), (2, 2));
    let found = producers(&mut client, "orders", 0).active_producers;
    assert_eq!(found[0].current_txn_start_offset, -1);
    assert!(broker.stop());
}

fn transactional(id: i64, epoch: i16, values: &[&[u8]]) -> Bytes {
    let mut builder = BatchBuilder::new(0).producer(id, epoch, 0).transactional();
    for value in values {
        builder.add(1_700_000_000_000, None, Some(value), &[]);
    }
    builder.finish().into()
}
