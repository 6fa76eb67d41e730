//! DeleteGroups: removes groups without members, with their offsets.

use millrace_kafka_wire::api::delete_groups::{DeleteGroupsRequest, DeleteGroupsResponse};

use super::Call;
use crate::group::{Request, Response};

pub async fn handle(call: Call, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let mut results = Vec::with_capacity(request.groups_names.len());
    for group in request.groups_names {
        let one = DeleteGroupsRequest {
            groups_names: vec![group.clone()],
        };
        match call.ask_group(&group, Request::DeleteGroups(one)).await {
            Response::DeleteGroups(response) => results.extend(response.results),
            other => unreachable!("{other:?} answers another request"),
        }
    }
    DeleteGroupsResponse {
        results,
        ..DeleteGroupsResponse::default()
    }
}
