//! What producers ask the coordinator of their transactions: AddPartitionsToTxn, AddOffsetsToTxn,
//! EndTxn (KIP-98, KIP-890); and what operators ask: DescribeTransactions, ListTransactions (KIP-664).

use millrace_kafka_wire::api::add_offsets_to_txn::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse,
};
use millrace_kafka_wire::api::add_partitions_to_txn::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    AddPartitionsToTxnTopic, AddPartitionsToTxnTopicResult,
};
use millrace_kafka_wire::api::describe_transactions::{
    DescribeTransactionsRequest, DescribeTransactionsResponse,
};
use millrace_kafka_wire::api::end_txn::{EndTxnRequest, EndTxnResponse};
use millrace_kafka_wire::api::list_transactions::{
    ListTransactionsRequest, ListTransactionsResponse,
};
use millrace_kafka_wire::{ErrorCode, Str};

use super::Call;
use crate::transaction::{Request, Response};

/// From this version on brokers ask, for several ids at once.
const BROKERS: i16 = 4;

impl Call {
    pub(super) async fn ask_transaction(&self, id: &str, request: Request) -> Response {
        self.broker
            .transactions()
            .ask(id, self.caller(), request)
            .await
    }
}

pub async fn add_partitions(
    call: Call,
    request: AddPartitionsToTxnRequest,
) -> AddPartitionsToTxnResponse {
    if call.version >= BROKERS {
        return add_for_brokers(call, request).await;
    }
    if let Some(refused) = unknown(&call, &request.v3_and_below_topics) {
        return AddPartitionsToTxnResponse {
            results_by_topic_v3_and_below: refused,
            ..AddPartitionsToTxnResponse::default()
        };
    }
    let id = request.v3_and_below_transactional_id.clone();
    ask_add(&call, &id, request).await
}

async fn ask_add(
    call: &Call,
    id: &str,
    request: AddPartitionsToTxnRequest,
) -> AddPartitionsToTxnResponse {
    match call
        .ask_transaction(id, Request::AddPartitionsToTxn(request))
        .await
    {
        Response::AddPartitionsToTxn(response) => response,
        other => unreachable!("{other:?} answers another request"),
    }
}

async fn add_for_brokers(
    call: Call,
    request: AddPartitionsToTxnRequest,
) -> AddPartitionsToTxnResponse {
    let mut response = AddPartitionsToTxnResponse::default();
    for transaction in request.transactions {
        let id = transaction.transactional_id.clone();
        let one = AddPartitionsToTxnRequest {
            transactions: vec![transaction],
            ..AddPartitionsToTxnRequest::default()
        };
        let answer = ask_add(&call, &id, one).await;
        (response.results_by_transaction).extend(answer.results_by_transaction);
    }
    response
}

/// When a partition does not exist, none is added: what each is told.
fn unknown(
    call: &Call,
    topics: &[AddPartitionsToTxnTopic],
) -> Option<Vec<AddPartitionsToTxnTopicResult>> {
    let image = call.broker.metadata().image();
    let is_known = |topic: &AddPartitionsToTxnTopic, index: i32| {
        image
            .topic(&topic.name)
            .is_some_and(|it| it.partition(index).is_some())
    };
    let are_all_known = topics
        .iter()
        .all(|topic| topic.partitions.iter().all(|it| is_known(topic, *it)));
    if are_all_known {
        return None;
    }
    let results = topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|index| {
            let code = match is_known(topic, *index) {
                true => ErrorCode::OperationNotAttempted,
                false => ErrorCode::UnknownTopicOrPartition,
            };
            AddPartitionsToTxnPartitionResult {
                partition_index: *index,
                partition_error_code: code.number(),
            }
        });
        AddPartitionsToTxnTopicResult {
            name: topic.name.clone(),
            results_by_partition: partitions.collect(),
        }
    });
    Some(results.collect())
}

pub async fn add_offsets(call: Call, request: AddOffsetsToTxnRequest) -> AddOffsetsToTxnResponse {
    let failed = |code: ErrorCode| AddOffsetsToTxnResponse {
        error_code: code.number(),
        ..AddOffsetsToTxnResponse::default()
    };
    if request.group_id.is_empty() {
        return failed(ErrorCode::InvalidGroupId);
    }
    let offsets_partition = match call.broker.groups().partition_of(&request.group_id).await {
        Ok(index) => index,
        Err(code) => return failed(code),
    };
    let id = request.transactional_id.clone();
    let request = Request::AddOffsetsToTxn {
        request,
        offsets_partition,
    };
    match call.ask_transaction(&id, request).await {
        Response::AddOffsetsToTxn(response) => response,
        other => unreachable!("{other:?} answers another request"),
    }
}

pub async fn end(call: Call, request: EndTxnRequest) -> EndTxnResponse {
    let id = request.transactional_id.clone();
    match call.ask_transaction(&id, Request::EndTxn(request)).await {
        Response::EndTxn(response) => response,
        other => unreachable!("{other:?} answers another request"),
    }
}

pub async fn describe(
    call: Call,
    request: DescribeTransactionsRequest,
) -> DescribeTransactionsResponse {
    let mut response = DescribeTransactionsResponse::default();
    for id in request.transactional_ids {
        let one = DescribeTransactionsRequest {
            transactional_ids: vec![id.clone()],
        };
        match call
            .ask_transaction(&id, Request::DescribeTransactions(one))
            .await
        {
            Response::DescribeTransactions(answer) => {
                response
                    .transaction_states
                    .extend(answer.transaction_states);
            }
            other => unreachable!("{other:?} answers another request"),
        }
    }
    response
}

pub async fn list(call: Call, request: ListTransactionsRequest) -> ListTransactionsResponse {
    let asked = Request::ListTransactions(request);
    let mut response = ListTransactionsResponse::default();
    for answer in call
        .broker
        .transactions()
        .ask_all(&call.caller(), &asked)
        .await
    {
        match answer {
            Response::ListTransactions(it) => {
                response.transaction_states.extend(it.transaction_states);
                response.error_code = response.error_code.max(it.error_code);
                let filters = it.unknown_state_filters.into_iter();
                let known: Vec<Str> = std::mem::take(&mut response.unknown_state_filters);
                let new = filters.filter(|it| !known.contains(it));
                response.unknown_state_filters = known.iter().cloned().chain(new).collect();
            }
            other => unreachable!("{other:?} answers another request"),
        }
    }
    response
}
