//! A producer of transactions of version 2, and what readers see of them.

use std::collections::BTreeSet;

use millrace_kafka_wire::api::end_txn::EndTxnRequest;
use millrace_kafka_wire::api::find_coordinator::FindCoordinatorRequest;
use millrace_kafka_wire::api::init_producer_id::InitProducerIdRequest;
use millrace_kafka_wire::api::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use millrace_kafka_wire::api::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use millrace_kafka_wire::batch::{BatchBuilder, BatchHeader, HEADER_SIZE, Records};
use millrace_kafka_wire::{ErrorCode, Segment};

use super::{Client, fetch, now, produce};
use crate::poll;

/// A producer with a transactional id.
pub struct Transactional {
    pub client: Client,
    id: String,
    producer: (i64, i16),
    /// The next sequence number at each partition.
    sequences: std::collections::BTreeMap<(String, i32), i32>,
}

impl Transactional {
    /// Takes the id, by which the transaction of the producer before is aborted.
    pub fn start(mut client: Client, id: &str) -> Self {
        for key_type in [0, 1] {
            let find = FindCoordinatorRequest {
                key_type,
                coordinator_keys: vec![id.into()],
                ..FindCoordinatorRequest::default()
            };
            assert_eq!(client.ask(4, &find).coordinators[0].error_code, 0);
        }
        let request = InitProducerIdRequest {
            transactional_id: Some(id.into()),
            transaction_timeout_ms: 60_000,
            producer_id: -1,
            producer_epoch: -1,
        };
        let given = poll::until("a producer id", poll::PATIENCE, || {
            let response = client.ask(5, &request);
            let is_busy = response.error_code == ErrorCode::ConcurrentTransactions.number();
            (!is_busy).then_some(response)
        });
        let given = given.expect("the transaction before ends");
        assert_eq!(given.error_code, 0);
        Self {
            client,
            id: id.to_owned(),
            producer: (given.producer_id, given.producer_epoch),
            sequences: std::collections::BTreeMap::new(),
        }
    }

    /// Writes values in the transaction; the error code.
    pub fn send(&mut self, topic: &str, partition: i32, values: &[&[u8]]) -> i16 {
        let place = (topic.to_owned(), partition);
        let sequence = self.sequences.get(&place).copied().unwrap_or(0);
        let (id, epoch) = self.producer;
        let mut batch = BatchBuilder::new(0)
            .producer(id, epoch, sequence)
            .transactional();
        for value in values {
            batch.add(now(), None, Some(value), &[]);
        }
        let mut request = produce(topic, partition, batch.finish().into(), -1);
        request.transactional_id = Some(self.id.as_str().into());
        let mut response = self.client.ask(12, &request);
        let mut partitions = response.responses.remove(0).partition_responses;
        let code = partitions.remove(0).error_code;
        if code == 0 {
            self.sequences.insert(place, sequence + values.len() as i32);
        }
        code
    }

    /// Commits the offset of a partition for a group in the transaction; the error code.
    pub fn commit_offset(&mut self, group: &str, topic: &str, partition: i32, offset: i64) -> i16 {
        let request = TxnOffsetCommitRequest {
            transactional_id: self.id.as_str().into(),
            group_id: group.into(),
            producer_id: self.producer.0,
            producer_epoch: self.producer.1,
            generation_id: -1,
            group_instance_id: None,
            topics: vec![TxnOffsetCommitRequestTopic {
                name: topic.into(),
                partitions: vec![TxnOffsetCommitRequestPartition {
                    partition_index: partition,
                    committed_offset: offset,
                    committed_leader_epoch: -1,
                    committed_metadata: None,
                }],
            }],
            ..TxnOffsetCommitRequest::default()
        };
        let mut response = self.client.ask(5, &request);
        response.topics.remove(0).partitions.remove(0).error_code
    }

    /// Ends the transaction; the error code.
    pub fn end(&mut self, committed: bool) -> i16 {
        let request = EndTxnRequest {
            transactional_id: self.id.as_str().into(),
            producer_id: self.producer.0,
            producer_epoch: self.producer.1,
            committed,
        };
        let response = self.client.ask(5, &request);
        if response.error_code == 0 {
            self.producer = (response.producer_id, response.producer_epoch);
            self.sequences.clear();
        }
        response.error_code
    }
}

/// All values of a partition that a reader of committed records sees, and how many offsets behind
/// them it may not read yet, as a transaction is open.
pub fn committed(client: &mut Client, topic: &str, partition: i32) -> (Vec<Vec<u8>>, i64) {
    let (mut seen, mut offset) = (Vec::new(), 0);
    loop {
        let mut request = fetch(topic, &[(partition, offset)], 0);
        request.isolation_level = 1;
        let mut response = client.ask(12, &request);
        let data = response.responses.remove(0).partitions.remove(0);
        assert_eq!(data.error_code, 0);
        let mut aborted = data.aborted_transactions.unwrap_or_default();
        aborted.sort_by_key(|it| it.first_offset);
        let mut aborted = aborted.into_iter().peekable();
        let mut skipped = BTreeSet::new();
        let Segment::Bytes(bytes) = &data.records else {
            unreachable!("the codec reads bytes");
        };
        if bytes.is_empty() {
            return (seen, data.high_watermark - offset);
        }
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let header = BatchHeader::read(rest).expect("a batch begins here");
            while let Some(it) = aborted.next_if(|it| it.first_offset <= header.last_offset()) {
                skipped.insert(it.producer_id);
            }
            if header.attributes.is_control() {
                skipped.remove(&header.producer_id);
            } else if !header.attributes.is_transactional()
                || !skipped.contains(&header.producer_id)
            {
                for record in Records::new(&rest[HEADER_SIZE..header.size()], header.record_count) {
                    let value = record.expect("the records are sound").value;
                    seen.push(value.expect("the test sent one").to_vec());
                }
            }
            offset = header.next_offset();
            rest = &rest[header.size()..];
        }
    }
}

/// What a group has committed for a partition: −1 is nothing; an error while a transaction is open.
pub fn committed_offset(
    client: &mut Client,
    group: &str,
    topic: &str,
    partition: i32,
) -> Result<i64, i16> {
    let request = OffsetFetchRequest {
        groups: vec![OffsetFetchRequestGroup {
            group_id: group.into(),
            member_id: None,
            member_epoch: -1,
            topics: Some(vec![OffsetFetchRequestTopics {
                name: topic.into(),
                partition_indexes: vec![partition],
                ..OffsetFetchRequestTopics::default()
            }]),
        }],
        topics: Some(Vec::new()),
        require_stable: true,
        ..OffsetFetchRequest::default()
    };
    let mut response = client.ask(8, &request);
    let mut group = response.groups.remove(0);
    if group.error_code != 0 {
        return Err(group.error_code);
    }
    let found = group.topics.remove(0).partitions.remove(0);
    match found.error_code {
        0 => Ok(found.committed_offset),
        code => Err(code),
    }
}
