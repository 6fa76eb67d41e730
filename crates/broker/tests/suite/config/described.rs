//! What Kafka 4.3.1 answered to DescribeConfigs, entry by entry: resource, key, value, source,
//! whether it is read-only, whether it is sensitive, type, synonyms as `SOURCE:NAME=VALUE`.

use millrace_broker::config::{Asked, Format, Resource, Texts, describe, keys, read};
use millrace_kafka_wire::Str;
use millrace_kafka_wire::api::describe_configs::DescribeConfigsResourceResult;
use millrace_spec::env::Environment;

const DESCRIBED: &str = include_str!("described-by-kafka-4.3.1.tsv");

/// The file that Kafka was started with.
const FILE: &str = "\
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:29092,CONTROLLER://127.0.0.1:29093
controller.quorum.voters=1@127.0.0.1:29093
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=data
offsets.topic.replication.factor=1
log.retention.hours=24
log.segment.bytes=2097152
num.partitions=4
ssl.keystore.password=x
";

/// Topics' times that the broker has only in hours: Kafka names no synonym of them, and no source
/// but the default.
const IN_HOURS: &[&str] = &["flush.ms", "segment.jitter.ms", "segment.ms"];

/// Kafka describes the default of the hours, and names the file's among the synonyms, once the
/// milliseconds were set while running.
const HIDDEN_BY_KAFKA: &str = "log.retention.hours";

fn texts(pairs: &[(&str, &str)]) -> Texts {
    let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    pairs.iter().map(owned).collect()
}

/// An entry as a line of the file has it, without the resource.
fn line(entry: &DescribeConfigsResourceResult) -> String {
    let text = |it: &Option<Str>| it.as_deref().unwrap_or("null").to_owned();
    let synonym = entry.synonyms.iter().map(|it| {
        let value = text(&it.value);
        format!("{}:{}={value}", it.source, it.name)
    });
    let synonyms: Vec<String> = synonym.collect();
    format!(
        "{}\t{}\t{}\t{}\t{}\t{}\t{}",
        entry.name,
        text(&entry.value),
        entry.config_source,
        entry.read_only,
        entry.is_sensitive,
        entry.config_type,
        synonyms.join(" ")
    )
}

#[test]
fn a_broker_a_topic_and_the_cluster_are_described_as_kafka_describes_them() {
    let environment = Environment::empty();
    let loaded = read("p", FILE, Format::Properties, &environment);
    let config = loaded.config.expect("the file is fit");
    let cluster = texts(&[
        ("log.retention.ms", "100000"),
        ("log.cleanup.policy", "delete,compact"),
        ("min.insync.replicas", "1"),
    ]);
    let broker = texts(&[("sasl.login.refresh.min.period.seconds", "58")]);
    let (config, unfit) = config.with_dynamic(&cluster, &broker);
    assert!(unfit.is_empty());
    let asked = Asked {
        synonyms: true,
        ..Asked::default()
    };
    let overrides = texts(&[("cleanup.policy", "compact")]);
    for (kind, resource) in [
        ("topic", Resource::Topic("t".to_owned())),
        ("broker", Resource::Broker),
        ("cluster", Resource::Cluster),
    ] {
        let described = describe(&resource, &config, &overrides, asked);
        let prefix = format!("{kind}\t");
        let expected = DESCRIBED.lines().filter_map(|it| it.strip_prefix(&prefix));
        let mut count = 0;
        for expected in expected {
            let name = expected.split('\t').next().unwrap_or_default();
            let found = described.iter().find(|it| it.name == *name);
            let found = found.unwrap_or_else(|| panic!("`{name}` is described"));
            count += 1;
            let differs = match kind {
                "topic" => IN_HOURS.contains(&name),
                _ => keys::broker(name).is_some_and(|key| key.differs.is_some()),
            };
            match differs || (kind == "broker" && name == HIDDEN_BY_KAFKA) {
                true => assert_ne!(line(found), expected, "`{name}` is as Kafka's"),
                false => assert_eq!(line(found), expected),
            }
        }
        assert!(count > 2, "{kind}");
    }
}
