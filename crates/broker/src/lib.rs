//! A broker for Kafka's clients.
//!
//! A connection ([`net`]) cuts what comes into requests; an API ([`api`]) answers one. What it asks
//! of the cluster it finds in an image of the metadata ([`metadata`]), and changes by having records
//! appended to the metadata log. What it asks of a partition it finds in the partition's view, and
//! changes by a command to the worker that owns its log ([`partitions`]). Nothing else has state.
//!
//! # Durability
//!
//! A produce with `acks=all` is answered, and its records are shown to consumers, when they are on
//! the medium. One with `acks=1` is answered when it is written, and is on the medium 10 ms or 8 MiB
//! later.

mod api;
pub mod backup;
mod broker;
mod clock;
mod compression;
pub mod config;
mod control;
mod coordinators;
pub mod driver;
pub mod group;
mod live;
mod metadata;
mod metrics;
mod net;
mod partitions;
mod stop;
mod tls;
pub mod transaction;

pub use broker::{
    Broker, Formatted, NewUser, Random, Running, StartError, format, start, start_here,
    system_random,
};
pub use clock::Clock;
pub use config::{BrokerConfig, Listener, TopicConfig};
pub use metadata::{DamagedSnapshot, MetadataLog, SnapshotId, damaged_snapshots, metadata_start};
