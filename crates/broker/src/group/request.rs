//! What a coordinator is asked, and what it answers.

use millrace_kafka_wire::Str;
use millrace_kafka_wire::api::delete_groups::{DeleteGroupsRequest, DeleteGroupsResponse};
use millrace_kafka_wire::api::describe_groups::{DescribeGroupsRequest, DescribeGroupsResponse};
use millrace_kafka_wire::api::heartbeat::{HeartbeatRequest, HeartbeatResponse};
use millrace_kafka_wire::api::join_group::{JoinGroupRequest, JoinGroupResponse};
use millrace_kafka_wire::api::leave_group::{LeaveGroupRequest, LeaveGroupResponse};
use millrace_kafka_wire::api::list_groups::{ListGroupsRequest, ListGroupsResponse};
use millrace_kafka_wire::api::offset_commit::{OffsetCommitRequest, OffsetCommitResponse};
use millrace_kafka_wire::api::offset_delete::{OffsetDeleteRequest, OffsetDeleteResponse};
use millrace_kafka_wire::api::offset_fetch::{OffsetFetchRequest, OffsetFetchResponse};
use millrace_kafka_wire::api::sync_group::{SyncGroupRequest, SyncGroupResponse};
use millrace_kafka_wire::api::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};

/// Names a request until it is answered; the caller gives each request its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// Who asks, and in which version.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Version of the request; the answer is one of the same version.
    pub version: i16,
    /// `client_id` of the request's header; empty when it has none.
    pub client_id: Str,
    /// The address that the client connected from. Kafka writes a slash before it.
    pub client_host: Str,
}

/// A request to the coordinator.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Request {
    JoinGroup(JoinGroupRequest),
    SyncGroup(SyncGroupRequest),
    Heartbeat(HeartbeatRequest),
    LeaveGroup(LeaveGroupRequest),
    OffsetCommit(OffsetCommitRequest),
    OffsetFetch(OffsetFetchRequest),
    OffsetDelete(OffsetDeleteRequest),
    TxnOffsetCommit(TxnOffsetCommitRequest),
    DescribeGroups(DescribeGroupsRequest),
    ListGroups(ListGroupsRequest),
    DeleteGroups(DeleteGroupsRequest),
}

/// The answer to the [`Request`] of the same name.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Response {
    JoinGroup(JoinGroupResponse),
    SyncGroup(SyncGroupResponse),
    Heartbeat(HeartbeatResponse),
    LeaveGroup(LeaveGroupResponse),
    OffsetCommit(OffsetCommitResponse),
    OffsetFetch(OffsetFetchResponse),
    OffsetDelete(OffsetDeleteResponse),
    TxnOffsetCommit(TxnOffsetCommitResponse),
    DescribeGroups(DescribeGroupsResponse),
    ListGroups(ListGroupsResponse),
    DeleteGroups(DeleteGroupsResponse),
}
