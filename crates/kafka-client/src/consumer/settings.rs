//! How a consumer reads.

use std::time::Duration;

use crate::admin::OffsetAt;
use crate::records::Limits;

/// Where a consumer begins in a partition in which it has no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    Earliest,
    Latest,
    /// Nowhere: it fails.
    None,
}

/// Where a consumer of its own begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    At(OffsetAt),
    Offset(i64),
}

/// What a consumer sees of transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    ReadUncommitted,
    ReadCommitted,
}

/// How a consumer reads. The defaults are those of Kafka's own consumer.
#[derive(Clone, Debug)]
pub struct ConsumerSettings {
    pub auto_offset_reset: Reset,
    /// How many bytes the broker waits for, as long as [`fetch_max_wait`](Self::fetch_max_wait).
    pub fetch_min_bytes: i32,
    pub fetch_max_bytes: i32,
    pub fetch_max_wait: Duration,
    /// How many bytes of a partition are sent at once, unless its next batch is larger.
    pub max_partition_fetch_bytes: i32,
    /// How many records a poll returns.
    pub max_poll_records: usize,
    pub isolation: Isolation,
    /// What a member is known by beyond its process (KIP-345): one that comes again takes its own place
    /// at once, where without it the group waits for the end of the session. Two that live must not
    /// have the same.
    pub group_instance_id: Option<String>,
    /// Without a sign of life for so long a member is no longer in its group.
    pub session_timeout: Duration,
    pub heartbeat_interval: Duration,
    /// How long a member may take to join again when its group changes.
    pub rebalance_timeout: Duration,
    /// How often what was returned by earlier polls is committed; also when the group changes and
    /// when the consumer is closed. Never, without it.
    pub auto_commit_interval: Option<Duration>,
    pub limits: Limits,
    /// Whether a partition stands still whose next batch cannot be read, while the others are read on:
    /// see [`Consumer::unreadable`](super::Consumer::unreadable). Without it, polls fail.
    pub holds_unreadable: bool,
}

impl Default for ConsumerSettings {
    fn default() -> Self {
        Self {
            auto_offset_reset: Reset::Latest,
            fetch_min_bytes: 1,
            fetch_max_bytes: 50 << 20,
            fetch_max_wait: Duration::from_millis(500),
            max_partition_fetch_bytes: 1 << 20,
            max_poll_records: 500,
            isolation: Isolation::ReadUncommitted,
            group_instance_id: None,
            session_timeout: Duration::from_secs(45),
            heartbeat_interval: Duration::from_secs(3),
            rebalance_timeout: Duration::from_secs(300),
            auto_commit_interval: Some(Duration::from_secs(5)),
            limits: Limits::default(),
            holds_unreadable: false,
        }
    }
}

impl ConsumerSettings {
    /// Large answers that are waited for.
    pub fn high_throughput() -> Self {
        Self {
            max_poll_records: 1000,
            fetch_min_bytes: 10_240,
            fetch_max_wait: Duration::from_millis(100),
            max_partition_fetch_bytes: 2_097_152,
            ..Self::default()
        }
    }

    /// Answers as soon as there is anything.
    pub fn low_latency() -> Self {
        Self {
            max_poll_records: 100,
            fetch_min_bytes: 1,
            fetch_max_wait: Duration::from_millis(10),
            ..Self::default()
        }
    }
}
