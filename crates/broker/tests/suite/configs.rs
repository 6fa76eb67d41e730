//! Settings of topics and brokers, changed while they are in use.

use crate::support::{TestBroker, code, config, with_orders};
use millrace_kafka_wire::api::create_topics::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use millrace_kafka_wire::api::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResult,
};
use millrace_kafka_wire::api::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use millrace_kafka_wire::api::list_config_resources::{
    ListConfigResourcesRequest, ListConfigResourcesResponse,
};
use millrace_kafka_wire::batch::{
    BatchBuilder, Compression, HEADER_SIZE, Records, compress_batch, decompress, is_intact,
};
use millrace_kafka_wire::{ErrorCode, Segment};
use millrace_testkit::kafka::{Client, batch};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

fn set(client: &mut Client, kind: i8, resource: &str, name: &str, value: &str) -> i16 {
    let request = IncrementalAlterConfigsRequest {
        resources: vec![AlterConfigsResource {
            resource_type: kind,
            resource_name: resource.into(),
            configs: vec![AlterableConfig {
                name: name.into(),
                config_operation: 0,
                value: Some(value.into()),
            }],
        }],
        ..IncrementalAlterConfigsRequest::default()
    };
    client.ask(1, &request).responses.remove(0).error_code
}

fn describe(client: &mut Client, kind: i8, resource: &str) -> DescribeConfigsResult {
    let request = DescribeConfigsRequest {
        resources: vec![DescribeConfigsResource {
            resource_type: kind,
            resource_name: resource.into(),
            configuration_keys: None,
        }],
        ..DescribeConfigsRequest::default()
    };
    client.ask(4, &request).results.remove(0)
}

fn value(result: &DescribeConfigsResult, name: &str) -> String {
    let entry = result.configs.iter().find(|it| it.name == name).unwrap();
    entry.value.as_ref().unwrap().to_string()
}

#[test]
fn a_setting_of_a_topic_holds_at_once_and_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut client = broker.client();
    client.create_topic("orders", 1);
    let large = vec![b'x'; 2000];
    assert_eq!(client.produce("orders", 0, batch(&[&large])).error_code, 0);
    assert_eq!(
        set(&mut client, TOPIC, "orders", "max.message.bytes", "1000"),
        0
    );
    let too_large = ErrorCode::MessageTooLarge.number();
    assert_eq!(
        client.produce("orders", 0, batch(&[&large])).error_code,
        too_large
    );
    assert_eq!(
        value(&describe(&mut client, TOPIC, "orders"), "max.message.bytes"),
        "1000"
    );
    assert!(broker.stop());
    let broker = TestBroker::start(config(dir.path()));
    let mut client = broker.client();
    assert_eq!(
        client.produce("orders", 0, batch(&[&large])).error_code,
        too_large
    );
}

#[test]
fn a_setting_of_all_brokers_holds_for_topics_that_say_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut client = broker.client();
    client.create_topic("orders", 1);
    assert_eq!(set(&mut client, BROKER, "", "message.max.bytes", "1000"), 0);
    let large = vec![b'x'; 2000];
    let code = client.produce("orders", 0, batch(&[&large])).error_code;
    assert_eq!(code, ErrorCode::MessageTooLarge.number());
    assert_eq!(
        value(&describe(&mut client, BROKER, "1"), "message.max.bytes"),
        "1000"
    );
}

#[test]
fn what_is_no_setting_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut client = broker.client();
    client.create_topic("orders", 1);
    let invalid = ErrorCode::InvalidConfig.number();
    assert_eq!(
        set(&mut client, TOPIC, "orders", "retention.years", "1"),
        invalid
    );
    assert_eq!(
        set(&mut client, TOPIC, "orders", "retention.ms", "soon"),
        invalid
    );
    let unknown = ErrorCode::UnknownTopicOrPartition.number();
    assert_eq!(
        set(&mut client, TOPIC, "missing", "retention.ms", "1"),
        unknown
    );
    assert_eq!(describe(&mut client, TOPIC, "missing").error_code, unknown);
    let request = CreateTopicsRequest {
        topics: vec![CreatableTopic {
            name: "other".into(),
            num_partitions: 1,
            replication_factor: 1,
            configs: vec![CreatableTopicConfig {
                name: "cleanup.policy".into(),
                value: Some("burn".into()),
            }],
            ..CreatableTopic::default()
        }],
        ..CreateTopicsRequest::default()
    };
    assert_eq!(client.ask(7, &request).topics[0].error_code, invalid);
}

#[test]
fn a_compacted_topic_takes_no_record_without_a_key_also_when_it_is_compressed() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut client = broker.client();
    client.create_topic("orders", 1);
    assert_eq!(
        set(&mut client, TOPIC, "orders", "cleanup.policy", "compact"),
        0
    );
    let invalid = ErrorCode::InvalidRecord.number();
    let refused = client.produce("orders", 0, batch(&[b"a"]));
    assert_eq!(refused.error_code, invalid);
    assert_eq!(refused.record_errors[0].batch_index, 0);
    let now = millrace_broker::Clock::system().now();
    let mut keyed = BatchBuilder::new(0);
    keyed.add(now, Some(b"key"), Some(b"value"), &[]);
    assert_eq!(
        client
            .produce("orders", 0, keyed.finish().into())
            .error_code,
        0
    );
    assert_eq!(
        client
            .produce("orders", 0, compressed(&batch(&[b"a"])))
            .error_code,
        invalid
    );
}

#[test]
fn each_record_that_a_topic_does_not_take_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut client = broker.client();
    client.create_topic("orders", 1);
    let changed = set(&mut client, TOPIC, "orders", "cleanup.policy", "compact");
    assert_eq!(changed, 0);
    let now = millrace_broker::Clock::system().now();
    let mut mixed = BatchBuilder::new(0);
    for index in 0..10 {
        let key = (index % 3 != 0).then_some(&b"key"[..]);
        mixed.add(now, key, Some(b"value"), &[]);
    }
    let mixed = mixed.finish();
    for batch in [bytes::Bytes::from(mixed.clone()), compressed(&mixed)] {
        let refused = client.produce("orders", 0, batch);
        assert_eq!(refused.error_code, ErrorCode::InvalidRecord.number());
        let named = refused.record_errors.iter().map(|it| it.batch_index);
        assert_eq!(named.collect::<Vec<_>>(), [0, 3, 6, 9]);
        let reason = refused.record_errors[3].batch_index_error_message.as_ref();
        assert!(reason.unwrap().contains("has no key"), "{reason:?}");
    }
}

/// The batch with its records compressed with zstd.
fn compressed(batch: &[u8]) -> bytes::Bytes {
    let compressed = compress_batch(Compression::Zstd, batch.to_vec());
    compressed.unwrap().into()
}

#[test]
fn a_topic_with_a_codec_stores_what_it_is_sent_with_it_from_then_on() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut client = broker.client();
    client.create_topic("orders", 1);
    let record = vec![b'x'; 2000];
    for codec in ["producer", "gzip", "uncompressed"] {
        let changed = set(&mut client, TOPIC, "orders", "compression.type", codec);
        assert_eq!(changed, 0);
        let sent = compressed(&batch(&[&record, &record]));
        assert_eq!(client.produce("orders", 0, sent).error_code, 0);
    }
    for (offset, codec) in [
        (0, Compression::Zstd),
        (2, Compression::Gzip),
        (4, Compression::None),
    ] {
        let Segment::Bytes(fetched) = client.fetch("orders", 0, offset, 0).records else {
            unreachable!("the codec reads bytes");
        };
        let header = is_intact(&fetched).unwrap();
        assert_eq!(header.base_offset, offset);
        assert_eq!(header.attributes.compression(), Some(codec));
        let records = decompress(codec, &fetched[HEADER_SIZE..header.size()], 1 << 20).unwrap();
        let values = Records::new(&records, 2).map(|it| it.unwrap().value.unwrap());
        assert_eq!(values.collect::<Vec<_>>(), [&record, &record]);
    }
}

#[test]
fn a_topic_may_leave_durability_to_the_system() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut client = broker.client();
    client.create_topic("orders", 1);
    assert_eq!(set(&mut client, TOPIC, "orders", "flush.mode", "os"), 0);
    for offset in 0..10 {
        assert_eq!(
            client.produce("orders", 0, batch(&[b"a"])).base_offset,
            offset
        );
        assert_eq!(client.read_all("orders", 0, 0).len() as i64, offset + 1);
    }
    assert!(broker.stop());
    let broker = TestBroker::start(config(dir.path()));
    assert_eq!(broker.client().read_all("orders", 0, 0).len(), 10);
}

fn resources(client: &mut Client, version: i16, types: &[i8]) -> ListConfigResourcesResponse {
    let request = ListConfigResourcesRequest {
        resource_types: types.to_vec(),
    };
    client.ask(version, &request)
}

#[test]
fn what_has_settings_is_listed_by_type() {
    let dir = tempfile::tempdir().unwrap();
    let (broker, mut client) = with_orders(dir.path());
    client.create_topic("invoices", 1);
    let mut found = |version: i16, types: &[i8]| {
        let listed = resources(&mut client, version, types);
        assert_eq!(listed.error_code, 0);
        let listed = listed.config_resources.into_iter();
        let listed = listed.map(|it| (it.resource_type, it.resource_name.to_string()));
        listed.collect::<Vec<_>>()
    };
    let entry = |resource_type: i8, name: &str| (resource_type, name.to_owned());
    let topics = [entry(2, "invoices"), entry(2, "orders")];
    let brokers = [entry(8, "1"), entry(4, "1")];
    let all = [&brokers[..], &topics[..]].concat();
    assert_eq!(found(1, &[]), all);
    assert_eq!(found(1, &[2, 4, 8, 16, 32, 2]), all);
    assert_eq!(found(1, &[2]), topics);
    assert_eq!(found(1, &[4]), [entry(4, "1")]);
    assert!(found(1, &[16, 32]).is_empty());
    assert!(found(0, &[]).is_empty());
    for unknown in [0, 1, 64, -1] {
        let listed = resources(&mut client, 1, &[2, unknown]);
        assert_eq!(code(listed.error_code), ErrorCode::UnsupportedVersion);
        assert!(listed.config_resources.is_empty());
    }
    assert!(broker.stop());
}
