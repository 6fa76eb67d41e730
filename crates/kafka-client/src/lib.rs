//! A client of Kafka's protocol for tools.
//!
//! What is read here comes from strangers: sizes are checked before anything is allocated, answers
//! that are none end the connection, and nothing panics.
//!
//! - [`Connection`] is one connection to one broker: requests and their responses, in versions that
//!   both know.
//! - [`Cluster`] finds brokers, leaders and coordinators, tries again what may be tried again, and
//!   has what administrators ask for.
//! - [`Producer`] sends records in batches; [`Consumer`] reads them, alone or in a group.
//!
//! There is no transaction and no fetch session; groups are those of the classic protocol with the
//! range assignor.

mod admin;
mod cluster;
mod connection;
mod consumer;
mod error;
mod producer;
mod records;
mod settings;

pub use admin::{
    BrokerInfo, ClusterInfo, Committed, ConfigEntry, CreatedTopic, GroupInfo, GroupMember,
    ListedGroup, NewTopic, OffsetAt, PartitionInfo, TopicInfo, TopicPartition, UserInfo,
};
pub use cluster::Cluster;
pub use connection::{Connection, Pending};
pub use consumer::{Consumer, ConsumerSettings, Isolation, Reset, Start, assign_range};
pub use error::{Error, Reason, Unreadable};
pub use millrace_kafka_wire::ErrorCode;
pub use millrace_kafka_wire::batch::Compression;
pub use millrace_sasl::{Hash, Mechanism};
pub use producer::{
    Acks, Delivered, Delivery, KeyHash, NewRecord, Producer, ProducerSettings, Spread, fnv1a,
    murmur2, partition_of_fnv1a, partition_of_key,
};
pub use records::{Limits, PartitionReader, Record};
pub use settings::{InProcess, Login, Settings};

/// What this client does, or a reason why not.
pub type Result<T> = std::result::Result<T, Error>;
