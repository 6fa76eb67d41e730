//! Errors that do not come from a group: the coordinator is elsewhere, its log is being read, what
//! it decided cannot be written.

use millrace_kafka_wire::api::delete_groups::{DeletableGroupResult, DeleteGroupsResponse};
use millrace_kafka_wire::api::describe_groups::{DescribeGroupsResponse, DescribedGroup};
use millrace_kafka_wire::api::leave_group::LeaveGroupResponse;
use millrace_kafka_wire::api::list_groups::ListGroupsResponse;
use millrace_kafka_wire::api::offset_delete::OffsetDeleteResponse;
use millrace_kafka_wire::api::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestTopics, OffsetFetchResponse, OffsetFetchResponseGroup,
    OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use millrace_kafka_wire::{ErrorCode, Str};

use super::fetch::{SEVERAL_GROUPS_FROM, asked_groups, fetched, no_offset, partition_before_8};
use super::heartbeat::heartbeat_response;
use super::turn::{join_error, sync_error};
use super::{Request, Response, commit, transaction};

impl Request {
    /// The answer to a request that no shard takes, such as `NOT_COORDINATOR` or
    /// `COORDINATOR_LOAD_IN_PROGRESS`.
    pub fn failed(&self, version: i16, code: ErrorCode) -> Response {
        match (self, code) {
            // The member lives: its session begins when the log was read.
            (Request::Heartbeat(_), ErrorCode::CoordinatorLoadInProgress) => {
                heartbeat_response(ErrorCode::None)
            }
            _ => self.outline(version).failed(version, code),
        }
    }

    /// An answer that has the groups, topics and partitions of the request.
    fn outline(&self, version: i16) -> Response {
        match self {
            Request::JoinGroup(_) => Response::JoinGroup(Default::default()),
            Request::SyncGroup(_) => Response::SyncGroup(Default::default()),
            Request::Heartbeat(_) => Response::Heartbeat(Default::default()),
            Request::LeaveGroup(_) => Response::LeaveGroup(Default::default()),
            Request::OffsetCommit(it) => commit::committed(&it.topics, |_| ErrorCode::None),
            Request::OffsetFetch(it) => outline_fetch(version, it.clone()),
            Request::OffsetDelete(_) => Response::OffsetDelete(Default::default()),
            Request::TxnOffsetCommit(it) => transaction::committed(&it.topics, |_| ErrorCode::None),
            Request::DescribeGroups(it) => {
                let groups = it.groups.iter().map(|id| DescribedGroup {
                    group_id: id.clone(),
                    ..Default::default()
                });
                Response::DescribeGroups(DescribeGroupsResponse {
                    groups: groups.collect(),
                    ..Default::default()
                })
            }
            Request::ListGroups(_) => Response::ListGroups(Default::default()),
            Request::DeleteGroups(it) => {
                let results = it.groups_names.iter().map(|id| DeletableGroupResult {
                    group_id: id.clone(),
                    ..Default::default()
                });
                Response::DeleteGroups(DeleteGroupsResponse {
                    results: results.collect(),
                    ..Default::default()
                })
            }
        }
    }
}

fn outline_fetch(version: i16, request: OffsetFetchRequest) -> Response {
    let groups = asked_groups(version, request).into_iter();
    let groups = groups.map(|group| OffsetFetchResponseGroup {
        group_id: group.group_id,
        topics: group
            .topics
            .into_iter()
            .flatten()
            .map(outline_topic)
            .collect(),
        ..Default::default()
    });
    fetched(version, groups.collect())
}

fn outline_topic(topic: OffsetFetchRequestTopics) -> OffsetFetchResponseTopics {
    OffsetFetchResponseTopics {
        name: topic.name,
        topic_id: topic.topic_id,
        partitions: topic.partition_indexes.into_iter().map(no_offset).collect(),
    }
}

/// Kafka's codes for errors of the log under a coordinator.
pub(crate) fn told(code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::UnknownTopicOrPartition
        | ErrorCode::NotEnoughReplicas
        | ErrorCode::NotEnoughReplicasAfterAppend
        | ErrorCode::RequestTimedOut => ErrorCode::CoordinatorNotAvailable,
        ErrorCode::NotLeaderOrFollower | ErrorCode::KafkaStorageError => ErrorCode::NotCoordinator,
        ErrorCode::MessageTooLarge
        | ErrorCode::RecordListTooLarge
        | ErrorCode::InvalidFetchSize => ErrorCode::UnknownServerError,
        code => code,
    }
}

/// Producers of that time crash on the one error and try again on the other.
fn told_to_producer(version: i16, code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::CoordinatorLoadInProgress if version < 2 => ErrorCode::CoordinatorNotAvailable,
        code => code,
    }
}

/// From this version on a fetch has an error for a whole group.
const GROUP_ERROR_FROM: i16 = 2;

fn failed_fetch(version: i16, mut response: OffsetFetchResponse, code: ErrorCode) -> Response {
    // Consumers before 3.9 take this one for final.
    let code = match code {
        ErrorCode::CoordinatorNotAvailable => ErrorCode::NotCoordinator,
        code => code,
    };
    for group in &mut response.groups {
        group.error_code = code.into();
        group.topics.clear();
    }
    if version >= GROUP_ERROR_FROM {
        response.topics.clear();
    }
    for topic in &mut response.topics {
        for partition in &mut topic.partitions {
            *partition = partition_before_8(OffsetFetchResponsePartitions {
                error_code: code.into(),
                ..no_offset(partition.partition_index)
            });
        }
    }
    if version < SEVERAL_GROUPS_FROM {
        response.error_code = code.into();
    }
    Response::OffsetFetch(response)
}

impl Response {
    /// What is answered instead when the step of this answer, or one before it, could not be
    /// written. `code` is what the log says; it is told as Kafka tells it to clients of groups.
    #[must_use]
    pub fn failed(self, version: i16, code: ErrorCode) -> Response {
        let code = told(code);
        match self {
            Response::JoinGroup(_) => join_error(version, Str::EMPTY, code),
            Response::SyncGroup(_) => sync_error(code),
            Response::Heartbeat(_) => heartbeat_response(code),
            Response::LeaveGroup(_) => Response::LeaveGroup(LeaveGroupResponse {
                error_code: code.into(),
                ..Default::default()
            }),
            Response::OffsetCommit(mut it) => {
                let topics = it.topics.iter_mut();
                let partitions = topics.flat_map(|it| &mut it.partitions);
                partitions.for_each(|it| it.error_code = code.into());
                Response::OffsetCommit(it)
            }
            Response::OffsetFetch(it) => failed_fetch(version, it, code),
            Response::OffsetDelete(_) => Response::OffsetDelete(OffsetDeleteResponse {
                error_code: code.into(),
                ..Default::default()
            }),
            Response::TxnOffsetCommit(mut it) => {
                let code = told_to_producer(version, code);
                let topics = it.topics.iter_mut();
                let partitions = topics.flat_map(|it| &mut it.partitions);
                partitions.for_each(|it| it.error_code = code.into());
                Response::TxnOffsetCommit(it)
            }
            Response::DescribeGroups(it) => {
                let groups = it.groups.into_iter().map(|it| DescribedGroup {
                    error_code: code.into(),
                    group_id: it.group_id,
                    ..Default::default()
                });
                Response::DescribeGroups(DescribeGroupsResponse {
                    groups: groups.collect(),
                    ..Default::default()
                })
            }
            Response::ListGroups(_) => Response::ListGroups(ListGroupsResponse {
                error_code: code.into(),
                ..Default::default()
            }),
            Response::DeleteGroups(mut it) => {
                for result in &mut it.results {
                    result.error_code = code.into();
                }
                Response::DeleteGroups(it)
            }
        }
    }
}
