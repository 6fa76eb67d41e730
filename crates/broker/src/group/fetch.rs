//! OffsetFetch.

use std::collections::BTreeSet;

use millrace_kafka_wire::api::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics, OffsetFetchResponse,
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use millrace_kafka_wire::{ErrorCode, Str, Uuid};

use super::effects::Effects;
use super::offsets::{Offset, Place};
use super::{Caller, Response, Shard, Token};

/// From this version on several groups are asked for at once.
pub(super) const SEVERAL_GROUPS_FROM: i16 = 8;

impl Shard {
    pub(super) fn fetch(
        &self,
        token: Token,
        caller: &Caller,
        request: OffsetFetchRequest,
        out: &mut Effects,
    ) {
        let require_stable = request.require_stable;
        let mut groups = asked_groups(caller.version, request);
        // Everything of a group is given out once, however often it is asked for.
        let mut given = BTreeSet::new();
        groups.retain(|it| it.topics.is_some() || given.insert(it.group_id.clone()));
        let groups = groups.iter().map(|it| self.fetch_group(it, require_stable));
        out.reply(token, fetched(caller.version, groups.collect()));
    }

    fn fetch_group(
        &self,
        asked: &OffsetFetchRequestGroup,
        require_stable: bool,
    ) -> OffsetFetchResponseGroup {
        let topics = match &asked.topics {
            Some(topics) => {
                let topics = topics.iter();
                let fetch = |it| self.fetch_topic(&asked.group_id, it, require_stable);
                topics.map(fetch).collect()
            }
            None => self.fetch_all(&asked.group_id, require_stable),
        };
        OffsetFetchResponseGroup {
            group_id: asked.group_id.clone(),
            topics,
            ..Default::default()
        }
    }

    fn fetch_topic(
        &self,
        group: &Str,
        asked: &OffsetFetchRequestTopics,
        require_stable: bool,
    ) -> OffsetFetchResponseTopics {
        let partitions = asked.partition_indexes.iter().map(|partition| {
            let place = Place {
                group: group.clone(),
                topic: asked.name.clone(),
                partition: *partition,
            };
            let offset = self.offsets.get(&place);
            // One of a topic that had the same name is none of this topic.
            let offset = offset.filter(|it| !are_different(it.topic_id, asked.topic_id));
            self.fetched_partition(&place, offset, require_stable)
        });
        OffsetFetchResponseTopics {
            name: asked.name.clone(),
            topic_id: asked.topic_id,
            partitions: partitions.collect(),
        }
    }

    /// All partitions for which something was committed.
    fn fetch_all(&self, group: &Str, require_stable: bool) -> Vec<OffsetFetchResponseTopics> {
        let mut topics: Vec<OffsetFetchResponseTopics> = Vec::new();
        for (place, offset) in self.offsets.of_group(group) {
            let partition = self.fetched_partition(place, Some(offset), require_stable);
            match topics.last_mut() {
                Some(topic) if topic.name == place.topic => topic.partitions.push(partition),
                _ => topics.push(OffsetFetchResponseTopics {
                    name: place.topic.clone(),
                    topic_id: offset.topic_id,
                    partitions: vec![partition],
                }),
            }
        }
        topics
    }

    fn fetched_partition(
        &self,
        place: &Place,
        offset: Option<&Offset>,
        require_stable: bool,
    ) -> OffsetFetchResponsePartitions {
        if require_stable && self.offsets.is_pending(place) {
            return OffsetFetchResponsePartitions {
                error_code: ErrorCode::UnstableOffsetCommit.into(),
                ..no_offset(place.partition)
            };
        }
        match offset {
            Some(offset) => OffsetFetchResponsePartitions {
                partition_index: place.partition,
                committed_offset: offset.offset,
                committed_leader_epoch: offset.leader_epoch,
                metadata: Some(offset.metadata.clone()),
                error_code: ErrorCode::None.into(),
            },
            None => no_offset(place.partition),
        }
    }
}

fn are_different(one: Uuid, other: Uuid) -> bool {
    !one.is_zero() && !other.is_zero() && one != other
}

pub(super) fn no_offset(partition: i32) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions {
        partition_index: partition,
        committed_offset: -1,
        committed_leader_epoch: -1,
        metadata: Some(Str::EMPTY),
        error_code: ErrorCode::None.into(),
    }
}

/// What versions before 8 ask for one group is asked for a list of one.
pub(super) fn asked_groups(
    version: i16,
    request: OffsetFetchRequest,
) -> Vec<OffsetFetchRequestGroup> {
    if version >= SEVERAL_GROUPS_FROM {
        return request.groups;
    }
    let topics = request.topics.map(|topics| {
        let topics = topics.into_iter().map(|it| OffsetFetchRequestTopics {
            name: it.name,
            partition_indexes: it.partition_indexes,
            ..Default::default()
        });
        topics.collect()
    });
    vec![OffsetFetchRequestGroup {
        group_id: request.group_id,
        topics,
        ..Default::default()
    }]
}

/// The answer, which versions before 8 have for one group only.
pub(super) fn fetched(version: i16, groups: Vec<OffsetFetchResponseGroup>) -> Response {
    if version >= SEVERAL_GROUPS_FROM {
        return Response::OffsetFetch(OffsetFetchResponse {
            groups,
            ..Default::default()
        });
    }
    let group = groups.into_iter().next().unwrap_or_default();
    let topics = group.topics.into_iter().map(|it| OffsetFetchResponseTopic {
        name: it.name,
        partitions: it.partitions.into_iter().map(partition_before_8).collect(),
    });
    Response::OffsetFetch(OffsetFetchResponse {
        topics: topics.collect(),
        error_code: group.error_code,
        ..Default::default()
    })
}

pub(super) fn partition_before_8(
    it: OffsetFetchResponsePartitions,
) -> OffsetFetchResponsePartition {
    OffsetFetchResponsePartition {
        partition_index: it.partition_index,
        committed_offset: it.committed_offset,
        committed_leader_epoch: it.committed_leader_epoch,
        metadata: it.metadata,
        error_code: it.error_code,
    }
}
