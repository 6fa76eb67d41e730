//! Why a batch does not become part of the log.

use std::fmt;

use millrace_kafka_wire::ErrorCode;

/// Why a batch was not appended. Others of the same call may have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A newer epoch of the producer has written.
    ProducerEpoch {
        /// That of the batch.
        given: i16,
        /// That which has written.
        known: i16,
    },
    /// A sequence is missing before it, or it is too old to be known.
    Sequence {
        /// That of the batch.
        given: i32,
        /// That before it; −1 when none is known.
        last: i32,
    },
    /// It is not of a transaction, and one is open.
    TransactionState,
    /// A newer coordinator has written a marker.
    CoordinatorEpoch {
        /// That of the batch.
        given: i32,
        /// That which has written.
        known: i32,
    },
    /// A control batch that is no marker.
    Marker,
    /// Its offset lies before the end of the log.
    Offset {
        /// That of the batch.
        given: i64,
        /// Where the log ends.
        end: i64,
    },
    /// There is no room on the disk for it.
    NoSpace,
    /// It does not fit into a segment.
    TooLarge,
}

impl Refusal {
    /// The number of the error in Kafka's protocol.
    pub fn code(&self) -> i16 {
        let code = match self {
            Refusal::ProducerEpoch { .. } => ErrorCode::InvalidProducerEpoch,
            Refusal::Sequence { .. } => ErrorCode::OutOfOrderSequenceNumber,
            Refusal::TransactionState => ErrorCode::InvalidTxnState,
            Refusal::CoordinatorEpoch { .. } => ErrorCode::TransactionCoordinatorFenced,
            Refusal::Marker => ErrorCode::InvalidRecord,
            Refusal::Offset { .. } => ErrorCode::OffsetOutOfRange,
            Refusal::NoSpace => ErrorCode::KafkaStorageError,
            Refusal::TooLarge => ErrorCode::RecordListTooLarge,
        };
        code.number()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::ProducerEpoch { given, known } => write!(
                f,
                "the epoch {given} of the producer is older than {known}, which has written"
            ),
            Refusal::Sequence { given, last } => {
                write!(
                    f,
                    "the sequence {given} does not follow {last}, the last one"
                )
            }
            Refusal::TransactionState => {
                write!(
                    f,
                    "the producer has a transaction open and the batch is of none"
                )
            }
            Refusal::CoordinatorEpoch { given, known } => write!(
                f,
                "the epoch {given} of the coordinator is older than {known}, which has written"
            ),
            Refusal::Marker => write!(f, "the control batch is no marker of a transaction"),
            Refusal::Offset { given, end } => {
                write!(f, "offset {given} is before the end of the log, {end}")
            }
            Refusal::NoSpace => write!(f, "there is no room on the disk"),
            Refusal::TooLarge => write!(f, "the batch is larger than a segment may be"),
        }
    }
}

impl std::error::Error for Refusal {}
