//! DescribeTransactions and ListTransactions.

use millrace_kafka_wire::api::describe_transactions::{
    DescribeTransactionsRequest, DescribeTransactionsResponse, TopicData, TransactionState,
};
use millrace_kafka_wire::api::list_transactions::{
    ListTransactionsRequest, ListTransactionsResponse, TransactionState as Listed,
};
use millrace_kafka_wire::{ErrorCode, Str};
use regex::{Regex, RegexBuilder};

use super::entry::Transaction;
use super::state::State;
use super::{Response, Shard};

/// The most bytes that a pattern may take when it is made ready.
const PATTERN_BYTES_MAX: usize = 1 << 20;

impl Shard {
    pub(super) fn describe(&self, request: &DescribeTransactionsRequest) -> Response {
        let ids = request.transactional_ids.iter().cloned();
        let states = ids.map(|id| match self.transactions.get(&id) {
            _ if id.is_empty() => failed(id, ErrorCode::InvalidRequest),
            Some(transaction) => described(id, transaction),
            None => failed(id, ErrorCode::TransactionalIdNotFound),
        });
        Response::DescribeTransactions(DescribeTransactionsResponse {
            transaction_states: states.collect(),
            ..DescribeTransactionsResponse::default()
        })
    }

    pub(super) fn list(&self, now: i64, request: &ListTransactionsRequest) -> Response {
        let mut response = ListTransactionsResponse::default();
        match pattern(request) {
            Err(code) => response.error_code = code.into(),
            Ok(pattern) => {
                let unknown = request.state_filters.iter();
                let unknown = unknown.filter(|it| !State::is_name(it));
                response.unknown_state_filters = unknown.cloned().collect();
                let all = self.transactions.iter();
                let asked = all.filter(|(id, it)| {
                    is_asked_for(now, it, request)
                        && pattern.as_ref().is_none_or(|it| it.is_match(id))
                });
                response.transaction_states = asked.map(|(id, it)| listed(id, it)).collect();
            }
        }
        Response::ListTransactions(response)
    }
}

pub(super) fn failed(transactional_id: Str, code: ErrorCode) -> TransactionState {
    TransactionState {
        error_code: code.into(),
        transactional_id,
        ..TransactionState::default()
    }
}

fn described(transactional_id: Str, transaction: &Transaction) -> TransactionState {
    let topics = transaction.partitions.iter();
    let topics = topics.map(|(topic, indexes)| TopicData {
        topic: topic.clone(),
        partitions: indexes.iter().copied().collect(),
    });
    TransactionState {
        error_code: ErrorCode::None.into(),
        transactional_id,
        transaction_state: Str::from_static(transaction.state.name()),
        transaction_timeout_ms: transaction.timeout_ms,
        transaction_start_time_ms: transaction.started_at,
        producer_id: transaction.producer_id,
        producer_epoch: transaction.epoch,
        topics: topics.collect(),
    }
}

/// The whole id has to match. Patterns have no back references and take time in proportion to the
/// id, as those of Kafka.
fn pattern(request: &ListTransactionsRequest) -> Result<Option<Regex>, ErrorCode> {
    let given = request.transactional_id_pattern.as_ref();
    let Some(given) = given.filter(|it| !it.is_empty()) else {
        return Ok(None);
    };
    let compile = |pattern: &str| {
        let mut builder = RegexBuilder::new(pattern);
        let built = builder.size_limit(PATTERN_BYTES_MAX).build();
        built.map_err(|_| ErrorCode::InvalidRegularExpression)
    };
    // By itself, so that it cannot close the group that is put around it.
    compile(given)?;
    compile(&format!(r"\A(?:{given})\z")).map(Some)
}

fn is_asked_for(now: i64, transaction: &Transaction, request: &ListTransactionsRequest) -> bool {
    let (producers, states) = (&request.producer_id_filters, &request.state_filters);
    let name = transaction.state.name();
    let duration_ms = now.saturating_sub(transaction.started_at);
    (producers.is_empty() || producers.contains(&transaction.producer_id))
        && (states.is_empty() || states.iter().any(|it| *it == name))
        && (request.duration_filter < 0 || duration_ms > request.duration_filter)
}

fn listed(id: &Str, transaction: &Transaction) -> Listed {
    Listed {
        transactional_id: id.clone(),
        producer_id: transaction.producer_id,
        transaction_state: Str::from_static(transaction.state.name()),
    }
}
