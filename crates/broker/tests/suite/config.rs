//! The tables of keys beside Kafka 4.3.1's own, and beside what the broker is told.
//!
//! `config/kafka-4.3.1.tsv` was written by a program that asked Kafka's classes: scope, key, type,
//! default, when it changes, whether it is internal.

mod altered;
mod described;

use std::collections::BTreeMap;

use millrace_broker::config::{Check, Effect, Format, Key, Kind, Texts, Update, keys, read};
use millrace_broker::{BrokerConfig, TopicConfig};
use millrace_spec::env::Environment;

const KAFKA: &str = include_str!("config/kafka-4.3.1.tsv");

struct Theirs {
    kind: &'static str,
    default: Option<&'static str>,
    update: &'static str,
    is_internal: bool,
}

fn theirs(scope: &str) -> BTreeMap<&'static str, Theirs> {
    let mut found = BTreeMap::new();
    for line in KAFKA.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [of, key, kind, default, update, internal] = fields[..] else {
            panic!("six fields: {line}");
        };
        if of == scope {
            let key_of = Theirs {
                kind,
                default: Some(default).filter(|it| !["<null>", "<required>"].contains(it)),
                update,
                is_internal: internal == "internal",
            };
            found.insert(key, key_of);
        }
    }
    found
}

/// What differs from Kafka's key, in words.
fn differences(key: &Key, theirs: &Theirs) -> Vec<&'static str> {
    let update = match key.update {
        Update::ReadOnly => "-",
        other => other.word(),
    };
    let mut differences = Vec::new();
    if key.default != theirs.default {
        differences.push("default");
    }
    if update != theirs.update {
        differences.push("update");
    }
    differences
}

#[test]
fn every_key_of_a_broker_is_kafkas_and_what_differs_says_why() {
    let mut kafkas = theirs("broker");
    for key in keys::all_broker() {
        let Some(theirs) = kafkas.remove(key.name) else {
            assert!(key.is_own, "`{}` is not Kafka's", key.name);
            continue;
        };
        assert!(!key.is_own, "`{}` is Kafka's", key.name);
        assert_eq!(key.kind.word(), theirs.kind.to_lowercase(), "{}", key.name);
        assert_eq!(key.is_internal, theirs.is_internal, "{}", key.name);
        let differs = differences(key, &theirs);
        assert_eq!(
            !differs.is_empty(),
            key.differs.is_some(),
            "`{}`: {differs:?}",
            key.name
        );
    }
    let missing: Vec<&&str> = kafkas.keys().collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_key_of_a_topic_is_kafkas_and_no_default_differs() {
    let mut kafkas = theirs("topic");
    for key in keys::TOPIC {
        let Some(theirs) = kafkas.remove(key.name) else {
            assert!(key.is_own, "`{}` is not Kafka's", key.name);
            continue;
        };
        assert_eq!(key.kind.word(), theirs.kind.to_lowercase(), "{}", key.name);
        assert_eq!(key.is_internal, theirs.is_internal, "{}", key.name);
        assert_eq!(key.default, theirs.default, "{}", key.name);
    }
    let missing: Vec<&&str> = kafkas.keys().collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_default_is_a_value_that_the_key_takes() {
    for key in keys::all_broker().chain(keys::TOPIC) {
        if let Some(default) = key.default {
            let found = key.canonical(default);
            assert_eq!(found.as_deref(), Ok(default), "{}", key.name);
        }
        assert!(key.doc.ends_with('.'), "`{}` is explained", key.name);
    }
}

#[test]
fn what_a_topic_takes_from_its_broker_are_keys_of_both() {
    for (topic, brokers) in keys::SYNONYMS {
        let topic = keys::topic(topic).expect(topic);
        for (name, _) in *brokers {
            let broker = keys::broker(name).expect(name);
            assert_eq!(
                matches!(broker.effect, Effect::Honoured),
                matches!(topic.effect, Effect::Honoured),
                "`{name}` and `{}`",
                topic.name
            );
        }
    }
}

/// Values of keys whose type does not tell one.
const SAMPLES: &[(&str, &str)] = &[
    ("advertised.listeners", "PLAINTEXT://host:1"),
    ("broker.id", "7"),
    ("controller.listener.names", "PLAINTEXT"),
    ("inter.broker.listener.name", "PLAINTEXT"),
    ("listener.security.protocol.map", "PLAINTEXT:SSL"),
    ("flush.mode", "group"),
    ("listeners", "PLAINTEXT://:1"),
    ("log.flush.mode", "group"),
    ("max.connections.per.ip.overrides", "host:1"),
    ("sasl.enabled.mechanisms", "SCRAM-SHA-512"),
    ("ssl.enabled.protocols", "TLSv1.2"),
];

/// What other keys need to mean something.
const BASE: &[(&str, &str)] = &[
    // Bounds of flushes, where nothing is flushed otherwise.
    ("log.flush.mode", "os"),
    ("listeners", "PLAINTEXT://:9092,SASL_SSL://:9093"),
    ("ssl.keystore.type", "PEM"),
    ("ssl.keystore.location", "broker.pem"),
    ("ssl.truststore.type", "PEM"),
    ("ssl.truststore.location", "clients.pem"),
    ("sasl.enabled.mechanisms", "PLAIN"),
    (
        "sasl.jaas.config",
        "org.apache.kafka.common.security.plain.PlainLoginModule required user_a=b;",
    ),
];

/// A value that a key takes and that is not its default.
fn another(key: &Key) -> Option<String> {
    if let Some((_, text)) = SAMPLES.iter().find(|(name, _)| *name == key.name) {
        return Some((*text).to_owned());
    }
    let default = key.default.unwrap_or_default();
    let number: i64 = default.parse().unwrap_or(5);
    let words = match key.check {
        Check::OneOf(words) | Check::OneOfAnyCase(words) | Check::ListOf(words) => words,
        _ => &[],
    };
    let mut candidates: Vec<String> = words.iter().map(|it| (*it).to_owned()).collect();
    match key.kind {
        Kind::Bool => candidates.extend(["true".to_owned(), "false".to_owned()]),
        Kind::Int | Kind::Short | Kind::Long => {
            let near = [number.checked_add(1), number.checked_sub(1), Some(2)];
            candidates.extend(near.into_iter().flatten().map(|it| it.to_string()));
        }
        Kind::Double => candidates.push("0.25".to_owned()),
        _ if words.is_empty() && !matches!(key.check, Check::Replicas) => {
            candidates.push("something".to_owned());
        }
        _ => candidates.push("0:1".to_owned()),
    }
    candidates
        .into_iter()
        .find(|it| it != default && key.parse(it).is_ok())
}

/// What a broker is told by a file, without the file; nothing when it is refused.
fn told(texts: &BTreeMap<&str, String>) -> Option<String> {
    let lines: Vec<String> = texts
        .iter()
        .map(|(name, text)| format!("{name}={text}\n"))
        .collect();
    let environment = Environment::empty();
    let mut config = read("p", &lines.concat(), Format::Properties, &environment).config?;
    config.settings = Default::default();
    Some(format!("{config:?}"))
}

#[test]
fn what_is_honoured_changes_what_a_broker_is_told_and_nothing_else_does() {
    let base = |id: &'static str| {
        let texts = BASE.iter().map(|(name, text)| (*name, (*text).to_owned()));
        texts.chain([(id, "5".to_owned())]).collect()
    };
    for key in keys::all_broker() {
        let id = match key.name {
            "broker.id" => "broker.id",
            _ => "node.id",
        };
        let before = told(&base(id));
        assert!(before.is_some());
        let mut texts = base(id);
        let Some(text) = another(key) else {
            let is_refused = matches!(key.effect, Effect::Refused(_));
            assert!(is_refused, "`{}` has another value", key.name);
            continue;
        };
        texts.insert(key.name, text.clone());
        let is_changed = told(&texts) != before;
        let is_honoured = key.effect == Effect::Honoured;
        assert_eq!(is_changed, is_honoured, "`{}={text}`", key.name);
    }
}

#[test]
fn what_is_honoured_changes_what_a_topic_is_told_and_nothing_else_does() {
    let broker = BrokerConfig::single(1, 9092);
    let base = Texts::from([("flush.mode".to_owned(), "os".to_owned())]);
    let told = |texts: &Texts| format!("{:?}", TopicConfig::resolve(&broker, texts));
    for key in keys::TOPIC {
        let Some(text) = another(key) else {
            assert!(matches!(key.effect, Effect::Refused(_)), "{}", key.name);
            continue;
        };
        let mut texts = base.clone();
        texts.insert(key.name.to_owned(), text.clone());
        let is_changed = told(&texts) != told(&base);
        let is_honoured = key.effect == Effect::Honoured;
        assert_eq!(is_changed, is_honoured, "`{}={text}`", key.name);
    }
}
