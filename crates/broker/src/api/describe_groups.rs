//! DescribeGroups: the members of groups, and what they have.

use millrace_kafka_wire::api::describe_groups::{DescribeGroupsRequest, DescribeGroupsResponse};

use super::Call;
use crate::group::{Request, Response};

pub async fn handle(call: Call, request: DescribeGroupsRequest) -> DescribeGroupsResponse {
    let mut groups = Vec::with_capacity(request.groups.len());
    for group in request.groups {
        let one = DescribeGroupsRequest {
            groups: vec![group.clone()],
            include_authorized_operations: request.include_authorized_operations,
        };
        match call.ask_group(&group, Request::DescribeGroups(one)).await {
            Response::DescribeGroups(response) => groups.extend(response.groups),
            other => unreachable!("{other:?} answers another request"),
        }
    }
    DescribeGroupsResponse {
        groups,
        ..DescribeGroupsResponse::default()
    }
}
