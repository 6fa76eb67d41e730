//! Consumer groups: who is in them and how far they have read.

use std::collections::HashMap;

use millrace_kafka_wire::api::delete_groups::DeleteGroupsRequest;
use millrace_kafka_wire::api::describe_groups::{
    DescribeGroupsRequest, DescribedGroup, DescribedGroupMember,
};
use millrace_kafka_wire::api::list_groups::ListGroupsRequest;
use millrace_kafka_wire::records::consumer_protocol::ConsumerProtocolAssignment;
use millrace_kafka_wire::{ErrorCode, Request, read_versioned};

use super::TopicPartition;
use crate::Result;
use crate::cluster::{Cluster, TopicIds};
use crate::connection::Connection;
use crate::error::{Error, Reason};

mod commits;

pub(crate) use commits::Commit;
pub use commits::Committed;

/// A group of the list. Old brokers do not tell its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedGroup {
    pub id: String,
    pub protocol_type: String,
    pub state: String,
    pub coordinator: i32,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupInfo {
    pub id: String,
    pub state: String,
    pub protocol_type: String,
    /// How partitions are assigned.
    pub assignor: String,
    pub members: Vec<GroupMember>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    pub id: String,
    pub instance_id: Option<String>,
    pub client_id: String,
    pub host: String,
    /// Empty when it has none, or is no consumer.
    pub assignment: Vec<TopicPartition>,
}

/// The state of a group that is not there.
const STATE_DEAD: &str = "Dead";

impl Cluster {
    /// The groups of all brokers, by name.
    ///
    /// # Errors
    /// One of the brokers does not tell its own.
    pub async fn list_groups(&self) -> Result<Vec<ListedGroup>> {
        let mut groups = Vec::new();
        for broker in self.broker_ids().await? {
            groups.extend(self.retry(|| self.ask_groups(broker)).await?);
        }
        groups.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(groups)
    }

    async fn ask_groups(&self, broker: i32) -> Result<Vec<ListedGroup>> {
        let connection = self.broker(broker).await?;
        let response = connection.call(&ListGroupsRequest::default()).await?;
        Error::check(response.error_code, None)
            .map_err(|error| connection.explain::<ListGroupsRequest>(error))?;
        let groups = response.groups.iter().map(|it| ListedGroup {
            id: it.group_id.to_string(),
            protocol_type: it.protocol_type.to_string(),
            state: it.group_state.to_string(),
            coordinator: broker,
        });
        Ok(groups.collect())
    }

    /// One group.
    ///
    /// # Errors
    /// There is none of this name, or its coordinator does not tell.
    pub async fn describe_group(&self, group: &str) -> Result<GroupInfo> {
        self.retry(|| self.ask_group(group)).await
    }

    async fn ask_group(&self, group: &str) -> Result<GroupInfo> {
        let connection = self.coordinator(group).await?;
        let request = DescribeGroupsRequest {
            groups: vec![group.into()],
            ..DescribeGroupsRequest::default()
        };
        let response = connection.call(&request).await?;
        let found = response.groups.into_iter().next();
        let found = found.ok_or_else(|| left_out::<DescribeGroupsRequest>(&connection, group))?;
        Error::check(found.error_code, found.error_message.as_ref())
            .map_err(|error| explain::<DescribeGroupsRequest>(&connection, group, error))?;
        if &*found.group_state == STATE_DEAD {
            let error = Error::refused(ErrorCode::GroupIdNotFound);
            return Err(explain::<DescribeGroupsRequest>(&connection, group, error));
        }
        Ok(group_info(&found))
    }

    /// Removes a group that has no members, with what it has committed.
    ///
    /// # Errors
    /// There is none of this name, it has members, or its coordinator cannot.
    pub async fn delete_group(&self, group: &str) -> Result<()> {
        let connection = self.coordinator(group).await?;
        let request = DeleteGroupsRequest {
            groups_names: vec![group.into()],
        };
        let response = connection.call(&request).await?;
        let result = response.results.into_iter().next();
        let result = result.ok_or_else(|| left_out::<DeleteGroupsRequest>(&connection, group))?;
        Error::check(result.error_code, None)
            .map_err(|error| explain::<DeleteGroupsRequest>(&connection, group, error))
    }

    /// How far a group has read, as it committed it: of these partitions, or of all that it did.
    ///
    /// # Errors
    /// Its coordinator does not tell. A group that is not there has committed nothing.
    pub async fn committed(
        &self,
        group: &str,
        partitions: Option<&[TopicPartition]>,
    ) -> Result<HashMap<TopicPartition, Committed>> {
        self.retry(|| self.ask_committed(group, partitions)).await
    }

    /// Commits for a group that has no members.
    ///
    /// # Errors
    /// It has members, or its coordinator cannot.
    pub async fn commit_for(
        &self,
        group: &str,
        offsets: &HashMap<TopicPartition, i64>,
    ) -> Result<()> {
        let ids = TopicIds::default();
        self.commit_read(group, offsets, &ids).await
    }

    /// As [`commit_for`](Self::commit_for) of what was read of the topics with these ids.
    pub(crate) async fn commit_read(
        &self,
        group: &str,
        offsets: &HashMap<TopicPartition, i64>,
        ids: &TopicIds,
    ) -> Result<()> {
        let commit = Commit::outside(group);
        self.retry(|| self.send_commit(&commit, offsets, ids)).await
    }
}

fn group_info(group: &DescribedGroup) -> GroupInfo {
    let mut members: Vec<_> = group.members.iter().map(member).collect();
    members.sort_by(|one, other| one.id.cmp(&other.id));
    GroupInfo {
        id: group.group_id.to_string(),
        state: group.group_state.to_string(),
        protocol_type: group.protocol_type.to_string(),
        assignor: group.protocol_data.to_string(),
        members,
    }
}

fn member(member: &DescribedGroupMember) -> GroupMember {
    // What members tell each other is theirs: who is no consumer has another format.
    let read = read_versioned::<ConsumerProtocolAssignment>(member.member_assignment.clone());
    let mut assignment = Vec::new();
    for topic in read
        .map(|(_, it)| it.assigned_partitions)
        .unwrap_or_default()
    {
        let partitions = topic.partitions.iter();
        assignment.extend(partitions.map(|it| TopicPartition::new(&topic.topic, *it)));
    }
    GroupMember {
        id: member.member_id.to_string(),
        instance_id: member.group_instance_id.as_ref().map(ToString::to_string),
        client_id: member.client_id.to_string(),
        host: member.client_host.to_string(),
        assignment,
    }
}

fn explain<R: Request>(connection: &Connection, group: &str, error: Error) -> Error {
    let error = connection.explain::<R>(error);
    error.of(format_args!("group `{group}`"))
}

fn left_out<R: Request>(connection: &Connection, group: &str) -> Error {
    let error = Error::new(Reason::Incomplete("leaves out the group"));
    explain::<R>(connection, group, error)
}
