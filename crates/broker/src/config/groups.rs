//! What a broker is told of groups and of the topic of their offsets.

use millrace_spec::codes;

use super::broker::int;
use super::complaint::Complaint;
use super::settings::{Settings, Texts};
use super::topic::internal_topic;

/// Groups of consumers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupsConfig {
    /// `group.initial.rebalance.delay.ms`.
    pub initial_rebalance_delay_ms: i32,
    /// `group.min.session.timeout.ms`.
    pub min_session_timeout_ms: i32,
    /// `group.max.session.timeout.ms`.
    pub max_session_timeout_ms: i32,
    /// `group.max.size`.
    pub max_size: usize,
    /// What they commit.
    pub offsets: OffsetsConfig,
}

/// The offsets that groups commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetsConfig {
    /// `offset.metadata.max.bytes`.
    pub max_metadata_bytes: usize,
    /// `offsets.retention.minutes`, in milliseconds.
    pub retention_ms: i64,
    /// `offsets.retention.check.interval.ms`.
    pub retention_check_ms: i64,
    /// `offsets.commit.timeout.ms`.
    pub commit_timeout_ms: i64,
    /// `offsets.topic.num.partitions`.
    pub partitions: i32,
    /// What `__consumer_offsets` has of its own.
    pub topic: Texts,
}

impl GroupsConfig {
    pub(super) fn of(settings: &Settings, complaints: &mut Vec<Complaint>) -> Self {
        let groups = Self {
            initial_rebalance_delay_ms: int(settings, "group.initial.rebalance.delay.ms"),
            min_session_timeout_ms: int(settings, "group.min.session.timeout.ms"),
            max_session_timeout_ms: int(settings, "group.max.session.timeout.ms"),
            max_size: settings.count("group.max.size"),
            offsets: OffsetsConfig::of(settings),
        };
        if groups.min_session_timeout_ms > groups.max_session_timeout_ms {
            let (least, most) = (groups.min_session_timeout_ms, groups.max_session_timeout_ms);
            let message =
                format!("the least session timeout, {least} ms, is above the most, {most} ms");
            let key = "group.min.session.timeout.ms";
            let complaint = Complaint::error(key, codes::CONFLICT, message);
            complaints.push(complaint.beside("group.max.session.timeout.ms"));
        }
        groups
    }
}

impl OffsetsConfig {
    fn of(settings: &Settings) -> Self {
        const MINUTE_MS: i64 = 60_000;
        Self {
            max_metadata_bytes: settings.count("offset.metadata.max.bytes"),
            retention_ms: settings.number("offsets.retention.minutes") * MINUTE_MS,
            retention_check_ms: settings.number("offsets.retention.check.interval.ms"),
            commit_timeout_ms: settings.number("offsets.commit.timeout.ms"),
            partitions: int(settings, "offsets.topic.num.partitions"),
            topic: internal_topic(
                settings.number("offsets.topic.segment.bytes"),
                [("compression.type", "producer".to_owned())],
            ),
        }
    }
}
