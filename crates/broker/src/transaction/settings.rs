//! What the coordinator of transactions is told.

/// Settings of transactions, with the names that Kafka gives them; times in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionSettings {
    /// `transaction.max.timeout.ms`: a producer that asks for more is refused.
    pub max_timeout_ms: i32,
    /// `transactional.id.expiration.ms`: an id that is unused for so long is forgotten.
    pub id_expiration_ms: i64,
    /// `transaction.abort.timed.out.transaction.cleanup.interval.ms`: when the abort of a
    /// transaction that timed out is tried again, since it needed a producer id and got none.
    /// The abort itself is not late by it.
    pub abort_retry_ms: i64,
    /// `max.message.bytes` of `__transaction_state`: no step is larger as a batch.
    pub max_batch_bytes: usize,
}

/// Those of Kafka.
impl Default for TransactionSettings {
    fn default() -> Self {
        Self {
            max_timeout_ms: 900_000,
            id_expiration_ms: 7 * 24 * 60 * 60_000,
            abort_retry_ms: 10_000,
            max_batch_bytes: 1_048_588,
        }
    }
}
