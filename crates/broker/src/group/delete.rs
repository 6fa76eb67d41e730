//! OffsetDelete, DeleteGroups, and topics that were deleted.

use std::collections::BTreeSet;

use millrace_kafka_wire::api::delete_groups::{
    DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse,
};
use millrace_kafka_wire::api::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestTopic, OffsetDeleteResponse,
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use millrace_kafka_wire::{ErrorCode, Str};

use super::describe::distinct;
use super::effects::{Effects, KeyAndValue};
use super::offsets::Place;
use super::records::{group_tombstone, offset_tombstone};
use super::state::State;
use super::timers::Timer;
use super::{Response, Shard, Token};

impl Shard {
    pub(super) fn delete_offsets(
        &mut self,
        token: Token,
        request: &OffsetDeleteRequest,
        out: &mut Effects,
    ) {
        let mut response = OffsetDeleteResponse::default();
        match self.check_offset_delete(request) {
            Err(code) => response.error_code = code.into(),
            Ok(()) => {
                let mut records = Vec::new();
                for topic in &request.topics {
                    let code = self.delete_topic_offsets(&request.group_id, topic, &mut records);
                    response.topics.push(deleted_topic(topic, code));
                }
                out.write_in_parts(records, self.settings.max_batch_bytes);
            }
        }
        out.reply(token, Response::OffsetDelete(response));
    }

    fn check_offset_delete(&self, request: &OffsetDeleteRequest) -> Result<(), ErrorCode> {
        if request.group_id.is_empty() {
            return Err(ErrorCode::InvalidGroupId);
        }
        let Some(group) = self.groups.get(&request.group_id) else {
            return Err(ErrorCode::GroupIdNotFound);
        };
        // Only consumers say which topics they are about.
        match group.is(State::Empty) || group.uses_consumer_protocol() {
            true => Ok(()),
            false => Err(ErrorCode::NonEmptyGroup),
        }
    }

    fn delete_topic_offsets(
        &mut self,
        group_id: &Str,
        topic: &OffsetDeleteRequestTopic,
        records: &mut Vec<KeyAndValue>,
    ) -> ErrorCode {
        let group = self.groups.get(group_id);
        if group.is_some_and(|it| it.is_subscribed(&topic.name)) {
            return ErrorCode::GroupSubscribedToTopic;
        }
        for partition in &topic.partitions {
            let place = Place {
                group: group_id.clone(),
                topic: topic.name.clone(),
                partition: partition.partition_index,
            };
            self.delete_offset(&place, records);
        }
        ErrorCode::None
    }

    /// Forgets what is committed and what is pending, and writes that once for both.
    pub(super) fn delete_offset(&mut self, place: &Place, records: &mut Vec<KeyAndValue>) {
        if self.offsets.get(place).is_some() || self.offsets.is_pending(place) {
            self.offsets.remove(place);
            records.push(offset_tombstone(place));
        }
    }

    pub(super) fn delete_groups(
        &mut self,
        token: Token,
        request: DeleteGroupsRequest,
        out: &mut Effects,
    ) {
        let mut records = Vec::new();
        let mut results = Vec::new();
        for group_id in distinct(request.groups_names) {
            let code = match self.groups.get(&group_id) {
                None => ErrorCode::GroupIdNotFound,
                Some(group) if !group.is(State::Empty) => ErrorCode::NonEmptyGroup,
                Some(_) => {
                    self.delete_group(&group_id, &mut records);
                    ErrorCode::None
                }
            };
            results.push(DeletableGroupResult {
                group_id,
                error_code: code.into(),
            });
        }
        out.write_in_parts(records, self.settings.max_batch_bytes);
        let response = DeleteGroupsResponse {
            results,
            ..Default::default()
        };
        out.reply(token, Response::DeleteGroups(response));
    }

    /// Removes an empty group and all that it committed.
    pub(super) fn delete_group(&mut self, group_id: &str, records: &mut Vec<KeyAndValue>) {
        let committed = self.offsets.of_group(group_id).map(|(place, _)| place);
        let pending = self.offsets.pending_of_group(group_id);
        let places: BTreeSet<Place> = committed.chain(pending).cloned().collect();
        for place in &places {
            self.delete_offset(place, records);
        }
        let Some(group) = self.groups.remove(group_id) else {
            return;
        };
        for member_id in group.pending_join {
            let timer = Timer::Session(group.id.clone(), member_id);
            self.timers.cancel(&timer);
        }
        records.push(group_tombstone(&group.id));
    }

    /// A topic was deleted: what groups committed for it is gone.
    pub fn topic_deleted(&mut self, _now: i64, name: &str) -> Effects {
        let mut out = Effects::default();
        let mut records = Vec::new();
        for place in self.offsets.places_of_topic(name) {
            self.delete_offset(&place, &mut records);
        }
        out.write_in_parts(records, self.settings.max_batch_bytes);
        out
    }
}

fn deleted_topic(topic: &OffsetDeleteRequestTopic, code: ErrorCode) -> OffsetDeleteResponseTopic {
    let partitions = topic.partitions.iter();
    OffsetDeleteResponseTopic {
        name: topic.name.clone(),
        partitions: partitions
            .map(|it| OffsetDeleteResponsePartition {
                partition_index: it.partition_index,
                error_code: code.into(),
            })
            .collect(),
    }
}
