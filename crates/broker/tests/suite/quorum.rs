//! The quorum of the metadata log.

use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::describe_quorum::{
    DescribeQuorumRequest, DescribeQuorumResponse, PartitionRequest, TopicRequest,
};
use millrace_testkit::kafka::Client;

use crate::support::{TestBroker, code, config, with_orders};

fn quorum(
    client: &mut Client,
    version: i16,
    topic: &str,
    partitions: &[i32],
) -> DescribeQuorumResponse {
    let partitions = partitions.iter().map(|it| PartitionRequest {
        partition_index: *it,
    });
    let request = DescribeQuorumRequest {
        topics: vec![TopicRequest {
            topic_name: topic.into(),
            partitions: partitions.collect(),
        }],
    };
    client.ask(version, &request)
}

#[test]
fn the_quorum_of_the_metadata_is_this_broker() {
    let dir = tempfile::tempdir().unwrap();
    let (broker, mut client) = with_orders(dir.path());
    let first = quorum(&mut client, 2, "__cluster_metadata", &[0]);
    client.create_topic("invoices", 3);
    let grown = quorum(&mut client, 2, "__cluster_metadata", &[0]);
    assert_eq!(grown.error_code, 0);
    let of = |it: &DescribeQuorumResponse| it.topics[0].partitions[0].clone();
    let (before, after) = (of(&first), of(&grown));
    assert_eq!(after.error_code, 0);
    assert_eq!((after.leader_id, after.leader_epoch), (1, 1));
    // A topic, and its three partitions.
    assert_eq!(after.high_watermark, before.high_watermark + 4);
    assert!(after.observers.is_empty());
    let [voter] = &after.current_voters[..] else {
        panic!("{after:?}")
    };
    assert_eq!(
        (voter.replica_id, voter.log_end_offset),
        (1, after.high_watermark)
    );
    let properties = std::fs::read_to_string(dir.path().join("meta.properties")).unwrap();
    assert!(properties.contains(&format!("directory.id={}", voter.replica_directory_id)));
    assert!(voter.last_fetch_timestamp > 0);
    assert_eq!(voter.last_caught_up_timestamp, voter.last_fetch_timestamp);
    let [node] = &grown.nodes[..] else {
        panic!("{grown:?}")
    };
    let listener = &node.listeners[0];
    assert_eq!((node.node_id, &*listener.name), (1, "PLAINTEXT"));
    let address = (listener.host.to_string(), listener.port);
    assert_eq!(address, ("127.0.0.1".to_owned(), broker.address().port()));
    for version in [0, 1] {
        let older = quorum(&mut client, version, "__cluster_metadata", &[0]);
        assert!(older.nodes.is_empty());
        let voter = &of(&older).current_voters[0];
        assert_eq!(voter.last_fetch_timestamp > 0, version > 0);
    }
    assert!(broker.stop());
    let broker = TestBroker::start(config(dir.path()));
    let again = quorum(&mut broker.client(), 2, "__cluster_metadata", &[0]);
    assert_eq!(of(&again).leader_epoch, 2);
    assert!(of(&again).high_watermark > after.high_watermark);
    assert!(broker.stop());
}

#[test]
fn only_the_metadata_has_a_quorum() {
    let dir = tempfile::tempdir().unwrap();
    let (broker, mut client) = with_orders(dir.path());
    let asked: [(&str, &[i32]); 3] = [
        ("orders", &[0, 1]),
        ("__cluster_metadata", &[1]),
        ("__cluster_metadata", &[0, 0]),
    ];
    for (topic, partitions) in asked {
        let described = quorum(&mut client, 2, topic, partitions);
        assert_eq!(described.error_code, 0);
        assert_eq!(described.topics[0].topic_name, topic);
        let found = described.topics[0].partitions.iter();
        let found: Vec<_> = found
            .map(|it| (it.partition_index, code(it.error_code)))
            .collect();
        let unknown = partitions
            .iter()
            .map(|it| (*it, ErrorCode::UnknownTopicOrPartition));
        assert_eq!(found, unknown.collect::<Vec<_>>());
        assert!(described.nodes.is_empty());
    }
    assert!(broker.stop());
}
