//! AddPartitionsToTxn and AddOffsetsToTxn: what a transaction writes to.

use millrace_kafka_wire::api::add_offsets_to_txn::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse,
};
use millrace_kafka_wire::api::add_partitions_to_txn::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    AddPartitionsToTxnResult, AddPartitionsToTxnTopic, AddPartitionsToTxnTopicResult,
    AddPartitionsToTxnTransaction,
};
use millrace_kafka_wire::{ErrorCode, Str};

use super::effects::Effects;
use super::entry::{EPOCH_RISES_FROM, PartitionSet, Transaction};
use super::records::record;
use super::request::BROKERS_ADD_FROM;
use super::state::State;
use super::{Response, Shard};
use crate::group::batch_size;

/// Clients know PRODUCER_FENCED from this version of their requests on, but for InitProducerId.
pub(super) const FENCED_FROM: i16 = 2;

/// Where the offsets of groups are.
const OFFSETS: &str = "__consumer_offsets";

/// By so much the record of the end of a transaction is larger than the one of its last partition,
/// at most: an end has to fit where the partitions did.
const ROOM_FOR_END: usize = 64;

/// A producer as it says it is.
#[derive(Clone, Copy)]
struct Producer<'a> {
    transactional_id: &'a Str,
    identity: (i64, i16),
}

impl Shard {
    pub(super) fn add_partitions(
        &mut self,
        now: i64,
        version: i16,
        request: &AddPartitionsToTxnRequest,
        out: &mut Effects,
    ) -> Response {
        if version >= BROKERS_ADD_FROM {
            let transactions = request.transactions.iter();
            let results = transactions.map(|it| self.add_for_broker(now, it, out));
            let response = AddPartitionsToTxnResponse {
                results_by_transaction: results.collect(),
                ..AddPartitionsToTxnResponse::default()
            };
            return Response::AddPartitionsToTxn(response);
        }
        let producer = Producer {
            transactional_id: &request.v3_and_below_transactional_id,
            identity: (
                request.v3_and_below_producer_id,
                request.v3_and_below_producer_epoch,
            ),
        };
        let topics = &request.v3_and_below_topics;
        let added = self.add(now, producer, partition_set(topics), 0, out);
        let code = told(version, added);
        Response::AddPartitionsToTxn(AddPartitionsToTxnResponse {
            results_by_topic_v3_and_below: results(topics, |_, _| code),
            ..AddPartitionsToTxnResponse::default()
        })
    }

    fn add_for_broker(
        &mut self,
        now: i64,
        asked: &AddPartitionsToTxnTransaction,
        out: &mut Effects,
    ) -> AddPartitionsToTxnResult {
        let producer = Producer {
            transactional_id: &asked.transactional_id,
            identity: (asked.producer_id, asked.producer_epoch),
        };
        let topic_results = if asked.verify_only {
            let found = self.find(producer);
            results(&asked.topics, |topic, index| match found {
                Ok(it) if it.has(topic, index) => ErrorCode::None,
                Ok(_) => ErrorCode::TransactionAbortable,
                Err(code) => code,
            })
        } else {
            let partitions = partition_set(&asked.topics);
            let added = self.add(now, producer, partitions, EPOCH_RISES_FROM, out);
            let code = added.err().unwrap_or(ErrorCode::None);
            results(&asked.topics, |_, _| code)
        };
        AddPartitionsToTxnResult {
            transactional_id: asked.transactional_id.clone(),
            topic_results,
        }
    }

    pub(super) fn add_offsets(
        &mut self,
        now: i64,
        version: i16,
        request: &AddOffsetsToTxnRequest,
        offsets_partition: i32,
        out: &mut Effects,
    ) -> Response {
        let producer = Producer {
            transactional_id: &request.transactional_id,
            identity: (request.producer_id, request.producer_epoch),
        };
        let partitions = [(Str::from_static(OFFSETS), [offsets_partition].into())].into();
        let added = self.add(now, producer, partitions, 0, out);
        Response::AddOffsetsToTxn(AddOffsetsToTxnResponse {
            error_code: told(version, added).into(),
            ..AddOffsetsToTxnResponse::default()
        })
    }

    fn add(
        &mut self,
        now: i64,
        producer: Producer<'_>,
        partitions: PartitionSet,
        version: i16,
        out: &mut Effects,
    ) -> Result<(), ErrorCode> {
        let id = producer.transactional_id;
        let is_ending = |it: &Transaction| it.state.is_ending();
        // Before the epoch is looked at: that of a producer whose transaction is ending may be the
        // next one already.
        if self.transactions.get(id).is_some_and(is_ending) {
            return Err(ErrorCode::ConcurrentTransactions);
        }
        let transaction = self.find(producer)?;
        let mut missing = partitions.iter().flat_map(|(topic, indexes)| {
            let missing = indexes.iter().map(move |it| (topic, *it));
            missing.filter(|(topic, it)| !transaction.has(topic, *it))
        });
        if transaction.state == State::Ongoing && missing.next().is_none() {
            return Ok(());
        }
        let mut larger = transaction.clone();
        larger.add(now, partitions, version);
        let record = record(id, &larger);
        let size = batch_size(std::slice::from_ref(&record)) + ROOM_FOR_END;
        if size > self.settings.max_batch_bytes {
            return Err(ErrorCode::UnknownServerError);
        }
        out.write(vec![record]);
        self.transactions.insert(id.detach(), larger);
        self.schedule(id);
        Ok(())
    }

    /// The transaction of a producer, if it is the present one and its transaction is not ending.
    fn find(&self, producer: Producer<'_>) -> Result<&Transaction, ErrorCode> {
        let id = producer.transactional_id;
        if id.is_empty() {
            return Err(ErrorCode::InvalidRequest);
        }
        let (producer_id, epoch) = producer.identity;
        match self.transactions.get(id) {
            Some(it) if it.producer_id == producer_id => match it {
                it if it.epoch != epoch => Err(ErrorCode::ProducerFenced),
                it if it.state.is_ending() => Err(ErrorCode::ConcurrentTransactions),
                it => Ok(it),
            },
            _ => Err(ErrorCode::InvalidProducerIdMapping),
        }
    }
}

/// Copied out of the request.
fn partition_set(topics: &[AddPartitionsToTxnTopic]) -> PartitionSet {
    let mut partitions = PartitionSet::new();
    for topic in topics.iter().filter(|it| !it.partitions.is_empty()) {
        let of_topic = partitions.entry(topic.name.detach()).or_default();
        of_topic.extend(&topic.partitions);
    }
    partitions
}

fn told(version: i16, result: Result<(), ErrorCode>) -> ErrorCode {
    match result {
        Ok(()) => ErrorCode::None,
        Err(ErrorCode::ProducerFenced) if version < FENCED_FROM => ErrorCode::InvalidProducerEpoch,
        Err(code) => code,
    }
}

/// A code for each partition of the request.
pub(super) fn results(
    topics: &[AddPartitionsToTxnTopic],
    code: impl Fn(&str, i32) -> ErrorCode,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let result = |topic: &AddPartitionsToTxnTopic| {
        let partitions = topic.partitions.iter();
        let partitions = partitions.map(|it| AddPartitionsToTxnPartitionResult {
            partition_index: *it,
            partition_error_code: code(&topic.name, *it).into(),
        });
        AddPartitionsToTxnTopicResult {
            name: topic.name.clone(),
            results_by_partition: partitions.collect(),
        }
    };
    topics.iter().map(result).collect()
}
