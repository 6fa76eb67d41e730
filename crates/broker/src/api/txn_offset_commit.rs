//! TxnOffsetCommit: how far a group has read, as part of a transaction (KIP-98, KIP-447, KIP-890).

use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::add_partitions_to_txn::AddPartitionsToTxnTopic;
use millrace_kafka_wire::api::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};

use super::Call;
use super::verify::{Producer, verify};
use crate::group::{Request, Response};

/// From this version on the partition of the group becomes part of the transaction by it.
const ADDS: i16 = 5;

pub async fn handle(call: Call, request: TxnOffsetCommitRequest) -> TxnOffsetCommitResponse {
    let group = request.group_id.clone();
    let verified = check(&call, &request).await;
    let request = Request::TxnOffsetCommit(request);
    let response = match verified {
        Ok(()) => call.ask_group(&group, request).await,
        Err(code) => request.failed(call.version, code),
    };
    match response {
        Response::TxnOffsetCommit(response) => response,
        other => unreachable!("{other:?} answers another request"),
    }
}

async fn check(call: &Call, request: &TxnOffsetCommitRequest) -> Result<(), ErrorCode> {
    let groups = call.broker.groups();
    let index = groups.partition_of(&request.group_id).await?;
    let producer = Producer {
        transactional_id: &request.transactional_id,
        id: request.producer_id,
        epoch: request.producer_epoch,
        verify_only: call.version < ADDS,
    };
    let topic = AddPartitionsToTxnTopic {
        name: groups.topic().into(),
        partitions: vec![index],
    };
    verify(call, producer, vec![topic])
        .await
        .map_err(|code| match code {
            ErrorCode::NotCoordinator
            | ErrorCode::CoordinatorNotAvailable
            | ErrorCode::CoordinatorLoadInProgress => ErrorCode::CoordinatorNotAvailable,
            // Clients of old versions know no such error, and try again for this one.
            ErrorCode::ConcurrentTransactions if call.version < ADDS => {
                ErrorCode::CoordinatorLoadInProgress
            }
            ErrorCode::TransactionAbortable if call.version < ADDS => ErrorCode::InvalidTxnState,
            code => code,
        })
}
