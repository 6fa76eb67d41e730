//! What the cluster, its topics and groups are described as.

use crate::support::{TestBroker, config};
use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::describe_cluster::DescribeClusterRequest;
use millrace_kafka_wire::api::describe_groups::DescribeGroupsRequest;
use millrace_kafka_wire::api::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, TopicRequest,
};
use millrace_kafka_wire::api::find_coordinator::FindCoordinatorRequest;
use millrace_kafka_wire::api::metadata::MetadataRequest;
use millrace_testkit::kafka::Client;

/// As Kafka 4.3.1 without an authorizer answers, bit by bit of KIP-430.
const TOPIC: i32 = 0b1101_1111_1000;
const GROUP: i32 = 0b1101_0100_1000;
const CLUSTER: i32 = 0b1_1111_1010_0000;

#[test]
fn who_asks_what_he_may_do_is_told_all_and_who_does_not_is_told_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut client = broker.client();
    client.create_topic("orders", 1);
    for (is_asked, topic, group, cluster) in [
        (true, TOPIC, GROUP, CLUSTER),
        (false, i32::MIN, i32::MIN, i32::MIN),
    ] {
        let request = MetadataRequest {
            topics: None,
            include_cluster_authorized_operations: is_asked,
            include_topic_authorized_operations: is_asked,
            ..MetadataRequest::default()
        };
        let found = client.ask(10, &request);
        assert_eq!(found.cluster_authorized_operations, cluster);
        assert_eq!(found.topics[0].topic_authorized_operations, topic);
        let request = DescribeClusterRequest {
            include_cluster_authorized_operations: is_asked,
            endpoint_type: 1,
            ..DescribeClusterRequest::default()
        };
        let found = client.ask(1, &request);
        assert_eq!(found.cluster_authorized_operations, cluster);
        let find = FindCoordinatorRequest {
            key: "g".into(),
            ..FindCoordinatorRequest::default()
        };
        assert_eq!(client.ask(3, &find).error_code, 0);
        let request = DescribeGroupsRequest {
            groups: vec!["g".into()],
            include_authorized_operations: is_asked,
        };
        // In this version a group that is not there is dead, and no error.
        assert_eq!(
            client.ask(5, &request).groups[0].authorized_operations,
            group
        );
    }
}

/// The topics of a page with the numbers of their partitions, and where the next one begins.
type Page = (Vec<(String, Vec<i32>)>, Option<(String, i32)>);

fn page(response: DescribeTopicPartitionsResponse) -> Page {
    let topics = response.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|it| it.partition_index);
        (topic.name.unwrap().to_string(), partitions.collect())
    });
    let next = response.next_cursor;
    let next = next.map(|it| (it.topic_name.to_string(), it.partition_index));
    (topics.collect(), next)
}

fn ask(client: &mut Client, topics: &[&str], limit: i32, from: Option<(&str, i32)>) -> Page {
    let topics = topics.iter().map(|name| TopicRequest {
        name: (*name).into(),
    });
    page(client.ask(
        0,
        &DescribeTopicPartitionsRequest {
            topics: topics.collect(),
            response_partition_limit: limit,
            cursor: from.map(|(topic_name, partition_index)| Cursor {
                topic_name: topic_name.into(),
                partition_index,
            }),
        },
    ))
}

fn of(topics: &[(&str, &[i32])]) -> Vec<(String, Vec<i32>)> {
    let topics = topics
        .iter()
        .map(|(name, all)| ((*name).into(), all.to_vec()));
    topics.collect()
}

#[test]
fn partitions_are_described_page_by_page_until_all_are() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut client = broker.client();
    client.create_topic("b", 2);
    client.create_topic("a", 3);
    let all = of(&[("a", &[0, 1, 2]), ("b", &[0, 1])]);
    assert_eq!(ask(&mut client, &[], 2000, None), (all.clone(), None));
    assert_eq!(ask(&mut client, &["b", "a", "b"], 5, None), (all, None));
    let first = of(&[("a", &[0, 1])]);
    let next = Some(("a".to_owned(), 2));
    assert_eq!(ask(&mut client, &[], 2, None), (first, next));
    let second = of(&[("a", &[2])]);
    let next = Some(("b".to_owned(), 0));
    assert_eq!(ask(&mut client, &[], 1, Some(("a", 2))), (second, next));
    let last = of(&[("b", &[0, 1])]);
    assert_eq!(
        ask(&mut client, &[], 2, Some(("b", 0))),
        (last.clone(), None)
    );
    // The topic where the page was to begin is gone, or has no such partition.
    assert_eq!(ask(&mut client, &[], 9, Some(("aa", 7))), (last, None));
    let none = of(&[("b", &[])]);
    assert_eq!(
        ask(&mut client, &[], 9, Some(("b", i32::MAX))),
        (none, None)
    );
}

#[test]
fn a_topic_that_is_not_there_is_described_by_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let request = DescribeTopicPartitionsRequest {
        topics: ["a b", "nothing"]
            .map(|it| TopicRequest { name: it.into() })
            .into(),
        response_partition_limit: 10,
        cursor: None,
    };
    let topics = broker.client().ask(0, &request).topics;
    let codes = topics.iter().map(|it| it.error_code);
    let expected = [
        ErrorCode::InvalidTopicException,
        ErrorCode::UnknownTopicOrPartition,
    ];
    assert!(codes.eq(expected.map(ErrorCode::number)));
}
