//! What keeps a broker from starting, and what a crash leaves.

use crate::support::{TestBroker, config};
use millrace_broker::{BrokerConfig, StartError};
use millrace_kafka_wire::ErrorCode;
use millrace_testkit::kafka::batch;

#[test]
fn a_directory_is_used_by_one_broker_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let error = TestBroker::try_start(config(dir.path())).err().unwrap();
    assert!(matches!(error, StartError::Locked { .. }), "{error}");
    assert!(broker.stop());
    drop(TestBroker::start(config(dir.path())));
}

#[test]
fn a_directory_of_another_broker_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    assert!(TestBroker::start(config(dir.path())).stop());
    let mut other = config(dir.path());
    other.node_id = 2;
    let error = TestBroker::try_start(other).err().unwrap().to_string();
    assert!(error.contains("belongs to broker 1, not to 2"), "{error}");
}

#[test]
fn directories_of_two_clusters_are_refused() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert!(TestBroker::start(config(one.path())).stop());
    assert!(TestBroker::start(config(two.path())).stop());
    let mut both = config(one.path());
    both.log_dirs.push(two.path().to_owned());
    let error = TestBroker::try_start(both).err().unwrap();
    assert!(matches!(error, StartError::OtherCluster { .. }), "{error}");
}

#[test]
fn a_directory_that_lost_its_metadata_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    assert!(TestBroker::start(config(dir.path())).stop());
    std::fs::remove_dir_all(dir.path().join("__cluster_metadata-0")).unwrap();
    let error = TestBroker::try_start(config(dir.path())).err().unwrap();
    assert!(matches!(error, StartError::NoMetadata { .. }), "{error}");
}

#[test]
fn a_port_in_use_is_named_with_the_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let other = tempfile::tempdir().unwrap();
    let mut taken = config(other.path());
    let port = broker.address().port();
    taken.listeners[0].port = port;
    let error = TestBroker::try_start(taken).err().unwrap().to_string();
    assert!(error.contains(&format!("lsof -i :{port}")), "{error}");
    // Nothing was formatted.
    assert!(!other.path().join("meta.properties").exists());
}

/// A broker with two log directories, the first of which has the metadata.
fn config_of_two(one: &tempfile::TempDir, two: &tempfile::TempDir) -> BrokerConfig {
    let mut config = config(one.path());
    config.log_dirs.push(two.path().to_owned());
    config
}

#[test]
fn partitions_are_spread_over_several_directories() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let both = || config_of_two(&one, &two);
    let broker = TestBroker::start(both());
    let mut client = broker.client();
    client.create_topic("orders", 4);
    for partition in 0..4 {
        assert_eq!(
            client
                .produce("orders", partition, batch(&[b"a"]))
                .error_code,
            0
        );
    }
    let count = |dir: &tempfile::TempDir| {
        let entries = std::fs::read_dir(dir.path()).unwrap();
        let names = entries.map(|it| it.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("orders-")).count()
    };
    assert_eq!((count(&one), count(&two)), (2, 2));
    assert!(broker.stop());
    let broker = TestBroker::start(both());
    for partition in 0..4 {
        assert_eq!(broker.client().read_all("orders", partition, 0).len(), 1);
    }
}

#[test]
fn a_partition_whose_directory_is_not_named_any_more_is_refused_and_not_begun_anew() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let both = || config_of_two(&one, &two);
    let broker = TestBroker::start(both());
    let mut client = broker.client();
    client.create_topic("orders", 2);
    for partition in 0..2 {
        client.produce("orders", partition, batch(&[b"a"]));
    }
    assert!(broker.stop());
    let broker = TestBroker::start(config(one.path()));
    let mut client = broker.client();
    let codes = (0..2).map(|it| client.fetch("orders", it, 0, 0).error_code);
    let mut codes: Vec<_> = codes.collect();
    codes.sort_unstable();
    assert_eq!(codes, [0, ErrorCode::KafkaStorageError.number()]);
    broker.stop();
    let broker = TestBroker::start(both());
    for partition in 0..2 {
        assert_eq!(broker.client().read_all("orders", partition, 0).len(), 1);
    }
    assert!(broker.stop());
}
