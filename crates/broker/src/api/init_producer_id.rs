//! InitProducerId: an id for an idempotent producer (KIP-98).

use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

use super::Call;

pub async fn handle(call: Call, request: InitProducerIdRequest) -> InitProducerIdResponse {
    let refused = |code: ErrorCode| InitProducerIdResponse {
        error_code: code.number(),
        producer_id: -1,
        producer_epoch: -1,
        ..InitProducerIdResponse::default()
    };
    if request.transactional_id.is_some() {
        // There is no coordinator of transactions, which FindCoordinator tells clients, too.
        return refused(ErrorCode::CoordinatorNotAvailable);
    }
    match call.broker.new_producer_id().await {
        Ok(producer_id) => InitProducerIdResponse {
            producer_id,
            producer_epoch: 0,
            ..InitProducerIdResponse::default()
        },
        Err(error) => refused(error.code),
    }
}
