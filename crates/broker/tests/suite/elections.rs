//! Elections of leaders that operators ask for.

use millrace_kafka_wire::api::elect_leaders::{
    ElectLeadersRequest, ElectLeadersResponse, TopicPartitions,
};
use millrace_kafka_wire::metadata::{MetadataRecord, PartitionChangeRecord};
use millrace_kafka_wire::{ErrorCode, Uuid};
use millrace_testkit::kafka::Client;

use crate::support::{code, partitions, with_orders};

const PREFERRED: i8 = 0;
const UNCLEAN: i8 = 1;

fn elect(
    client: &mut Client,
    version: i16,
    election_type: i8,
    topics: Option<&[(&str, &[i32])]>,
) -> ElectLeadersResponse {
    let topics = topics.map(|all| {
        let topics = all.iter().map(|(topic, partitions)| TopicPartitions {
            topic: (*topic).into(),
            partitions: partitions.to_vec(),
        });
        topics.collect()
    });
    let request = ElectLeadersRequest {
        election_type,
        topic_partitions: topics,
        timeout_ms: 10_000,
    };
    client.ask(version, &request)
}

/// The topics, each with its partitions and their errors.
fn outcomes(response: &ElectLeadersResponse) -> Vec<(String, Vec<(i32, ErrorCode)>)> {
    let topics = response.replica_election_results.iter();
    let topics = topics.map(|topic| {
        let partitions = topic.partition_result.iter();
        let partitions = partitions.map(|it| (it.partition_id, code(it.error_code)));
        (topic.topic.to_string(), partitions.collect())
    });
    topics.collect()
}

#[test]
fn a_leader_is_not_elected_where_the_preferred_one_leads() {
    let dir = tempfile::tempdir().unwrap();
    let (broker, mut client) = with_orders(dir.path());
    let asked: &[(&str, &[i32])] = &[("orders", &[0, 1, 5]), ("nothing", &[0])];
    let expected = [
        (
            "orders".to_owned(),
            vec![
                (0, ErrorCode::ElectionNotNeeded),
                (1, ErrorCode::ElectionNotNeeded),
                (5, ErrorCode::UnknownTopicOrPartition),
            ],
        ),
        (
            "nothing".to_owned(),
            vec![(0, ErrorCode::UnknownTopicOrPartition)],
        ),
    ];
    for version in 0..=2 {
        let elected = elect(&mut client, version, PREFERRED, Some(asked));
        assert_eq!(elected.error_code, 0);
        assert_eq!(outcomes(&elected), expected);
    }
    let elected = elect(&mut client, 2, UNCLEAN, Some(asked));
    assert_eq!(outcomes(&elected), expected);
    let all = elect(&mut client, 2, PREFERRED, None);
    assert_eq!(outcomes(&all), [("orders".to_owned(), Vec::new())]);
    assert!(outcomes(&elect(&mut client, 2, PREFERRED, Some(&[]))).is_empty());
    let unknown = elect(&mut client, 2, 7, Some(&[("orders", &[0])]));
    assert_eq!(code(unknown.error_code), ErrorCode::InvalidRequest);
    let of_each = [("orders".to_owned(), vec![(0, ErrorCode::InvalidRequest)])];
    assert_eq!(outcomes(&unknown), of_each);
    assert!(broker.stop());
}

/// Only more brokers lose a leader; here the test takes it away.
#[test]
fn an_election_gives_a_partition_its_leader_back() {
    let dir = tempfile::tempdir().unwrap();
    let (broker, mut client) = with_orders(dir.path());
    let without_leader = |topic_id: Uuid, partition_id: i32| {
        MetadataRecord::PartitionChange(PartitionChangeRecord {
            partition_id,
            topic_id,
            leader: -1,
            ..PartitionChangeRecord::default()
        })
    };
    let topic_id = client.create_topic("invoices", 2);
    broker.change(vec![
        without_leader(topic_id, 0),
        without_leader(topic_id, 1),
    ]);
    let twice: &[(&str, &[i32])] = &[("invoices", &[0, 0])];
    let elected = elect(&mut client, 2, PREFERRED, Some(twice));
    // The second finds what the first has left.
    let none = ErrorCode::None;
    let once = vec![(0, none), (0, ErrorCode::ElectionNotNeeded)];
    assert_eq!(outcomes(&elected), [("invoices".to_owned(), once)]);
    let elected = elect(&mut client, 2, UNCLEAN, None);
    let [invoices, orders] = &outcomes(&elected)[..] else {
        panic!("{elected:?}")
    };
    assert_eq!(*invoices, ("invoices".to_owned(), vec![(1, none)]));
    assert_eq!(*orders, ("orders".to_owned(), Vec::new()));
    for partition in partitions(&mut client, "invoices") {
        assert_eq!((partition.leader_id, partition.leader_epoch), (1, 2));
    }
    assert!(broker.stop());
}
