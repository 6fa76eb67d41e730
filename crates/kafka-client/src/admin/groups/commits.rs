//! How far a group has read: asked and told.

use std::collections::HashMap;
use std::time::Duration;

use millrace_kafka_wire::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use millrace_kafka_wire::api::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
    OffsetFetchResponse,
};

use millrace_kafka_wire::{ErrorCode, Str, Uuid};

use super::explain;
use crate::Result;
use crate::admin::TopicPartition;
use crate::cluster::{Cluster, TopicIds};
use crate::connection::Connection;
use crate::error::Error;

/// From the next version on, commits name topics by their ids.
const LAST_BY_NAME: i16 = 9;
/// From this version on several groups are asked for at once.
const SEVERAL_GROUPS: i16 = 8;

/// What a group committed for a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The next one that is to be read.
    pub offset: i64,
}

/// Who commits.
#[derive(Clone, Debug)]
pub struct Commit {
    pub group: Str,
    pub generation: i32,
    pub member: Str,
    /// That of a static member.
    pub instance: Option<Str>,
}

impl Commit {
    /// Somebody who is no member.
    pub fn outside(group: &str) -> Self {
        Self {
            group: group.into(),
            generation: -1,
            member: Str::EMPTY,
            instance: None,
        }
    }
}

impl Cluster {
    pub(super) async fn ask_committed(
        &self,
        group: &str,
        partitions: Option<&[TopicPartition]>,
    ) -> Result<HashMap<TopicPartition, Committed>> {
        let connection = self.coordinator(group).await?;
        let topics = partitions.map(by_topic);
        let version = connection.version_of::<OffsetFetchRequest>()?;
        let request = match version >= SEVERAL_GROUPS {
            true => several(group, topics),
            false => single(group, topics),
        };
        let response = connection.call(&request).await?;
        let explain = |error| explain::<OffsetFetchRequest>(&connection, group, error);
        let (code, found) = read(response);
        Error::check(code, None).map_err(explain)?;
        let mut committed = HashMap::new();
        for (partition, offset, code) in found {
            Error::check(code, None).map_err(explain)?;
            if offset >= 0 {
                committed.insert(partition, Committed { offset });
            }
        }
        Ok(committed)
    }

    /// Commits once.
    pub(super) async fn send_commit(
        &self,
        commit: &Commit,
        offsets: &HashMap<TopicPartition, i64>,
        ids: &TopicIds,
    ) -> Result<()> {
        let connection = self.coordinator(&commit.group).await?;
        self.commit_on(&connection, commit, offsets, ids).await
    }

    /// Commits once, at a coordinator that is known. Of topics whose ids are given nothing is
    /// committed when they are not there any more, which is no error: there is nothing to keep.
    pub(crate) async fn commit_on(
        &self,
        connection: &Connection,
        commit: &Commit,
        offsets: &HashMap<TopicPartition, i64>,
        ids: &TopicIds,
    ) -> Result<()> {
        let by_id = ids.has_all(offsets.keys().map(|it| &it.topic));
        let most = match by_id {
            true => i16::MAX,
            false => LAST_BY_NAME,
        };
        let mut topics: HashMap<&Str, Vec<OffsetCommitRequestPartition>> = HashMap::new();
        for (it, offset) in offsets {
            let partitions = topics.entry(&it.topic).or_default();
            partitions.push(OffsetCommitRequestPartition {
                partition_index: it.partition,
                committed_offset: *offset,
                committed_leader_epoch: -1,
                committed_metadata: Some(Str::EMPTY),
            });
        }
        let topics = topics
            .into_iter()
            .map(|(name, partitions)| OffsetCommitRequestTopic {
                name: name.clone(),
                topic_id: ids.get(name).unwrap_or(Uuid::ZERO),
                partitions,
            });
        let request = OffsetCommitRequest {
            group_id: commit.group.clone(),
            generation_id_or_member_epoch: commit.generation,
            member_id: commit.member.clone(),
            group_instance_id: commit.instance.clone(),
            topics: topics.collect(),
            ..OffsetCommitRequest::default()
        };
        let begun = connection.begin_up_to(most, &request, Duration::ZERO).await;
        let response = begun?.wait().await?;
        let gone = ErrorCode::UnknownTopicId.number();
        let partitions = response.topics.iter().flat_map(|it| &it.partitions);
        for partition in partitions.filter(|it| it.error_code != gone) {
            let checked = Error::check(partition.error_code, None);
            let explain = |error| explain::<OffsetCommitRequest>(connection, &commit.group, error);
            checked.map_err(explain)?;
        }
        Ok(())
    }
}

fn by_topic(partitions: &[TopicPartition]) -> HashMap<Str, Vec<i32>> {
    let mut topics: HashMap<Str, Vec<i32>> = HashMap::new();
    for it in partitions {
        topics
            .entry(it.topic.clone())
            .or_default()
            .push(it.partition);
    }
    topics
}

fn several(group: &str, topics: Option<HashMap<Str, Vec<i32>>>) -> OffsetFetchRequest {
    let topics = topics.map(|topics| {
        let topics = topics
            .into_iter()
            .map(|(name, partition_indexes)| OffsetFetchRequestTopics {
                name,
                partition_indexes,
                ..OffsetFetchRequestTopics::default()
            });
        topics.collect()
    });
    OffsetFetchRequest {
        groups: vec![OffsetFetchRequestGroup {
            group_id: group.into(),
            member_epoch: -1,
            topics,
            ..OffsetFetchRequestGroup::default()
        }],
        ..OffsetFetchRequest::default()
    }
}

fn single(group: &str, topics: Option<HashMap<Str, Vec<i32>>>) -> OffsetFetchRequest {
    let topics = topics.map(|topics| {
        let topics = topics
            .into_iter()
            .map(|(name, partition_indexes)| OffsetFetchRequestTopic {
                name,
                partition_indexes,
            });
        topics.collect()
    });
    OffsetFetchRequest {
        group_id: group.into(),
        topics,
        ..OffsetFetchRequest::default()
    }
}

type Found = Vec<(TopicPartition, i64, i16)>;

/// The error of the group, and each partition with its offset and error.
fn read(response: OffsetFetchResponse) -> (i16, Found) {
    let mut found = Vec::new();
    if let Some(group) = response.groups.into_iter().next() {
        for topic in &group.topics {
            found.extend(topic.partitions.iter().map(|it| {
                let partition = TopicPartition::new(&topic.name, it.partition_index);
                (partition, it.committed_offset, it.error_code)
            }));
        }
        return (group.error_code, found);
    }
    for topic in &response.topics {
        found.extend(topic.partitions.iter().map(|it| {
            let partition = TopicPartition::new(&topic.name, it.partition_index);
            (partition, it.committed_offset, it.error_code)
        }));
    }
    (response.error_code, found)
}
