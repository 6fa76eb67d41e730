//! Snapshots of the metadata: what a start reads of them, and what it does without one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use millrace_broker::{BrokerConfig, StartError};
use millrace_kafka_wire::Uuid;
use millrace_kafka_wire::api::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use millrace_kafka_wire::api::metadata::MetadataRequest;
use millrace_testkit::kafka::{Client, batch};

use crate::support::{TestBroker, config};

/// Bytes of records between two snapshots.
const BETWEEN: u64 = 2000;

fn often(dir: &Path) -> BrokerConfig {
    let mut config = config(dir);
    config.metadata_snapshots.bytes = BETWEEN;
    config
}

/// Topics by their names.
fn topics(client: &mut Client) -> BTreeMap<String, Uuid> {
    let all = MetadataRequest {
        topics: None,
        ..MetadataRequest::default()
    };
    let listed = client.ask(12, &all);
    let topics = listed.topics.into_iter();
    topics
        .map(|it| (it.name.unwrap().to_string(), it.topic_id))
        .collect()
}

/// Makes many topics and deletes all but some; those that are left.
fn come_and_go(client: &mut Client, round: usize) -> BTreeMap<String, Uuid> {
    for number in 0..40 {
        let name = format!("topic-{round}-{number}");
        client.create_topic(&name, 1);
        if number % 10 > 0 {
            let gone = DeleteTopicState {
                name: Some(name.as_str().into()),
                ..DeleteTopicState::default()
            };
            let request = DeleteTopicsRequest {
                topics: vec![gone],
                timeout_ms: 10_000,
                ..DeleteTopicsRequest::default()
            };
            let answer = client.ask(6, &request);
            assert_eq!(answer.responses[0].error_code, 0);
        }
    }
    topics(client)
}

/// The files of the metadata log that end so, in order.
fn files(dir: &Path, suffix: &str) -> Vec<PathBuf> {
    let listed = fs::read_dir(dir.join("__cluster_metadata-0")).unwrap();
    let paths = listed.map(|it| it.unwrap().path());
    let mut found: Vec<_> = paths
        .filter(|it| it.extension().is_some_and(|it| it == suffix))
        .collect();
    found.sort();
    found
}

fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_log_of_metadata_does_not_grow_with_what_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let mut left = BTreeMap::new();
    for round in 0..3 {
        let broker = TestBroker::start(often(dir.path()));
        let mut client = broker.client();
        assert_eq!(topics(&mut client), left, "round {round}");
        left = come_and_go(&mut client, round);
        assert_eq!(left.len(), 4 * (round + 1));
        let produced = client.produce("topic-0-0", 0, batch(&[b"a"]));
        assert_eq!(
            (produced.error_code, produced.base_offset),
            (0, round as i64)
        );
        drop(client);
        assert!(broker.stop());
        assert_eq!(files(dir.path(), "checkpoint").len(), 2);
        let segments = files(dir.path(), "log");
        let sizes = segments.iter().map(|it| fs::metadata(it).unwrap().len());
        // Two between snapshots, the one that grows, and what a segment has above its limit.
        assert!(sizes.sum::<u64>() < 6 * BETWEEN.max(4096), "{segments:?}");
        assert!(!segments[0].ends_with("00000000000000000000.log"));
    }
}

#[test]
fn of_two_snapshots_one_may_be_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(often(dir.path()));
    let left = come_and_go(&mut broker.client(), 0);
    assert_eq!(left.len(), 4);
    assert!(broker.stop());
    let snapshots = files(dir.path(), "checkpoint");
    damage(&snapshots[1]);
    let mut rarely = often(dir.path());
    rarely.metadata_snapshots.bytes = 1 << 30;
    let broker = TestBroker::start(rarely.clone());
    assert_eq!(topics(&mut broker.client()), left);
    assert!(broker.stop());
    fs::remove_file(&snapshots[1]).unwrap();
    let broker = TestBroker::start(rarely.clone());
    assert_eq!(topics(&mut broker.client()), left);
    assert!(broker.stop());
    damage(&snapshots[0]);
    let error = TestBroker::try_start(rarely).err().unwrap();
    assert!(matches!(error, StartError::Log(_)), "{error}");
    let text = error.to_string();
    let name = snapshots[0].file_name().unwrap().to_string_lossy();
    assert!(text.contains(&*name) && text.contains("backup"), "{text}");
}

#[test]
fn a_change_may_be_larger_than_a_segment() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(often(dir.path()));
    broker.client().create_topic("wide", 200);
    let left = come_and_go(&mut broker.client(), 0);
    assert!(broker.stop());
    // A start tells of every partition in one change.
    let broker = TestBroker::start(often(dir.path()));
    assert_eq!(topics(&mut broker.client()), left);
    assert!(broker.stop());
}
