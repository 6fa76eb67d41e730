//! Whether a producer may write in its transaction: asked before its first append to a partition
//! (KIP-890).

use std::time::Duration;

use millrace_kafka_wire::api::add_partitions_to_txn::AddPartitionsToTxnTopic;
use millrace_kafka_wire::{ErrorCode, Str};

use super::Call;
use crate::group::Caller;
use crate::transaction::{Request, Response};

/// A transaction that is ending is looked at again after this time,
const AGAIN: Duration = Duration::from_millis(20);
/// so often at most; then the client does.
const TIMES: usize = 5;

/// A producer in its transaction.
pub(super) struct Producer<'a> {
    pub transactional_id: &'a Str,
    pub id: i64,
    pub epoch: i16,
    /// The partition has to be part of the transaction already; else it is added.
    pub verify_only: bool,
}

/// Adds partitions to the transaction, or makes sure that they are part of it. Returns the first
/// error, as the coordinator has it.
pub(super) async fn verify(
    call: &Call,
    producer: Producer<'_>,
    topics: Vec<AddPartitionsToTxnTopic>,
) -> Result<(), ErrorCode> {
    let id = producer.transactional_id;
    let identity = (producer.id, producer.epoch);
    for _ in 0..TIMES {
        let request =
            Request::add_partitions(id.clone(), identity, producer.verify_only, topics.clone());
        let caller = Caller {
            version: Request::ADD_PARTITIONS_VERSION,
            ..call.caller()
        };
        let Response::AddPartitionsToTxn(response) =
            call.broker.transactions().ask(id, caller, request).await
        else {
            unreachable!("the answer is of the kind of the request");
        };
        let results = response
            .results_by_transaction
            .iter()
            .flat_map(|it| &it.topic_results);
        let codes = results.flat_map(|it| &it.results_by_partition);
        let failed = codes
            .map(|it| it.partition_error_code)
            .find(|code| *code != 0);
        let failed = failed
            .or(Some(response.error_code))
            .filter(|code| *code != 0);
        match failed
            .map(|code| ErrorCode::from_number(code).unwrap_or(ErrorCode::UnknownServerError))
        {
            None => return Ok(()),
            Some(ErrorCode::ConcurrentTransactions) => tokio::time::sleep(AGAIN).await,
            Some(code) => return Err(code),
        }
    }
    Err(ErrorCode::ConcurrentTransactions)
}
