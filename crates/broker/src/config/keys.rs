//! Every key of Kafka 4.3.1 and those of Millrace's own, by family.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::key::Key;

mod cleaner;
mod general;
mod groups;
mod log;
mod network;
mod quorum;
mod quotas;
mod remote;
mod replication;
mod sasl;
mod share;
mod ssl;
mod topic;
mod transactions;

/// The keys of a broker by what they are about.
pub const BROKER: &[(&str, &[Key])] = &[
    ("The broker", general::KEYS),
    ("Listeners and connections", network::KEYS),
    ("Logs", log::KEYS),
    ("Compaction", cleaner::KEYS),
    ("Replication", replication::KEYS),
    ("Groups and their offsets", groups::KEYS),
    ("Transactions and idempotent producers", transactions::KEYS),
    ("Controllers and their log", quorum::KEYS),
    ("Quotas and metrics", quotas::KEYS),
    ("TLS", ssl::KEYS),
    ("SASL and tokens", sasl::KEYS),
    ("Object storage", remote::KEYS),
    ("Share groups and streams groups", share::KEYS),
];

/// The keys of a topic.
pub const TOPIC: &[Key] = topic::KEYS;

/// A key of a broker, and how many milliseconds its unit has where it is a time of topics.
pub type Synonym = (&'static str, i64);

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// What a topic takes from its broker when it does not say it itself: of several keys the first one
/// that is set.
pub const SYNONYMS: &[(&str, &[Synonym])] = &[
    ("cleanup.policy", &[("log.cleanup.policy", 1)]),
    ("compression.gzip.level", &[("compression.gzip.level", 1)]),
    ("compression.lz4.level", &[("compression.lz4.level", 1)]),
    ("compression.type", &[("compression.type", 1)]),
    ("compression.zstd.level", &[("compression.zstd.level", 1)]),
    (
        "delete.retention.ms",
        &[("log.cleaner.delete.retention.ms", 1)],
    ),
    (
        "file.delete.delay.ms",
        &[("log.segment.delete.delay.ms", 1)],
    ),
    ("flush.messages", &[("log.flush.interval.messages", 1)]),
    ("flush.mode", &[("log.flush.mode", 1)]),
    (
        "flush.ms",
        &[
            ("log.flush.interval.ms", 1),
            ("log.flush.scheduler.interval.ms", 1),
        ],
    ),
    ("index.interval.bytes", &[("log.index.interval.bytes", 1)]),
    ("local.retention.bytes", &[("log.local.retention.bytes", 1)]),
    ("local.retention.ms", &[("log.local.retention.ms", 1)]),
    (
        "max.compaction.lag.ms",
        &[("log.cleaner.max.compaction.lag.ms", 1)],
    ),
    ("max.message.bytes", &[("message.max.bytes", 1)]),
    (
        "message.timestamp.after.max.ms",
        &[("log.message.timestamp.after.max.ms", 1)],
    ),
    (
        "message.timestamp.before.max.ms",
        &[("log.message.timestamp.before.max.ms", 1)],
    ),
    (
        "message.timestamp.type",
        &[("log.message.timestamp.type", 1)],
    ),
    (
        "min.cleanable.dirty.ratio",
        &[("log.cleaner.min.cleanable.ratio", 1)],
    ),
    (
        "min.compaction.lag.ms",
        &[("log.cleaner.min.compaction.lag.ms", 1)],
    ),
    ("min.insync.replicas", &[("min.insync.replicas", 1)]),
    ("preallocate", &[("log.preallocate", 1)]),
    ("record.validation", &[("record.validation", 1)]),
    ("retention.bytes", &[("log.retention.bytes", 1)]),
    (
        "retention.ms",
        &[
            ("log.retention.ms", 1),
            ("log.retention.minutes", MINUTE_MS),
            ("log.retention.hours", HOUR_MS),
        ],
    ),
    ("segment.bytes", &[("log.segment.bytes", 1)]),
    ("segment.index.bytes", &[("log.index.size.max.bytes", 1)]),
    (
        "segment.jitter.ms",
        &[
            ("log.roll.jitter.ms", 1),
            ("log.roll.jitter.hours", HOUR_MS),
        ],
    ),
    (
        "segment.ms",
        &[("log.roll.ms", 1), ("log.roll.hours", HOUR_MS)],
    ),
    (
        "unclean.leader.election.enable",
        &[("unclean.leader.election.enable", 1)],
    ),
];

static BROKER_BY_NAME: LazyLock<HashMap<&str, &Key>> = LazyLock::new(|| by_name(all_broker()));
static TOPIC_BY_NAME: LazyLock<HashMap<&str, &Key>> = LazyLock::new(|| by_name(TOPIC.iter()));

fn by_name(keys: impl Iterator<Item = &'static Key>) -> HashMap<&'static str, &'static Key> {
    keys.map(|key| (key.name, key)).collect()
}

/// Every key of a broker.
pub fn all_broker() -> impl Iterator<Item = &'static Key> {
    BROKER.iter().flat_map(|(_, keys)| keys.iter())
}

/// The key of a broker with this name.
pub fn broker(name: &str) -> Option<&'static Key> {
    BROKER_BY_NAME.get(name).copied()
}

/// The key of a topic with this name.
pub fn topic(name: &str) -> Option<&'static Key> {
    TOPIC_BY_NAME.get(name).copied()
}

/// What a topic's key is called at its broker, the strongest first; nothing for keys that only
/// topics have.
pub fn of_broker(topic_key: &str) -> &'static [Synonym] {
    let found = SYNONYMS.iter().find(|(name, _)| *name == topic_key);
    found.map_or(&[], |(_, synonyms)| synonyms)
}

/// The keys of a broker that say the same as this one, the strongest first; it is one of them.
pub fn same(key: &'static Key) -> Vec<&'static str> {
    let mut groups = SYNONYMS.iter().map(|(_, group)| *group);
    let group = groups.find(|group| group.iter().any(|(name, _)| *name == key.name));
    match group {
        Some(group) => group.iter().map(|(name, _)| *name).collect(),
        None => vec![key.name],
    }
}
