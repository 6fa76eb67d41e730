//! OffsetCommit.

use millrace_kafka_wire::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use millrace_kafka_wire::{ErrorCode, Str};

use super::effects::{Effects, batch_size};
use super::membership::Group;
use super::offsets::{Offset, Place};
use super::records::offset_record;
use super::state::State;
use super::{Caller, Response, Shard, Token};

/// Who commits, as far as a request says.
pub(super) struct Committer<'a> {
    pub group_id: &'a Str,
    pub member_id: &'a Str,
    pub instance_id: Option<&'a Str>,
    pub generation: i32,
    pub is_transactional: bool,
}

/// From this version on a client understands that a group is not there.
const GROUP_ID_NOT_FOUND_FROM: i16 = 9;

impl Shard {
    pub(super) fn commit(
        &mut self,
        now: i64,
        token: Token,
        caller: &Caller,
        request: &OffsetCommitRequest,
        out: &mut Effects,
    ) {
        let committer = Committer {
            group_id: &request.group_id,
            member_id: &request.member_id,
            instance_id: request.group_instance_id.as_ref(),
            generation: request.generation_id_or_member_epoch,
            is_transactional: false,
        };
        let kept = match self.check_commit(caller.version, &committer) {
            Ok(()) => {
                self.keep_session_of_committer(now, request, out);
                self.keep(self.offsets_of(now, request), None, out)
            }
            Err(code) => Err(code),
        };
        let response = committed(&request.topics, |it| {
            code_of(kept.and_then(|()| self.check_metadata(it.committed_metadata.as_ref())))
        });
        out.reply(token, response);
    }

    fn offsets_of(&self, now: i64, request: &OffsetCommitRequest) -> Vec<(Place, Offset)> {
        let expires_at = match request.retention_time_ms {
            -1 => None,
            retention => Some(now.saturating_add(retention)),
        };
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
                    expires_at,
                    topic_id: topic.topic_id,
                };
                offsets.push((place, offset));
            }
        }
        offsets
    }

    /// Keeps and writes the offsets of one request, but for those with too much metadata.
    pub(super) fn keep(
        &mut self,
        mut offsets: Vec<(Place, Offset)>,
        producer: Option<(i64, i16)>,
        out: &mut Effects,
    ) -> Result<(), ErrorCode> {
        offsets.retain(|(_, offset)| self.check_metadata(Some(&offset.metadata)).is_ok());
        let records: Vec<_> = offsets
            .iter()
            .map(|(place, offset)| offset_record(place, offset))
            .collect();
        if batch_size(&records) > self.settings.max_batch_bytes {
            return Err(ErrorCode::InvalidCommitOffsetSize);
        }
        for (place, offset) in offsets {
            self.ensure_group(&place.group);
            match producer {
                Some((id, _)) => self.offsets.put_pending(id, place, offset),
                None => self.offsets.put(place, offset),
            }
        }
        match producer {
            Some(producer) => out.write_in_transaction(records, producer),
            None => out.write(records),
        }
        Ok(())
    }

    /// A commit of a member is a sign of life, as long as nobody waits for the leader.
    fn keep_session_of_committer(
        &mut self,
        now: i64,
        request: &OffsetCommitRequest,
        out: &mut Effects,
    ) {
        if let Some(mut turn) = self.turn(now, &request.group_id, out)
            && matches!(turn.group.state, State::Stable | State::PreparingRebalance)
        {
            turn.renew_session(&request.member_id);
        }
    }

    /// Whether these may commit offsets of the group.
    pub(super) fn check_commit(
        &self,
        version: i16,
        committer: &Committer<'_>,
    ) -> Result<(), ErrorCode> {
        match self.groups.get(committer.group_id) {
            Some(group) => check_committer(group, committer),
            // Somebody who is no member: such a group is made.
            None if committer.generation < 0 => Ok(()),
            None if committer.is_transactional || version < GROUP_ID_NOT_FOUND_FROM => {
                Err(ErrorCode::IllegalGeneration)
            }
            None => Err(ErrorCode::GroupIdNotFound),
        }
    }

    pub(super) fn check_metadata(&self, metadata: Option<&Str>) -> Result<(), ErrorCode> {
        let max = self.settings.offset_metadata_max_bytes;
        // Text has at least as many bytes as UTF-16 units.
        let is_long = |it: &Str| it.len() > max && it.encode_utf16().count() > max;
        match metadata.is_some_and(is_long) {
            true => Err(ErrorCode::OffsetMetadataTooLarge),
            false => Ok(()),
        }
    }
}

fn check_committer(group: &Group, committer: &Committer<'_>) -> Result<(), ErrorCode> {
    let is_empty = group.is(State::Empty);
    if committer.generation < 0 && is_empty {
        return Ok(());
    }
    let claims_membership = committer.generation >= 0
        || !committer.member_id.is_empty()
        || committer.instance_id.is_some();
    if claims_membership {
        group.check_member(committer.member_id, committer.instance_id)?;
        if committer.generation != group.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
    } else if !committer.is_transactional {
        // Offsets of a group that has members are theirs to commit. Old versions of transactional
        // commits do not say who commits.
        return Err(ErrorCode::UnknownMemberId);
    }
    match group.state {
        // It knows its generation but not what it may commit: it is to rejoin.
        State::CompletingRebalance if !committer.is_transactional => {
            Err(ErrorCode::RebalanceInProgress)
        }
        _ => Ok(()),
    }
}

pub(super) fn code_of(result: Result<(), ErrorCode>) -> ErrorCode {
    match result {
        Ok(()) => ErrorCode::None,
        Err(code) => code,
    }
}

/// The answer to a commit: a code for each of its partitions.
pub(super) fn committed(
    topics: &[OffsetCommitRequestTopic],
    code: impl Fn(&OffsetCommitRequestPartition) -> ErrorCode,
) -> Response {
    let topics = topics.iter().map(|topic| OffsetCommitResponseTopic {
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        partitions: topic
            .partitions
            .iter()
            .map(|it| OffsetCommitResponsePartition {
                partition_index: it.partition_index,
                error_code: code(it).into(),
            })
            .collect(),
    });
    Response::OffsetCommit(OffsetCommitResponse {
        topics: topics.collect(),
        ..Default::default()
    })
}
