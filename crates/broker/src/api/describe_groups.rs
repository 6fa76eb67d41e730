//! DescribeGroups: the members of groups, and what they have.

use millrace_kafka_wire::api::describe_groups::{DescribeGroupsRequest, DescribeGroupsResponse};

use super::{Call, operations};
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
    for group in groups.iter_mut().filter(|it| it.error_code == 0) {
        let is_asked = request.include_authorized_operations;
        group.authorized_operations = operations::if_asked(is_asked, operations::GROUP);
    }
    DescribeGroupsResponse {
        groups,
        ..DescribeGroupsResponse::default()
    }
}
