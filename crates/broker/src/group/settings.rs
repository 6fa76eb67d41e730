//! What the coordinator of groups is told.

/// Settings of groups, with the names that Kafka gives them; times in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSettings {
    /// `group.min.session.timeout.ms`: a member that asks for less is refused.
    pub min_session_timeout_ms: i32,
    /// `group.max.session.timeout.ms`: a member that asks for more is refused.
    pub max_session_timeout_ms: i32,
    /// `group.initial.rebalance.delay.ms`: how long an empty group waits for more members after
    /// one that came.
    pub initial_rebalance_delay_ms: i32,
    /// `group.max.size`: members of one group.
    pub max_size: usize,
    /// `offset.metadata.max.bytes`: what may be noted with one offset, in UTF-16 units as Kafka
    /// counts them.
    pub offset_metadata_max_bytes: usize,
    /// `offsets.retention.minutes`, in milliseconds.
    pub offsets_retention_ms: i64,
    /// `offsets.retention.check.interval.ms`.
    pub offsets_retention_check_interval_ms: i64,
    /// `max.message.bytes` of `__consumer_offsets`: no step is larger as a batch.
    pub max_batch_bytes: usize,
}

/// Those of Kafka.
impl Default for GroupSettings {
    fn default() -> Self {
        Self {
            min_session_timeout_ms: 6_000,
            max_session_timeout_ms: 30 * 60_000,
            initial_rebalance_delay_ms: 3_000,
            max_size: i32::MAX as usize,
            offset_metadata_max_bytes: 4096,
            offsets_retention_ms: 7 * 24 * 60 * 60_000,
            offsets_retention_check_interval_ms: 10 * 60_000,
            max_batch_bytes: 1_048_588,
        }
    }
}

/// How long the JoinGroup of a new member waits. It has no heartbeat yet by which it could be
/// missed, and a client that is gone would be a member for the rest of a long rebalance.
pub(super) const NEW_MEMBER_JOIN_TIMEOUT_MS: i64 = 5 * 60_000;
