//! Offsets that are committed in transactions (KIP-98, KIP-447).

use millrace_kafka_wire::api::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
    TxnOffsetCommitResponse, TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use millrace_kafka_wire::{ErrorCode, Uuid};

use super::commit::{Committer, code_of};
use super::effects::Effects;
use super::offsets::{Offset, Place};
use super::{Caller, Response, Shard, Token};

impl Shard {
    pub(super) fn commit_in_transaction(
        &mut self,
        now: i64,
        token: Token,
        caller: &Caller,
        request: &TxnOffsetCommitRequest,
        out: &mut Effects,
    ) {
        let kept = match self.check_transaction(caller.version, request) {
            Ok(()) => {
                let producer = (request.producer_id, request.producer_epoch);
                self.keep(offsets_of(now, request), Some(producer), out)
            }
            Err(code) => Err(code),
        };
        let response = committed(&request.topics, |it| {
            code_of(kept.and_then(|()| self.check_metadata(it.committed_metadata.as_ref())))
        });
        out.reply(token, response);
    }

    fn check_transaction(
        &self,
        version: i16,
        request: &TxnOffsetCommitRequest,
    ) -> Result<(), ErrorCode> {
        if request.group_id.is_empty() {
            return Err(ErrorCode::InvalidGroupId);
        }
        let committer = Committer {
            group_id: &request.group_id,
            member_id: &request.member_id,
            instance_id: request.group_instance_id.as_ref(),
            generation: request.generation_id,
            is_transactional: true,
        };
        self.check_commit(version, &committer)
    }

    /// A transaction ended: the marker is in the log. What it committed can be fetched, or is
    /// gone.
    pub fn on_marker(&mut self, _now: i64, producer_id: i64, is_commit: bool) -> Effects {
        self.offsets.end(producer_id, is_commit);
        Effects::default()
    }
}

fn offsets_of(now: i64, request: &TxnOffsetCommitRequest) -> Vec<(Place, Offset)> {
    let mut offsets = Vec::new();
    for topic in &request.topics {
        for it in &topic.partitions {
            let place = Place {
                group: request.group_id.clone(),
                topic: topic.name.clone(),
                partition: it.partition_index,
            };
            let offset = Offset {
                offset: it.committed_offset,
                leader_epoch: it.committed_leader_epoch,
                metadata: it.committed_metadata.clone().unwrap_or_default(),
                committed_at: now,
                expires_at: None,
                topic_id: Uuid::ZERO,
            };
            offsets.push((place, offset));
        }
    }
    offsets
}

/// The answer to a commit: a code for each of its partitions.
pub(super) fn committed(
    topics: &[TxnOffsetCommitRequestTopic],
    code: impl Fn(&TxnOffsetCommitRequestPartition) -> ErrorCode,
) -> Response {
    let topics = topics.iter().map(|topic| TxnOffsetCommitResponseTopic {
        name: topic.name.clone(),
        partitions: topic
            .partitions
            .iter()
            .map(|it| TxnOffsetCommitResponsePartition {
                partition_index: it.partition_index,
                error_code: code(it).into(),
            })
            .collect(),
    });
    Response::TxnOffsetCommit(TxnOffsetCommitResponse {
        topics: topics.collect(),
        ..Default::default()
    })
}
