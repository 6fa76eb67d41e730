//! ListGroups: the groups that this broker coordinates.

use millrace_kafka_wire::api::list_groups::{ListGroupsRequest, ListGroupsResponse};

use super::Call;
use crate::group::{Request, Response};

pub async fn handle(call: Call, request: ListGroupsRequest) -> ListGroupsResponse {
    let asked = Request::ListGroups(request);
    let mut response = ListGroupsResponse::default();
    for answer in call.broker.groups().ask_all(&call.caller(), &asked).await {
        match answer {
            Response::ListGroups(it) => {
                response.groups.extend(it.groups);
                // The groups of the others are told nevertheless.
                response.error_code = response.error_code.max(it.error_code);
            }
            other => unreachable!("{other:?} answers another request"),
        }
    }
    response
}
