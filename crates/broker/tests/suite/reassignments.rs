//! Partitions that operators have move to other brokers.

use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ReassignablePartition,
    ReassignableTopic,
};
use millrace_kafka_wire::api::list_partition_reassignments::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsTopics, OngoingTopicReassignment,
};
use millrace_testkit::kafka::Client;

use crate::support::{code, partitions, with_orders};

/// Asks that partitions of topics have these replicas.
fn alter(
    client: &mut Client,
    version: i16,
    may_change_factor: bool,
    asked: &[(&str, i32, Option<&[i32]>)],
) -> AlterPartitionReassignmentsResponse {
    let topics = asked.iter().map(|(name, partition_index, replicas)| {
        let partition = ReassignablePartition {
            partition_index: *partition_index,
            replicas: replicas.map(<[i32]>::to_vec),
        };
        ReassignableTopic {
            name: (*name).into(),
            partitions: vec![partition],
        }
    });
    let request = AlterPartitionReassignmentsRequest {
        allow_replication_factor_change: may_change_factor,
        topics: topics.collect(),
        ..AlterPartitionReassignmentsRequest::default()
    };
    let altered = client.ask(version, &request);
    assert_eq!((altered.error_code, &altered.error_message), (0, &None));
    assert_eq!(altered.allow_replication_factor_change, may_change_factor);
    assert_eq!(altered.responses.len(), asked.len());
    altered
}

fn altered(response: &AlterPartitionReassignmentsResponse) -> Vec<ErrorCode> {
    let topics = response.responses.iter();
    let partitions = topics.flat_map(|it| &it.partitions);
    partitions.map(|it| code(it.error_code)).collect()
}

fn moving(client: &mut Client, asked: Option<&[(&str, &[i32])]>) -> Vec<OngoingTopicReassignment> {
    let topics = asked.map(|all| {
        let topics = all
            .iter()
            .map(|(name, indexes)| ListPartitionReassignmentsTopics {
                name: (*name).into(),
                partition_indexes: indexes.to_vec(),
            });
        topics.collect()
    });
    let request = ListPartitionReassignmentsRequest {
        topics,
        ..ListPartitionReassignmentsRequest::default()
    };
    let listed = client.ask(0, &request);
    assert_eq!((listed.error_code, &listed.error_message), (0, &None));
    listed.topics
}

#[test]
fn a_partition_is_moved_only_to_brokers_that_there_are() {
    let dir = tempfile::tempdir().unwrap();
    let (broker, mut client) = with_orders(dir.path());
    let asked: &[(&str, i32, Option<&[i32]>)] = &[
        ("orders", 0, Some(&[1])),
        ("orders", 0, Some(&[])),
        ("orders", 0, Some(&[1, 1])),
        ("orders", 0, Some(&[-1])),
        ("orders", 1, Some(&[1, 2])),
        ("orders", 1, None),
        ("orders", 2, Some(&[1])),
        ("nothing", 0, None),
    ];
    let invalid = ErrorCode::InvalidReplicaAssignment;
    let expected = [
        ErrorCode::None,
        invalid,
        invalid,
        invalid,
        invalid,
        ErrorCode::NoReassignmentInProgress,
        ErrorCode::UnknownTopicOrPartition,
        ErrorCode::UnknownTopicOrPartition,
    ];
    let before = partitions(&mut client, "orders");
    for (version, may_change_factor) in [(0, true), (1, true), (1, false)] {
        let response = alter(&mut client, version, may_change_factor, asked);
        assert_eq!(altered(&response), expected, "version {version}");
    }
    assert_eq!(partitions(&mut client, "orders"), before);
    assert!(moving(&mut client, None).is_empty());
    assert!(altered(&alter(&mut client, 1, true, &[])).is_empty());
    assert!(broker.stop());
}

/// With another broker, which the test plays, a partition moves until it is in sync there.
#[test]
fn a_partition_that_moves_is_listed_until_it_is_told_to_stay() {
    let dir = tempfile::tempdir().unwrap();
    let (broker, mut client) = with_orders(dir.path());
    broker.register(2);
    let to_both: &[(&str, i32, Option<&[i32]>)] = &[("orders", 1, Some(&[1, 2]))];
    let refused = alter(&mut client, 1, false, to_both);
    assert_eq!(altered(&refused), [ErrorCode::InvalidReplicationFactor]);
    let moved = alter(&mut client, 1, true, to_both);
    assert_eq!(altered(&moved), [ErrorCode::None]);
    let listed = moving(&mut client, None);
    assert_eq!((listed.len(), &*listed[0].name), (1, "orders"));
    let found = &listed[0].partitions[..];
    assert_eq!((found.len(), found[0].partition_index), (1, 1));
    assert_eq!(
        (&*found[0].replicas, &*found[0].adding_replicas),
        (&[1, 2][..], &[2][..])
    );
    assert!(found[0].removing_replicas.is_empty());
    let asked: &[(&str, &[i32])] = &[("orders", &[0, 1, 9]), ("nothing", &[0])];
    assert_eq!(moving(&mut client, Some(asked)), listed);
    assert!(moving(&mut client, Some(&[("orders", &[0])])).is_empty());
    assert!(moving(&mut client, Some(&[])).is_empty());
    let stays = alter(&mut client, 1, true, &[("orders", 1, None)]);
    assert_eq!(altered(&stays), [ErrorCode::None]);
    assert!(moving(&mut client, None).is_empty());
    let partition = &partitions(&mut client, "orders")[1];
    assert_eq!(
        (&*partition.replica_nodes, &*partition.isr_nodes),
        (&[1][..], &[1][..])
    );
    assert!(broker.stop());
}
