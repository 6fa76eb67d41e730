//! Topics come, change and go.

use crate::support::{TestBroker, config};
use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use millrace_kafka_wire::api::create_topics::{
    CreatableReplicaAssignment, CreatableTopic, CreateTopicsRequest,
};
use millrace_kafka_wire::api::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use millrace_kafka_wire::api::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use millrace_kafka_wire::api::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use millrace_testkit::kafka::{Client, batch};

fn metadata(client: &mut Client, topics: Option<&[&str]>, may_create: bool) -> MetadataResponse {
    let topics = topics.map(|names| {
        let named = names.iter().map(|name| MetadataRequestTopic {
            name: Some((*name).into()),
            ..MetadataRequestTopic::default()
        });
        named.collect()
    });
    let request = MetadataRequest {
        topics,
        allow_auto_topic_creation: may_create,
        ..MetadataRequest::default()
    };
    client.ask(12, &request)
}

#[test]
fn a_topic_is_made_when_it_is_first_used() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut client = broker.client();
    let found = metadata(&mut client, Some(&["orders"]), false);
    let unknown = ErrorCode::UnknownTopicOrPartition.number();
    assert_eq!(found.topics[0].error_code, unknown);
    let found = metadata(&mut client, Some(&["orders"]), true);
    assert_eq!(found.topics[0].error_code, 0);
    assert_eq!(found.topics[0].partitions.len(), 1);
    assert_eq!(found.topics[0].partitions[0].leader_id, 1);
    assert_eq!(client.produce("orders", 0, batch(&[b"a"])).error_code, 0);
    let bad = metadata(&mut client, Some(&["a b"]), true);
    assert_eq!(
        bad.topics[0].error_code,
        ErrorCode::InvalidTopicException.number()
    );
}

#[test]
fn the_broker_is_told_where_the_client_reached_it() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let found = metadata(&mut broker.client(), None, false);
    let address = broker.address();
    assert_eq!(found.brokers.len(), 1);
    assert_eq!(found.brokers[0].host, "127.0.0.1");
    assert_eq!(found.brokers[0].port, i32::from(address.port()));
    assert_eq!((found.brokers[0].node_id, found.controller_id), (1, 1));
}

#[test]
fn a_topic_that_cannot_be_is_refused_and_the_others_are_made() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut client = broker.client();
    client.create_topic("taken", 1);
    let topic = |name: &str, partitions: i32, replicas: i16| CreatableTopic {
        name: name.into(),
        num_partitions: partitions,
        replication_factor: replicas,
        ..CreatableTopic::default()
    };
    let assigned = |name: &str, assignments: Vec<CreatableReplicaAssignment>| CreatableTopic {
        assignments,
        ..topic(name, -1, -1)
    };
    let at = |partition_index: i32, broker_ids: &[i32]| CreatableReplicaAssignment {
        partition_index,
        broker_ids: broker_ids.to_vec(),
    };
    let request = CreateTopicsRequest {
        topics: vec![
            topic("good", 2, -1),
            topic("taken", 1, 1),
            topic("none", 0, 1),
            topic("many", 1, 2),
            topic("twice", 1, 1),
            topic("twice", 1, 1),
            assigned("by-hand", vec![at(1, &[1]), at(0, &[1])]),
            assigned("gap", vec![at(0, &[1]), at(2, &[1])]),
            assigned("stranger", vec![at(0, &[7])]),
        ],
        timeout_ms: 10_000,
        ..CreateTopicsRequest::default()
    };
    let codes: Vec<_> = client
        .ask(7, &request)
        .topics
        .iter()
        .map(|it| it.error_code)
        .collect();
    let expected = [
        ErrorCode::None,
        ErrorCode::TopicAlreadyExists,
        ErrorCode::InvalidPartitions,
        ErrorCode::InvalidReplicationFactor,
        ErrorCode::InvalidRequest,
        ErrorCode::InvalidRequest,
        ErrorCode::None,
        ErrorCode::InvalidReplicaAssignment,
        ErrorCode::InvalidReplicaAssignment,
    ];
    assert_eq!(codes, expected.map(ErrorCode::number));
    let all = metadata(&mut client, None, false).topics;
    let names: Vec<_> = all.iter().filter_map(|it| it.name.as_deref()).collect();
    assert_eq!(names, ["by-hand", "good", "taken"]);
}

#[test]
fn a_request_that_is_only_checked_makes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut client = broker.client();
    let request = CreateTopicsRequest {
        topics: vec![CreatableTopic {
            name: "orders".into(),
            num_partitions: 1,
            replication_factor: 1,
            ..CreatableTopic::default()
        }],
        validate_only: true,
        ..CreateTopicsRequest::default()
    };
    let checked = client.ask(7, &request).topics.remove(0);
    // What went well has no text, not an empty one.
    assert_eq!((checked.error_code, checked.error_message), (0, None));
    assert!(metadata(&mut client, None, false).topics.is_empty());
}

#[test]
fn a_topic_that_is_deleted_is_gone_with_its_records_also_when_it_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut client = broker.client();
    let id = client.create_topic("orders", 2);
    client.produce("orders", 0, batch(&[b"old"]));
    assert!(dir.path().join("orders-0").exists());
    let request = DeleteTopicsRequest {
        topics: vec![DeleteTopicState {
            name: None,
            topic_id: id,
        }],
        ..DeleteTopicsRequest::default()
    };
    let deleted = client.ask(6, &request).responses.remove(0);
    assert_eq!(
        (deleted.error_code, deleted.name.as_deref()),
        (0, Some("orders"))
    );
    assert!(!dir.path().join("orders-0").exists());
    let again = client.ask(6, &request).responses.remove(0);
    assert_eq!(again.error_code, ErrorCode::UnknownTopicId.number());

    assert_ne!(client.create_topic("orders", 1), id);
    assert!(client.read_all("orders", 0, 0).is_empty());
    client.produce("orders", 0, batch(&[b"new"]));
    assert!(broker.stop());
    let broker = TestBroker::start(config(dir.path()));
    assert_eq!(
        broker.client().read_all("orders", 0, 0),
        [(0, b"new".to_vec())]
    );
}

#[test]
fn a_topic_gets_more_partitions_and_never_fewer() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut client = broker.client();
    client.create_topic("orders", 2);
    let mut grow = |name: &str, count: i32| {
        let request = CreatePartitionsRequest {
            topics: vec![CreatePartitionsTopic {
                name: name.into(),
                count,
                assignments: None,
            }],
            ..CreatePartitionsRequest::default()
        };
        client.ask(3, &request).results.remove(0).error_code
    };
    assert_eq!(grow("orders", 4), 0);
    assert_eq!(grow("orders", 4), ErrorCode::InvalidPartitions.number());
    assert_eq!(grow("orders", 3), ErrorCode::InvalidPartitions.number());
    assert_eq!(
        grow("missing", 3),
        ErrorCode::UnknownTopicOrPartition.number()
    );
    assert_eq!(client.produce("orders", 3, batch(&[b"a"])).error_code, 0);
}

#[test]
fn deleted_records_stay_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut client = broker.client();
    client.create_topic("orders", 1);
    for _ in 0..3 {
        client.produce("orders", 0, batch(&[b"a"]));
    }
    let mut delete = |offset: i64| {
        let request = DeleteRecordsRequest {
            topics: vec![DeleteRecordsTopic {
                name: "orders".into(),
                partitions: vec![DeleteRecordsPartition {
                    partition_index: 0,
                    offset,
                }],
            }],
            ..DeleteRecordsRequest::default()
        };
        let result = client
            .ask(2, &request)
            .topics
            .remove(0)
            .partitions
            .remove(0);
        (result.error_code, result.low_watermark)
    };
    assert_eq!(delete(2), (0, 2));
    assert_eq!(delete(4), (ErrorCode::OffsetOutOfRange.number(), -1));
    let early = client.fetch("orders", 0, 1, 0);
    assert_eq!(early.error_code, ErrorCode::OffsetOutOfRange.number());
    assert_eq!(early.log_start_offset, 2);
    assert!(broker.stop());
    let broker = TestBroker::start(config(dir.path()));
    let mut client = broker.client();
    assert_eq!(client.fetch("orders", 0, 1, 0).error_code, early.error_code);
    assert_eq!(client.read_all("orders", 0, 2).len(), 1);
}

#[test]
fn a_restart_begins_a_new_leader_epoch() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut client = broker.client();
    client.create_topic("orders", 1);
    let epoch = |client: &mut Client| {
        metadata(client, Some(&["orders"]), false).topics[0].partitions[0].leader_epoch
    };
    assert_eq!(epoch(&mut client), 0);
    assert!(broker.stop());
    let broker = TestBroker::start(config(dir.path()));
    assert_eq!(epoch(&mut broker.client()), 1);
}
