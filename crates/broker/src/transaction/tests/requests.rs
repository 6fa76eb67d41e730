//! What clients ask, and what they are told.

use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::add_partitions_to_txn::{
    AddPartitionsToTxnTopic, AddPartitionsToTxnTopicResult,
};
use millrace_kafka_wire::api::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

pub(super) const ID: &str = "payments";
pub(super) const TIMEOUT_MS: i32 = 60_000;

/// Id and epoch, or an error.
pub(super) type Outcome = Result<(i64, i16), ErrorCode>;

pub(super) fn outcome_of_init(it: &InitProducerIdResponse) -> Outcome {
    let told = (it.producer_id, it.producer_epoch);
    match code(it.error_code) {
        ErrorCode::None => Ok(told),
        error => {
            assert_eq!(told, (-1, -1));
            Err(error)
        }
    }
}

pub(super) fn code(number: i16) -> ErrorCode {
    ErrorCode::from_number(number).expect("a code of Kafka")
}

pub(super) fn first(topics: &[AddPartitionsToTxnTopicResult]) -> ErrorCode {
    code(topics[0].results_by_partition[0].partition_error_code)
}

pub(super) fn init() -> InitProducerIdRequest {
    InitProducerIdRequest {
        transactional_id: Some(ID.into()),
        transaction_timeout_ms: TIMEOUT_MS,
        ..Default::default()
    }
}

/// A producer that has an identity.
pub(super) fn init_of((producer_id, producer_epoch): (i64, i16)) -> InitProducerIdRequest {
    InitProducerIdRequest {
        producer_id,
        producer_epoch,
        ..init()
    }
}

pub(super) fn topic_of(name: &str, partitions: &[i32]) -> AddPartitionsToTxnTopic {
    AddPartitionsToTxnTopic {
        name: name.into(),
        partitions: partitions.to_vec(),
    }
}
