//! What a broker is told of transactions, of the topic of their states, and of idempotent
//! producers.

use super::broker::int;
use super::settings::{Settings, Texts};
use super::topic::internal_topic;

/// Transactions and idempotent producers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionsConfig {
    /// `transaction.max.timeout.ms`.
    pub max_timeout_ms: i32,
    /// `transactional.id.expiration.ms`.
    pub id_expiration_ms: i64,
    /// `transaction.abort.timed.out.transaction.cleanup.interval.ms`.
    pub abort_check_ms: i64,
    /// `transaction.remove.expired.transaction.cleanup.interval.ms`.
    pub expiration_check_ms: i64,
    /// `transaction.partition.verification.enable`.
    pub verifies_partitions: bool,
    /// `producer.id.expiration.check.interval.ms`.
    pub producer_expiration_check_ms: i64,
    /// `transaction.state.log.num.partitions`.
    pub partitions: i32,
    /// What `__transaction_state` has of its own.
    pub topic: Texts,
}

impl TransactionsConfig {
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            max_timeout_ms: int(settings, "transaction.max.timeout.ms"),
            id_expiration_ms: settings.number("transactional.id.expiration.ms"),
            abort_check_ms: settings
                .number("transaction.abort.timed.out.transaction.cleanup.interval.ms"),
            expiration_check_ms: settings
                .number("transaction.remove.expired.transaction.cleanup.interval.ms"),
            verifies_partitions: settings.flag("transaction.partition.verification.enable"),
            producer_expiration_check_ms: settings
                .number("producer.id.expiration.check.interval.ms"),
            partitions: int(settings, "transaction.state.log.num.partitions"),
            topic: internal_topic(
                settings.number("transaction.state.log.segment.bytes"),
                [
                    ("compression.type", "uncompressed".to_owned()),
                    ("min.insync.replicas", "1".to_owned()),
                    ("unclean.leader.election.enable", "false".to_owned()),
                ],
            ),
        }
    }
}
