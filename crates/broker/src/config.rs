//! What a broker and its topics are told, and how they answer when they are asked for it.
//!
//! - [`keys`] has every key of Kafka 4.3.1 with its type, default and range, whether it changes
//!   while the broker runs, and what Millrace does with it; the page
//!   `docs/reference/broker-config.md` is made of it ([`reference_page`]).
//! - [`load`] reads a file, YAML or `.properties`, and complains of all that is wrong at once.
//! - [`BrokerConfig`] and [`TopicConfig`] are what the rest of the broker reads.
//! - [`describe()`], [`alter()`] and [`alter_incrementally`] answer DescribeConfigs, AlterConfigs
//!   and IncrementalAlterConfigs.
//!
//! Nothing here waits or keeps state: what was changed while running is kept by the metadata log
//! and handed to [`BrokerConfig::with_dynamic`].

use std::path::PathBuf;
use std::time::Duration;

use millrace_kafka_wire::batch::Compression;
use millrace_log::{Compaction, Config, Rules};

use crate::metadata::SnapshotRules;

mod alter;
mod broker;
mod complaint;
mod create;
mod describe;
mod groups;
mod key;
pub mod keys;
mod listeners;
mod load;
mod names;
mod note;
mod page;
mod properties;
mod resource;
mod security;
mod settings;
mod topic;
mod transactions;
mod value;

pub use alter::{Altered, Change, alter, alter_incrementally};
pub use broker::{Cleaner, Connections};
pub use complaint::Complaint;
pub use create::{describe_created, topic_overrides};
pub use describe::{Asked, describe};
pub use groups::{GroupsConfig, OffsetsConfig};
pub use key::{Check, Effect, Key, Kind, Update};
pub use listeners::{Listener, SecurityProtocol};
pub use load::{Format, Loaded, client_properties, load, read, read_block};
pub use page::reference_page;
pub use resource::{Refusal, Resource};
pub use security::{ClientAuth, Pem, SaslServer, Security, TlsServer};
pub use settings::{Said, Settings, Source, Texts};
pub use topic::{check_topic_override, check_topic_overrides};
pub use transactions::TransactionsConfig;
pub use value::{Invalid, Value};

/// What a broker is told.
#[derive(Clone, Debug)]
pub struct BrokerConfig {
    /// `node.id`.
    pub node_id: i32,
    /// `broker.rack`.
    pub rack: Option<String>,
    /// `listeners` and `advertised.listeners`; at least one.
    pub listeners: Vec<Listener>,
    /// `log.dirs`; at least one.
    pub log_dirs: Vec<PathBuf>,
    /// `metadata.log.dir`; the first of `log.dirs` without it.
    pub metadata_log_dir: PathBuf,
    /// When there is a snapshot of the metadata.
    pub metadata_snapshots: SnapshotRules,
    /// `num.partitions`: of a topic that is created without a number.
    pub num_partitions: i32,
    /// `default.replication.factor`: of a topic that is created without a number.
    pub default_replication_factor: i16,
    /// `auto.create.topics.enable`.
    pub auto_create_topics: bool,
    /// `delete.topic.enable`.
    pub delete_topics: bool,
    /// `socket.request.max.bytes`: no request is larger.
    pub max_request_bytes: usize,
    /// `fetch.max.bytes`: no response to a fetch has more, but for its first batch.
    pub max_fetch_bytes: usize,
    /// `replica.lag.time.max.ms`: a follower that has not had all that there was for so long is no
    /// longer in sync.
    pub replica_lag_time_max: Duration,
    /// `max.incremental.fetch.session.cache.slots`.
    pub max_fetch_sessions: usize,
    /// `max.request.partition.size.limit`: how many partitions one answer lists.
    pub max_listed_partitions: usize,
    /// Connections and what they may hold.
    pub connections: Connections,
    /// `num.recovery.threads.per.data.dir`.
    pub recovery_threads: usize,
    /// `log.retention.check.interval.ms`.
    pub retention_check_ms: i64,
    /// Groups and their offsets.
    pub groups: GroupsConfig,
    /// Compaction.
    pub cleaner: Cleaner,
    /// Transactions and idempotent producers.
    pub transactions: TransactionsConfig,
    /// What topics have that say nothing else.
    pub topics: TopicConfig,
    /// What all of this was made of.
    pub settings: Settings,
}

/// What a topic is told.
#[derive(Clone, Debug)]
pub struct TopicConfig {
    /// How its logs are written and kept. Without `delete` in the policy nothing is too old.
    pub log: Config,
    /// What is demanded of batches.
    pub rules: Rules,
    /// `min.insync.replicas`.
    pub min_insync_replicas: i32,
    /// `cleanup.policy`.
    pub cleanup: Cleanup,
    /// How it is compacted, where the policy says so.
    pub compaction: Compaction,
    /// `compression.type`: what batches are stored with; without it, as the producer sent them.
    pub compression: Option<Compression>,
    /// `flush.mode`.
    pub flush_mode: FlushMode,
    /// `record.validation`.
    pub validation: Validation,
}

/// What becomes of old records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cleanup {
    /// Segments that are too old or too many go.
    pub deletes: bool,
    /// Of a key its last record stays.
    pub compacts: bool,
}

/// What an answer to a producer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushMode {
    /// The records are on the disk, together with those of other partitions.
    Group,
    /// The operating system has them.
    Os,
}

/// What is checked of batches that are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validation {
    /// Their headers.
    Headers,
    /// Every record.
    Full,
}
