//! What a coordinator is asked, and what it answers.

use millrace_kafka_wire::api::add_offsets_to_txn::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse,
};
use millrace_kafka_wire::api::add_partitions_to_txn::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, AddPartitionsToTxnTopic,
    AddPartitionsToTxnTransaction,
};
use millrace_kafka_wire::api::describe_transactions::{
    DescribeTransactionsRequest, DescribeTransactionsResponse,
};
use millrace_kafka_wire::api::end_txn::{EndTxnRequest, EndTxnResponse};
use millrace_kafka_wire::api::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use millrace_kafka_wire::api::list_transactions::{
    ListTransactionsRequest, ListTransactionsResponse,
};
use millrace_kafka_wire::{ErrorCode, Str};

/// A request to the coordinator.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Request {
    /// One with a transactional id.
    InitProducerId(InitProducerIdRequest),
    /// Up to version 3 from clients, from version 4 on from brokers.
    AddPartitionsToTxn(AddPartitionsToTxnRequest),
    AddOffsetsToTxn {
        request: AddOffsetsToTxnRequest,
        /// The partition of `__consumer_offsets` that the group belongs to.
        offsets_partition: i32,
    },
    EndTxn(EndTxnRequest),
    DescribeTransactions(DescribeTransactionsRequest),
    ListTransactions(ListTransactionsRequest),
    /// From the broker itself: decisions are held until [`Shard::release`](super::Shard::release).
    /// Answered with [`Response::Settled`].
    Hold,
    /// From the broker itself: every transaction that is open is aborted, and its producer fenced.
    /// Answered with [`Response::Settled`].
    AbortAll,
    /// From the broker itself: every transactional id without a transaction whose producer id is
    /// below this one gets a new producer id, so that no producer goes on that had the id before.
    /// Answered with [`Response::Settled`].
    RenewAll {
        below: i64,
    },
}

/// The answer to the [`Request`] of the same name.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Response {
    InitProducerId(InitProducerIdResponse),
    AddPartitionsToTxn(AddPartitionsToTxnResponse),
    AddOffsetsToTxn(AddOffsetsToTxnResponse),
    EndTxn(EndTxnResponse),
    DescribeTransactions(DescribeTransactionsResponse),
    ListTransactions(ListTransactionsResponse),
    /// No transaction is ending any more; or why that cannot be said.
    Settled(ErrorCode),
}

/// The first version of AddPartitionsToTxn that brokers send.
pub(super) const BROKERS_ADD_FROM: i16 = 4;

impl Request {
    /// The version in which a broker asks with [`Request::add_partitions`].
    pub const ADD_PARTITIONS_VERSION: i16 = 5;

    /// What a broker asks before it appends for a producer in a transaction: that partitions be
    /// added (Produce from version 12 on and TxnOffsetCommit from version 5 on, KIP-890), or
    /// whether they are in it (`verify_only`, for versions before).
    pub fn add_partitions(
        transactional_id: Str,
        (producer_id, producer_epoch): (i64, i16),
        verify_only: bool,
        topics: Vec<AddPartitionsToTxnTopic>,
    ) -> Self {
        Self::AddPartitionsToTxn(AddPartitionsToTxnRequest {
            transactions: vec![AddPartitionsToTxnTransaction {
                transactional_id,
                producer_id,
                producer_epoch,
                verify_only,
                topics,
            }],
            ..AddPartitionsToTxnRequest::default()
        })
    }
}
