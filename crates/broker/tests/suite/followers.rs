//! A follower, played by the test: what it says of its copy decides what is acknowledged and shown.

use std::path::Path;
use std::time::Duration;

use millrace_broker::BrokerConfig;
use millrace_kafka_wire::api::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
};
use millrace_kafka_wire::api::create_topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use millrace_kafka_wire::api::fetch::{FetchRequest, PartitionData};
use millrace_kafka_wire::api::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use millrace_kafka_wire::api::list_partition_reassignments::ListPartitionReassignmentsRequest;
use millrace_kafka_wire::api::offset_for_leader_epoch::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use millrace_kafka_wire::api::produce::ProduceRequest;
use millrace_kafka_wire::{ErrorCode, Uuid};
use millrace_testkit::kafka::{Client, batch, fetch, produce, values};
use millrace_testkit::poll::{self, PATIENCE};

use crate::support::{TestBroker, config};

const TOPIC: &str = "orders";

/// Followers count as late after this time.
fn config_with_lag(dir: &Path, lag: Duration) -> BrokerConfig {
    BrokerConfig {
        replica_lag_time_max: lag,
        ..config(dir)
    }
}

/// A topic with one partition, on brokers 1 and 2.
fn create(client: &mut Client, min_in_sync: &str) -> Uuid {
    let request = CreateTopicsRequest {
        topics: vec![CreatableTopic {
            name: TOPIC.into(),
            num_partitions: -1,
            replication_factor: -1,
            assignments: vec![CreatableReplicaAssignment {
                partition_index: 0,
                broker_ids: vec![1, 2],
            }],
            configs: vec![CreatableTopicConfig {
                name: "min.insync.replicas".into(),
                value: Some(min_in_sync.into()),
            }],
        }],
        timeout_ms: 10_000,
        ..CreateTopicsRequest::default()
    };
    let created = client.ask(7, &request).topics.remove(0);
    assert_eq!(created.error_code, 0, "{:?}", created.error_message);
    created.topic_id
}

/// A broker that copies the partition.
struct Follower {
    client: Client,
    topic_id: Uuid,
    id: i32,
    broker_epoch: i64,
    leader_epoch: i32,
    last_epoch: i32,
}

impl Follower {
    fn request(&self, offset: i64, wait: i32) -> FetchRequest {
        let mut request = fetch(TOPIC, &[(0, offset)], wait);
        request.replica_id = -1;
        request.replica_state.replica_id = self.id;
        request.replica_state.replica_epoch = self.broker_epoch;
        request.topics[0].topic_id = self.topic_id;
        let partition = &mut request.topics[0].partitions[0];
        partition.current_leader_epoch = self.leader_epoch;
        partition.last_fetched_epoch = self.last_epoch;
        request
    }

    fn fetch(&mut self, offset: i64) -> PartitionData {
        let request = self.request(offset, 0);
        let mut response = self.client.ask(17, &request);
        assert_eq!(response.error_code, 0);
        response.responses.remove(0).partitions.remove(0)
    }

    fn is_refused(&mut self, offset: i64) -> Option<ErrorCode> {
        ErrorCode::from_number(self.fetch(offset).error_code)
    }
}

struct Cluster {
    broker: TestBroker,
    client: Client,
    follower: Follower,
}

/// The broker, with another one that has registered and follows.
fn cluster(config: BrokerConfig, min_in_sync: &str) -> Cluster {
    let broker = TestBroker::start(config);
    let broker_epoch = broker.register(2);
    let mut client = broker.client();
    let topic_id = create(&mut client, min_in_sync);
    let follower = Follower {
        client: broker.client(),
        topic_id,
        id: 2,
        broker_epoch,
        leader_epoch: 0,
        last_epoch: -1,
    };
    Cluster {
        broker,
        client,
        follower,
    }
}

/// Waits until these replicas are in sync, while something is done.
fn wait_for(broker: &TestBroker, in_sync: &[i32], mut meanwhile: impl FnMut()) {
    let what = format!("{in_sync:?} to be in sync");
    let are_in_sync = || {
        meanwhile();
        (broker.in_sync(TOPIC, 0) == in_sync).then_some(())
    };
    poll::until(&what, PATIENCE, are_in_sync).unwrap();
}

/// Where the partition ends for a replica, or for a consumer (−1).
fn end(client: &mut Client, replica_id: i32) -> i64 {
    let request = ListOffsetsRequest {
        replica_id,
        topics: vec![ListOffsetsTopic {
            name: TOPIC.into(),
            partitions: vec![ListOffsetsPartition {
                partition_index: 0,
                current_leader_epoch: -1,
                timestamp: -1,
            }],
        }],
        ..ListOffsetsRequest::default()
    };
    client.ask(7, &request).topics.remove(0).partitions[0].offset
}

/// Has the partition be on these brokers; whether it moves then.
fn reassign(client: &mut Client, replicas: &[i32]) -> bool {
    let request = AlterPartitionReassignmentsRequest {
        topics: vec![ReassignableTopic {
            name: TOPIC.into(),
            partitions: vec![ReassignablePartition {
                partition_index: 0,
                replicas: Some(replicas.to_vec()),
            }],
        }],
        ..AlterPartitionReassignmentsRequest::default()
    };
    let altered = client.ask(1, &request).responses.remove(0);
    assert_eq!(altered.partitions[0].error_code, 0);
    is_moving(client)
}

fn is_moving(client: &mut Client) -> bool {
    let all = ListPartitionReassignmentsRequest::default();
    !client.ask(0, &all).topics.is_empty()
}

#[test]
fn what_a_follower_in_sync_lacks_is_neither_acknowledged_nor_shown() {
    let dir = tempfile::tempdir().unwrap();
    let Cluster {
        broker,
        client: mut producer,
        mut follower,
    } = cluster(config(dir.path()), "1");
    assert_eq!(broker.in_sync(TOPIC, 0), [1, 2]);
    let mut consumer = broker.client();
    let sent = producer.send(12, &produce(TOPIC, 0, batch(&[b"a"]), -1));
    // It waits for the end of the log to move, not for what is shown to.
    let waiting = follower.client.send(17, &follower.request(0, 60_000));
    let mut answer = follower.client.receive::<FetchRequest>(17, waiting);
    let data = answer.responses.remove(0).partitions.remove(0);
    assert_eq!(values(&data), [(0, b"a".to_vec())]);
    assert_eq!(data.high_watermark, 0);
    assert!(consumer.read_all(TOPIC, 0, 0).is_empty());
    assert_eq!((end(&mut consumer, -1), end(&mut consumer, 2)), (0, 1));

    // It has the record when it asks for what is behind it.
    assert_eq!(follower.fetch(1).error_code, 0);
    let mut answer = producer.receive::<ProduceRequest>(12, sent);
    let answer = answer.responses.remove(0).partition_responses.remove(0);
    assert_eq!((answer.error_code, answer.base_offset), (0, 0));
    assert_eq!(follower.fetch(1).high_watermark, 1);
    assert_eq!(consumer.read_all(TOPIC, 0, 0), [(0, b"a".to_vec())]);
    assert!(broker.stop());
}

#[test]
fn a_follower_that_stays_away_leaves_those_in_sync_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let lag = Duration::from_millis(100);
    let Cluster {
        broker,
        mut client,
        mut follower,
    } = cluster(config_with_lag(dir.path(), lag), "1");
    let sent = client.produce(TOPIC, 0, batch(&[b"a"]));
    assert_eq!(
        sent.error_code, 0,
        "it is answered when the follower has left"
    );
    wait_for(&broker, &[1], || {});
    assert_eq!(client.read_all(TOPIC, 0, 0).len(), 1);

    assert_eq!(values(&follower.fetch(0)).len(), 1);
    assert_eq!(broker.in_sync(TOPIC, 0), [1], "it has not come so far");
    wait_for(&broker, &[1, 2], || drop(follower.fetch(1)));
    assert!(broker.stop());
}

#[test]
fn with_fewer_in_sync_than_there_have_to_be_nothing_more_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let lag = Duration::from_millis(100);
    let Cluster {
        broker,
        mut client,
        mut follower,
    } = cluster(config_with_lag(dir.path(), lag), "2");
    let mut answer = client.ask(12, &produce(TOPIC, 0, batch(&[b"a"]), 1));
    let answer = answer.responses.remove(0).partition_responses.remove(0);
    assert_eq!(answer.error_code, 0);
    wait_for(&broker, &[1], || {});
    let refused = client.produce(TOPIC, 0, batch(&[b"b"])).error_code;
    assert_eq!(refused, ErrorCode::NotEnoughReplicas.number());
    assert!(client.read_all(TOPIC, 0, 0).is_empty());
    wait_for(&broker, &[1, 2], || drop(follower.fetch(1)));
    poll::until("the record is shown", PATIENCE, || {
        follower.fetch(1);
        (client.read_all(TOPIC, 0, 0).len() == 1).then_some(())
    })
    .unwrap();
    assert!(broker.stop());
}

#[test]
fn no_more_have_to_be_in_sync_than_there_are() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut client = broker.client();
    client.create_topic_with(TOPIC, 1, &[("min.insync.replicas", "2")]);
    assert_eq!(client.produce(TOPIC, 0, batch(&[b"a"])).error_code, 0);
    assert_eq!(client.read_all(TOPIC, 0, 0).len(), 1);
    assert!(broker.stop());
}

#[test]
fn who_does_not_follow_or_is_of_another_time_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let Cluster {
        broker,
        mut client,
        mut follower,
    } = cluster(config(dir.path()), "1");
    follower.id = 3;
    assert_eq!(follower.is_refused(0), Some(ErrorCode::UnknownLeaderEpoch));
    follower.leader_epoch = -1;
    assert_eq!(follower.is_refused(0), Some(ErrorCode::NotLeaderOrFollower));
    (follower.id, follower.leader_epoch) = (2, 1);
    assert_eq!(follower.is_refused(0), Some(ErrorCode::UnknownLeaderEpoch));
    follower.leader_epoch = 0;
    assert_eq!(follower.is_refused(1), Some(ErrorCode::OffsetOutOfRange));
    let before = follower.broker_epoch;
    follower.broker_epoch = broker.register(2);
    assert_eq!(follower.is_refused(0), Some(ErrorCode::None));
    follower.broker_epoch = before;
    assert_eq!(follower.is_refused(0), Some(ErrorCode::NotLeaderOrFollower));
    // None of them has moved anything.
    client.ask(12, &produce(TOPIC, 0, batch(&[b"a"]), 1));
    assert!(client.read_all(TOPIC, 0, 0).is_empty());
    assert!(broker.stop());
}

#[test]
fn a_follower_whose_log_parts_from_this_one_is_told_where() {
    let dir = tempfile::tempdir().unwrap();
    let Cluster {
        broker,
        client: mut producer,
        mut follower,
    } = cluster(config(dir.path()), "1");
    producer.ask(12, &produce(TOPIC, 0, batch(&[b"a", b"b", b"c"]), 1));
    follower.fetch(3);
    assert!(broker.stop());

    let broker = TestBroker::start(config(dir.path()));
    let mut client = broker.client();
    client.ask(12, &produce(TOPIC, 0, batch(&[b"d"]), 1));
    follower.client = broker.client();
    assert_eq!(follower.is_refused(3), Some(ErrorCode::FencedLeaderEpoch));
    (follower.leader_epoch, follower.last_epoch) = (1, 0);
    // It had a record of the epoch before that was never replicated.
    let data = follower.fetch(4);
    assert_eq!(
        (data.diverging_epoch.epoch, data.diverging_epoch.end_offset),
        (0, 3)
    );
    assert!(values(&data).is_empty());
    assert_eq!(values(&follower.fetch(3)), [(3, b"d".to_vec())]);
    let request = OffsetForLeaderEpochRequest {
        replica_id: 2,
        topics: vec![OffsetForLeaderTopic {
            topic: TOPIC.into(),
            partitions: vec![OffsetForLeaderPartition {
                partition: 0,
                current_leader_epoch: 1,
                leader_epoch: 0,
            }],
        }],
    };
    let mut answer = follower.client.ask(4, &request);
    let found = answer.topics.remove(0).partitions.remove(0);
    assert_eq!((found.leader_epoch, found.end_offset), (0, 3));
    assert!(broker.stop());
}

#[test]
fn a_partition_moves_to_a_broker_until_that_has_all_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let Cluster {
        broker,
        mut client,
        mut follower,
    } = cluster(config(dir.path()), "1");
    assert!(!reassign(&mut client, &[1]), "nobody has to copy anything");
    assert_eq!(broker.in_sync(TOPIC, 0), [1]);
    follower.leader_epoch = 1;
    assert_eq!(
        follower.is_refused(0),
        Some(ErrorCode::UnknownLeaderEpoch),
        "it is no replica"
    );
    assert_eq!(client.produce(TOPIC, 0, batch(&[b"a"])).error_code, 0);

    assert!(reassign(&mut client, &[1, 2]));
    let data = follower.fetch(0);
    assert_eq!(values(&data), [(0, b"a".to_vec())]);
    assert_eq!(broker.in_sync(TOPIC, 0), [1]);
    assert!(is_moving(&mut client));
    wait_for(&broker, &[1, 2], || drop(follower.fetch(1)));
    assert!(!is_moving(&mut client));
    assert!(broker.stop());
}
