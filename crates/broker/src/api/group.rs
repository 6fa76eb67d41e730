//! What consumer groups ask their coordinator and is handed to it as it is: JoinGroup, SyncGroup,
//! Heartbeat, LeaveGroup, OffsetDelete.

use millrace_kafka_wire::Str;
use millrace_kafka_wire::api::heartbeat::{HeartbeatRequest, HeartbeatResponse};
use millrace_kafka_wire::api::join_group::{JoinGroupRequest, JoinGroupResponse};
use millrace_kafka_wire::api::leave_group::{LeaveGroupRequest, LeaveGroupResponse};
use millrace_kafka_wire::api::offset_delete::{OffsetDeleteRequest, OffsetDeleteResponse};
use millrace_kafka_wire::api::sync_group::{SyncGroupRequest, SyncGroupResponse};

use super::Call;
use crate::coordinators::client_host;
use crate::group::{Caller, Request, Response};

impl Call {
    /// How the coordinator of a group knows who asks.
    pub(super) fn caller(&self) -> Caller {
        Caller {
            version: self.version,
            client_id: self.client_id.clone().unwrap_or(Str::EMPTY),
            client_host: client_host(self.peer.address.ip()),
        }
    }

    pub(super) async fn ask_group(&self, group: &str, request: Request) -> Response {
        self.broker
            .groups()
            .ask(group, self.caller(), request)
            .await
    }
}

/// Asks the coordinator of the request's group; the answer is of the same kind.
macro_rules! handed_over {
    ($handle:ident, $kind:ident, $request:ty, $response:ty) => {
        pub async fn $handle(call: Call, request: $request) -> $response {
            let group = request.group_id.clone();
            match call.ask_group(&group, Request::$kind(request)).await {
                Response::$kind(response) => response,
                other => unreachable!("{other:?} answers another request"),
            }
        }
    };
}

handed_over!(join, JoinGroup, JoinGroupRequest, JoinGroupResponse);
handed_over!(sync, SyncGroup, SyncGroupRequest, SyncGroupResponse);
handed_over!(heartbeat, Heartbeat, HeartbeatRequest, HeartbeatResponse);
handed_over!(leave, LeaveGroup, LeaveGroupRequest, LeaveGroupResponse);
handed_over!(
    delete_offsets,
    OffsetDelete,
    OffsetDeleteRequest,
    OffsetDeleteResponse
);
