//! FindCoordinator: who coordinates a group or a transactional id (KIP-699: several at once).

use millrace_kafka_wire::api::find_coordinator::{
    Coordinator, FindCoordinatorRequest, FindCoordinatorResponse,
};
use millrace_kafka_wire::{ErrorCode, Str};

use super::Call;

/// From this version on several keys are asked for at once.
const SEVERAL: i16 = 4;
/// Types of keys: the name of a group, and a transactional id. The third is of share groups, which
/// there are none of.
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;

pub async fn handle(call: Call, request: FindCoordinatorRequest) -> FindCoordinatorResponse {
    if call.version < SEVERAL {
        let found = find(&call, request.key_type, &request.key).await;
        return FindCoordinatorResponse {
            error_code: found.error_code,
            error_message: found.error_message,
            node_id: found.node_id,
            host: found.host,
            port: found.port,
            ..FindCoordinatorResponse::default()
        };
    }
    let mut coordinators = Vec::with_capacity(request.coordinator_keys.len());
    for key in &request.coordinator_keys {
        coordinators.push(find(&call, request.key_type, key).await);
    }
    FindCoordinatorResponse {
        coordinators,
        ..FindCoordinatorResponse::default()
    }
}

async fn find(call: &Call, kind: i8, key: &Str) -> Coordinator {
    let failed = |code: ErrorCode, reason: &str| Coordinator {
        key: key.clone(),
        node_id: -1,
        host: Str::EMPTY,
        port: -1,
        error_code: code.number(),
        error_message: Some(reason.into()),
    };
    let leader = match kind {
        GROUP => call.broker.groups().coordinator_of(key).await,
        TRANSACTION if key.is_empty() => Err(ErrorCode::InvalidRequest),
        TRANSACTION => call.broker.transactions().coordinator_of(key).await,
        _ => Err(ErrorCode::InvalidRequest),
    };
    let leader = match leader {
        Ok(leader) => leader,
        Err(code) => return failed(code, "nobody coordinates it now"),
    };
    let image = call.broker.metadata().image();
    let Some(broker) = image.brokers.get(&leader) else {
        let code = ErrorCode::CoordinatorNotAvailable;
        return failed(code, "the coordinator is not there");
    };
    let (host, port) = call.broker.address_of(leader, broker, &call.peer);
    Coordinator {
        key: key.clone(),
        node_id: leader,
        host,
        port,
        error_code: ErrorCode::None.number(),
        error_message: None,
    }
}
