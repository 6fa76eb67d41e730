//! InitProducerId: an id for an idempotent producer, or one that uses transactions (KIP-98, KIP-360).

use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

use super::Call;
use crate::transaction::{Request, Response};

pub async fn handle(call: Call, request: InitProducerIdRequest) -> InitProducerIdResponse {
    let refused = |code: ErrorCode| InitProducerIdResponse {
        error_code: code.number(),
        producer_id: -1,
        producer_epoch: -1,
        ..InitProducerIdResponse::default()
    };
    match request.transactional_id.clone() {
        Some(id) if id.is_empty() => refused(ErrorCode::InvalidRequest),
        Some(id) => match call
            .ask_transaction(&id, Request::InitProducerId(request))
            .await
        {
            Response::InitProducerId(response) => response,
            other => unreachable!("{other:?} answers another request"),
        },
        None => match call.broker.producer_ids().next().await {
            Ok(producer_id) => InitProducerIdResponse {
                producer_id,
                producer_epoch: 0,
                ..InitProducerIdResponse::default()
            },
            Err(error) => refused(error.code),
        },
    }
}
