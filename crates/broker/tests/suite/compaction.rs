//! Compacted topics, while they are written to.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::{TestBroker, config};
use millrace_kafka_wire::api::create_topics::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use millrace_kafka_wire::batch::{BatchBuilder, BatchHeader, HEADER_SIZE, Records};
use millrace_testkit::kafka::Client;
use millrace_testkit::poll;

fn compacted(client: &mut Client, name: &str) {
    let setting = |name: &str, value: &str| CreatableTopicConfig {
        name: name.into(),
        value: Some(value.into()),
    };
    let request = CreateTopicsRequest {
        topics: vec![CreatableTopic {
            name: name.into(),
            num_partitions: 1,
            replication_factor: 1,
            configs: vec![
                setting("cleanup.policy", "compact"),
                setting("segment.bytes", "1048576"),
                setting("min.cleanable.dirty.ratio", "0.01"),
            ],
            ..CreatableTopic::default()
        }],
        ..CreateTopicsRequest::default()
    };
    assert_eq!(client.ask(7, &request).topics[0].error_code, 0);
}

fn put(client: &mut Client, topic: &str, key: &str, value: Option<&[u8]>) {
    let now = millrace_broker::Clock::system().now();
    let mut batch = BatchBuilder::new(0);
    batch.add(now, Some(key.as_bytes()), value, &[]);
    assert_eq!(
        client.produce(topic, 0, batch.finish().into()).error_code,
        0
    );
}

/// The last value of each key, as a reader from the start finds it, and how many records it reads.
fn read(client: &mut Client, topic: &str) -> (BTreeMap<String, Vec<u8>>, usize) {
    let (mut last, mut count, mut offset) = (BTreeMap::new(), 0, 0);
    loop {
        let data = client.fetch(topic, 0, offset, 0);
        assert_eq!(data.error_code, 0);
        let millrace_kafka_wire::Segment::Bytes(bytes) = &data.records else {
            unreachable!("the codec reads bytes");
        };
        if bytes.is_empty() {
            return (last, count);
        }
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let header = BatchHeader::read(rest).unwrap();
            for record in Records::new(&rest[HEADER_SIZE..header.size()], header.record_count) {
                let record = record.unwrap();
                let key = String::from_utf8(record.key.unwrap().to_vec()).unwrap();
                match record.value {
                    Some(value) => drop(last.insert(key, value.to_vec())),
                    None => drop(last.remove(&key)),
                }
                count += 1;
            }
            offset = header.next_offset();
            rest = &rest[header.size()..];
        }
    }
}

fn size(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
    let logs = entries.filter(|it| it.path().extension().is_some_and(|it| it == "log"));
    // The cleaner may have removed a file behind its name.
    let sizes = logs.filter_map(|it| it.metadata().ok());
    sizes.map(|it| it.len()).sum()
}

#[test]
fn a_compacted_topic_keeps_the_last_value_of_each_key_and_gives_back_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let start = || {
        let mut config = config(dir.path());
        config.cleaner.backoff_ms = 20;
        TestBroker::start(config)
    };
    let broker = start();
    let mut client = broker.client();
    compacted(&mut client, "prices");
    let value = |round: usize| vec![round as u8; 64 << 10];
    let mut expected = BTreeMap::new();
    for round in 0..20 {
        for key in 0..4 {
            let key = format!("key-{key}");
            put(&mut client, "prices", &key, Some(&value(round)));
            expected.insert(key, value(round));
        }
    }
    put(&mut client, "prices", "key-0", None);
    expected.remove("key-0");
    // What crash recovery would check again is not cleaned; that moves with the cleaner.
    let path = dir.path().join("prices-0");
    let shrunk = poll::until("compaction", poll::PATIENCE, || {
        // 80 values of 64 KiB were written; at most two segments of 1 MiB are left as they were.
        (size(&path) < 40 * (64 << 10)).then_some(())
    });
    shrunk.unwrap();
    let (found, count) = read(&mut client, "prices");
    assert_eq!(found, expected);
    assert!(count < 60, "{count} records are left");
    put(&mut client, "prices", "key-9", Some(b"new"));
    expected.insert("key-9".into(), b"new".to_vec());
    assert!(broker.stop());
    let (found, _) = read(&mut start().client(), "prices");
    assert_eq!(found, expected);
}
