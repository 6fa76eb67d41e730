//! Heartbeat, and members that are silent.

use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::heartbeat::{HeartbeatRequest, HeartbeatResponse};

use super::effects::Effects;
use super::state::State;
use super::turn::Turn;
use super::{Response, Shard, Token};

impl Shard {
    pub(super) fn heartbeat(
        &mut self,
        now: i64,
        token: Token,
        request: &HeartbeatRequest,
        out: &mut Effects,
    ) {
        let code = match request.group_id.is_empty() {
            true => ErrorCode::InvalidGroupId,
            false => match self.turn(now, &request.group_id, out) {
                Some(mut turn) => turn.heartbeat(request),
                None => ErrorCode::UnknownMemberId,
            },
        };
        out.reply(token, heartbeat_response(code));
    }
}

pub(super) fn heartbeat_response(code: ErrorCode) -> Response {
    Response::Heartbeat(HeartbeatResponse {
        error_code: code.into(),
        ..Default::default()
    })
}

impl Turn<'_> {
    fn heartbeat(&mut self, request: &HeartbeatRequest) -> ErrorCode {
        let instance_id = request.group_instance_id.as_ref();
        if let Err(code) = self.group.check_member(&request.member_id, instance_id) {
            return code;
        }
        if request.generation_id != self.group.generation {
            return ErrorCode::IllegalGeneration;
        }
        self.renew_session(&request.member_id);
        match self.group.state {
            State::PreparingRebalance => ErrorCode::RebalanceInProgress,
            // A member may send heartbeats before it has its assignment.
            State::CompletingRebalance | State::Stable => ErrorCode::None,
            State::Empty | State::Dead => ErrorCode::UnknownMemberId,
        }
    }

    /// Nothing was heard of a member for its session, or its id was not used.
    pub fn on_session_timer(&mut self, member_id: &str) {
        // Its session begins anew when it is answered.
        let member = self.group.member(member_id);
        if member.is_some_and(|it| it.is_excused()) {
            return;
        }
        let was_given = self.group.pending_join.contains(member_id);
        if member.is_none() && !was_given {
            return;
        }
        self.remove_member(member_id);
        match was_given {
            true if !self.group.is(State::PreparingRebalance) => {}
            _ => self.after_removal(),
        }
    }
}
