//! What the cluster is: its brokers, topics, partitions and settings.
//!
//! All of it follows from the records of the metadata log. A change is a function from an
//! [`Image`] to records; it is part of the cluster once its records are durable.

mod apply;
mod controller;
mod election;
#[cfg(test)]
mod example;
mod features;
mod image;
mod in_sync;
mod log;
mod partition_change;
mod quorum;
mod reassignment;
mod records;
mod snapshot;
pub mod topics;
mod turn;

pub use controller::Metadata;
pub use election::elect;
pub use features::{FEATURES, bootstrap};
pub use image::{BrokerImage, Image, PartitionImage, TopicImage};
pub use log::{MetadataLog, SnapshotRules};
pub use partition_change::Election;
pub use quorum::{Keeper, LogReplica, Quorum};
pub use reassignment::{Target, reassign};
pub use snapshot::{DamagedSnapshot, SnapshotId, damaged as damaged_snapshots, metadata_start};
pub use turn::Turn;

/// A topic, as the type of the resource that a configuration is of.
pub const TOPIC: i8 = 2;
/// A broker, likewise; the empty name stands for all brokers.
pub const BROKER: i8 = 4;
/// The levels of a broker's loggers, likewise.
pub const BROKER_LOGGER: i8 = 8;
/// A subscription to clients' metrics, likewise.
pub const CLIENT_METRICS: i8 = 16;
/// A group, likewise.
pub const GROUP: i8 = 32;
