//! What Kafka 4.3.1 answered to IncrementalAlterConfigs, in this order: resource, name, operation,
//! key, value, number of the error.

use std::collections::BTreeMap;

use millrace_broker::BrokerConfig;
use millrace_broker::config::{Resource, Texts, alter_incrementally};
use millrace_kafka_wire::Str;
use millrace_kafka_wire::api::incremental_alter_configs::AlterableConfig;

const ALTERED: &str = include_str!("altered-by-kafka-4.3.1.tsv");

/// Kafka keeps any name for a broker, since a class might read it; here nothing would.
const KEPT_BY_KAFKA: &str = "foo.bar";

#[test]
fn settings_are_changed_and_refused_as_kafka_does_it() {
    let broker = BrokerConfig::single(1, 9092);
    let mut stored: BTreeMap<(String, String), Texts> = BTreeMap::new();
    let mut errors = 0;
    for line in ALTERED.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [kind, name, operation, key, value, code] = fields[..] else {
            panic!("six fields: {line}");
        };
        let number = if kind == "topic" { 2 } else { 4 };
        let of = (kind.to_owned(), name.to_owned());
        let current = stored.entry(of).or_default();
        let entry = AlterableConfig {
            name: Str::from(key),
            config_operation: operation.parse().expect("a number"),
            value: Some(Str::from(value)).filter(|it| *it != *"null"),
        };
        let altered = Resource::of(number, name, 1)
            .and_then(|it| alter_incrementally(&it, &broker, current, &[entry]));
        let found = match altered {
            Ok(altered) => {
                *current = altered.overrides;
                0
            }
            Err(refusal) => refusal.code.number(),
        };
        let is_set = operation == "0";
        let expected = match kind == "broker" && key == KEPT_BY_KAFKA && is_set {
            true => 40,
            false => code.parse().expect("a number"),
        };
        assert_eq!(found, expected, "{line}");
        errors += i32::from(found != 0);
    }
    assert!(errors > 10);
    let topic = &stored[&("topic".to_owned(), "t".to_owned())];
    assert_eq!(topic["cleanup.policy"], "compact");
    let cluster = &stored[&("broker".to_owned(), String::new())];
    assert_eq!(cluster["log.cleanup.policy"], "delete,compact");
}
