use millrace_kafka_wire::ErrorCode;

use super::*;

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

fn topic() -> Resource {
    Resource::Topic("t".to_owned())
}

fn texts(pairs: &[(&str, &str)]) -> Texts {
    let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    pairs.iter().map(owned).collect()
}

fn incrementally(
    resource: &Resource,
    current: &[(&str, &str)],
    changes: &[(&str, i8, Option<&str>)],
) -> Result<Altered, Refusal> {
    let entry = |(name, operation, value): &(&str, i8, Option<&str>)| {
        incremental_alter_configs::AlterableConfig {
            name: Str::from(*name),
            config_operation: *operation,
            value: value.map(Str::from),
        }
    };
    let entries: Vec<_> = changes.iter().map(entry).collect();
    let broker = BrokerConfig::single(1, 9092);
    alter_incrementally(resource, &broker, &texts(current), &entries)
}

fn wholly(
    resource: &Resource,
    current: &[(&str, &str)],
    entries: &[(&str, Option<&str>)],
) -> Result<Altered, Refusal> {
    let entry = |(name, value): &(&str, Option<&str>)| alter_configs::AlterableConfig {
        name: Str::from(*name),
        value: value.map(Str::from),
    };
    let entries: Vec<_> = entries.iter().map(entry).collect();
    let broker = BrokerConfig::single(1, 9092);
    alter(resource, &broker, &texts(current), &entries)
}

fn changes(altered: &Altered) -> Vec<(&str, Option<&str>)> {
    altered
        .changes
        .iter()
        .map(|it| (it.name.as_str(), it.value.as_deref()))
        .collect()
}

#[test]
fn settings_are_set_and_deleted_one_by_one() {
    let current = [("retention.ms", "5"), ("segment.ms", "6")];
    let altered = incrementally(
        &topic(),
        &current,
        &[
            ("retention.ms", SET, Some(" 7 ")),
            ("segment.ms", DELETE, None),
            ("flush.ms", DELETE, None),
        ],
    )
    .expect("fit");
    assert_eq!(altered.overrides, texts(&[("retention.ms", "7")]));
    assert_eq!(
        changes(&altered),
        [("retention.ms", Some("7")), ("segment.ms", None)]
    );
}

#[test]
fn items_are_added_to_lists_and_taken_from_them() {
    let policy = |current: &[(&str, &str)], operation, items| {
        let change = [("cleanup.policy", operation, Some(items))];
        let altered = incrementally(&topic(), current, &change).expect("fit");
        altered.overrides["cleanup.policy"].clone()
    };
    assert_eq!(policy(&[], APPEND, "compact"), "delete,compact");
    assert_eq!(policy(&[], APPEND, "delete"), "delete");
    let both = [("cleanup.policy", "delete,compact")];
    assert_eq!(policy(&both, SUBTRACT, "delete"), "compact");
    assert_eq!(policy(&both, SUBTRACT, "delete,compact"), "");
    let change = [("retention.ms", APPEND, Some("1"))];
    let refusal = incrementally(&topic(), &[], &change).expect_err("no list");
    assert_eq!(refusal.code, ErrorCode::InvalidConfig);
}

#[test]
fn replacing_all_settings_deletes_those_that_are_not_named() {
    let current = [("retention.ms", "5"), ("segment.ms", "6")];
    let altered = wholly(&topic(), &current, &[("retention.ms", Some("5"))]).expect("fit");
    assert_eq!(altered.overrides, texts(&[("retention.ms", "5")]));
    assert_eq!(changes(&altered), [("segment.ms", None)]);
}

#[test]
fn a_broker_is_told_again_what_it_knows() {
    let current = [("log.retention.ms", "5")];
    let change = [("log.retention.ms", SET, Some("5"))];
    let altered = incrementally(&Resource::Broker, &current, &change).expect("fit");
    assert_eq!(changes(&altered), [("log.retention.ms", Some("5"))]);
}

#[test]
fn a_change_becomes_a_record_of_its_resource() {
    let change = Change {
        name: "retention.ms".to_owned(),
        value: None,
    };
    for (resource, kind, name) in [
        (topic(), 2, "t"),
        (Resource::Broker, 4, "1"),
        (Resource::Cluster, 4, ""),
    ] {
        let record = change.clone().into_record(&resource, 1);
        assert_eq!((record.resource_type, &*record.resource_name), (kind, name));
        assert_eq!((&*record.name, record.value), ("retention.ms", None));
        assert_eq!(Resource::of(kind, name, 1), Ok(resource));
    }
}

#[test]
fn a_request_that_is_malformed_is_refused_as_such() {
    for change in [
        vec![("retention.ms", SET, None)],
        vec![("retention.ms", 9, Some("1"))],
        vec![
            ("retention.ms", SET, Some("1")),
            ("retention.ms", DELETE, None),
        ],
    ] {
        let refusal = incrementally(&topic(), &[], &change).expect_err("malformed");
        assert_eq!(refusal.code, ErrorCode::InvalidRequest, "{refusal}");
    }
    let refusal = wholly(&topic(), &[], &[("retention.ms", None)]).expect_err("malformed");
    assert_eq!(refusal.code, ErrorCode::InvalidRequest);
}

#[test]
fn a_topic_is_not_told_what_does_not_hold() {
    for change in [
        ("retention.mss", SET, Some("1")),
        ("retention.mss", APPEND, Some("1")),
        ("retention.ms", SET, Some("x")),
        ("min.compaction.lag.ms", SET, Some("9223372036854775807")),
        ("remote.storage.enable", SET, Some("true")),
    ] {
        let current = [("max.compaction.lag.ms", "5")];
        let refusal = incrementally(&topic(), &current, &[change]).expect_err("unfit");
        assert_eq!(refusal.code, ErrorCode::InvalidConfig, "{refusal}");
    }
}

#[test]
fn what_another_version_stored_does_not_stand_in_the_way() {
    let current = [("message.format.version", "2.8"), ("retention.ms", "-9")];
    let change = [("segment.ms", SET, Some("6"))];
    let altered = incrementally(&topic(), &current, &change).expect("fit");
    assert_eq!(changes(&altered), [("segment.ms", Some("6"))]);
    let change = [("message.format.version", DELETE, None)];
    let altered = incrementally(&topic(), &current, &change).expect("fit");
    assert_eq!(changes(&altered), [("message.format.version", None)]);
}

#[test]
fn a_running_broker_takes_only_what_it_can_change() {
    let jaas = "listener.name.plaintext.plain.sasl.jaas.config";
    for (resource, name, value, reason) in [
        (
            Resource::Broker,
            "num.partitions",
            "2",
            "Cannot update `num.partitions` dynamically: it is read when the broker starts",
        ),
        (
            Resource::Broker,
            jaas,
            "hunter2",
            "Cannot update `listener.name.plaintext.plain.sasl.jaas.config` dynamically: \
             it is read when the broker starts",
        ),
        (
            Resource::Cluster,
            "sasl.kerberos.service.name",
            "PLAIN",
            "`sasl.kerberos.service.name` is set for one broker, whose id must be given",
        ),
        (
            Resource::Broker,
            "listener.name.gone.max.connections",
            "1",
            "`listener.name.gone.max.connections` is for a listener that there is not",
        ),
        (
            Resource::Cluster,
            "log.retention.mss",
            "1",
            "Unknown broker config name: log.retention.mss (did you mean `log.retention.ms`?)",
        ),
        (
            Resource::Cluster,
            "message.max.bytes",
            "-1",
            "Invalid value -1 for configuration message.max.bytes: it must be at least 0",
        ),
        (
            Resource::Cluster,
            "max.connections.per.ip.overrides",
            "x",
            "`x` in `max.connections.per.ip.overrides` is not of the form HOST:NUMBER",
        ),
    ] {
        let refusal = incrementally(&resource, &[], &[(name, SET, Some(value))]).expect_err(reason);
        assert_eq!(refusal.message, reason);
    }
    // A client's test suite sets this one.
    let change = [("sasl.login.refresh.min.period.seconds", SET, Some("58"))];
    assert!(incrementally(&Resource::Broker, &[], &change).is_ok());
}
