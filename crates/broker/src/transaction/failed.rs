//! Errors that do not come from a transaction: the coordinator is elsewhere, its log is being
//! read, what it decided cannot be written.

use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::add_offsets_to_txn::AddOffsetsToTxnResponse;
use millrace_kafka_wire::api::add_partitions_to_txn::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, AddPartitionsToTxnResult,
    AddPartitionsToTxnTopicResult,
};
use millrace_kafka_wire::api::describe_transactions::DescribeTransactionsResponse;
use millrace_kafka_wire::api::list_transactions::ListTransactionsResponse;

use super::add::results;
use super::request::BROKERS_ADD_FROM;
use super::{Request, Response, describe, end, init};
use crate::group::told;

impl Request {
    /// The answer to a request that no shard takes, such as `NOT_COORDINATOR` or
    /// `COORDINATOR_LOAD_IN_PROGRESS`.
    pub fn failed(&self, version: i16, code: ErrorCode) -> Response {
        let outline = match self {
            Self::InitProducerId(_) => Response::InitProducerId(Default::default()),
            Self::AddPartitionsToTxn(it) => Response::AddPartitionsToTxn(outline(version, it)),
            Self::AddOffsetsToTxn { .. } => Response::AddOffsetsToTxn(Default::default()),
            Self::EndTxn(_) => Response::EndTxn(Default::default()),
            Self::DescribeTransactions(it) => {
                let ids = it.transactional_ids.iter().cloned();
                let states = ids.map(|id| describe::failed(id, ErrorCode::None));
                Response::DescribeTransactions(DescribeTransactionsResponse {
                    transaction_states: states.collect(),
                    ..Default::default()
                })
            }
            Self::ListTransactions(_) => Response::ListTransactions(Default::default()),
            Self::Hold | Self::AbortAll | Self::RenewAll { .. } => {
                Response::Settled(ErrorCode::None)
            }
        };
        outline.failed(version, code)
    }
}

/// An answer that has the transactions, topics and partitions of the request.
fn outline(version: i16, request: &AddPartitionsToTxnRequest) -> AddPartitionsToTxnResponse {
    if version < BROKERS_ADD_FROM {
        let topics = &request.v3_and_below_topics;
        return AddPartitionsToTxnResponse {
            results_by_topic_v3_and_below: results(topics, |_, _| ErrorCode::None),
            ..Default::default()
        };
    }
    let transactions = request.transactions.iter();
    let transactions = transactions.map(|it| AddPartitionsToTxnResult {
        transactional_id: it.transactional_id.clone(),
        topic_results: results(&it.topics, |_, _| ErrorCode::None),
    });
    AddPartitionsToTxnResponse {
        results_by_transaction: transactions.collect(),
        ..Default::default()
    }
}

impl Response {
    /// What is answered instead when the step of this answer, or one before it, could not be
    /// written. `code` is what the log says; it is told as Kafka tells it to clients.
    #[must_use]
    pub fn failed(self, version: i16, code: ErrorCode) -> Response {
        let code = told(code);
        match self {
            Self::InitProducerId(_) => init::response(version, Err(code)),
            Self::AddPartitionsToTxn(mut it) => {
                let of_transactions = it.results_by_transaction.iter_mut();
                let of_transactions = of_transactions.flat_map(|it| &mut it.topic_results);
                fail(
                    of_transactions.chain(&mut it.results_by_topic_v3_and_below),
                    code,
                );
                Self::AddPartitionsToTxn(it)
            }
            Self::AddOffsetsToTxn(_) => Self::AddOffsetsToTxn(AddOffsetsToTxnResponse {
                error_code: code.into(),
                ..Default::default()
            }),
            Self::EndTxn(_) => end::response(version, Err(code)),
            Self::DescribeTransactions(it) => {
                let states = it.transaction_states.into_iter();
                let states = states.map(|it| describe::failed(it.transactional_id, code));
                Self::DescribeTransactions(DescribeTransactionsResponse {
                    transaction_states: states.collect(),
                    ..Default::default()
                })
            }
            Self::ListTransactions(_) => Self::ListTransactions(ListTransactionsResponse {
                error_code: code.into(),
                ..Default::default()
            }),
            Self::Settled(_) => Self::Settled(code),
        }
    }
}

fn fail<'a>(topics: impl Iterator<Item = &'a mut AddPartitionsToTxnTopicResult>, code: ErrorCode) {
    for topic in topics {
        for partition in &mut topic.results_by_partition {
            partition.partition_error_code = code.into();
        }
    }
}
