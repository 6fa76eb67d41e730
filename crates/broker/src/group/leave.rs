//! LeaveGroup.

use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::leave_group::{
    LeaveGroupRequest, LeaveGroupResponse, MemberIdentity, MemberResponse,
};

use super::effects::Effects;
use super::state::State;
use super::turn::Turn;
use super::{Caller, Response, Shard, Token};

/// From this version on several members leave with one request.
pub(super) const BATCH_FROM: i16 = 3;

impl Shard {
    pub(super) fn leave(
        &mut self,
        now: i64,
        token: Token,
        caller: &Caller,
        request: LeaveGroupRequest,
        out: &mut Effects,
    ) {
        let members = match caller.version {
            ..BATCH_FROM => vec![MemberIdentity {
                member_id: request.member_id,
                ..Default::default()
            }],
            _ => request.members,
        };
        let response = if request.group_id.is_empty() {
            left(caller.version, Err(ErrorCode::InvalidGroupId))
        } else {
            let codes = match self.turn(now, &request.group_id, out) {
                Some(mut turn) => turn.leave(&members),
                None => vec![ErrorCode::UnknownMemberId; members.len()],
            };
            let told = members.into_iter().zip(codes);
            left(caller.version, Ok(told.collect()))
        };
        out.reply(token, response);
    }
}

/// Versions before 3 have one error for the one member.
fn left(version: i16, members: Result<Vec<(MemberIdentity, ErrorCode)>, ErrorCode>) -> Response {
    let mut response = LeaveGroupResponse::default();
    match members {
        Err(code) => response.error_code = code.into(),
        Ok(members) if version < BATCH_FROM => {
            let code = members.first().map(|(_, code)| *code);
            response.error_code = code.unwrap_or(ErrorCode::None).into();
        }
        Ok(members) => response.members = members.into_iter().map(member_response).collect(),
    }
    Response::LeaveGroup(response)
}

fn member_response((member, code): (MemberIdentity, ErrorCode)) -> MemberResponse {
    MemberResponse {
        member_id: member.member_id,
        group_instance_id: member.group_instance_id,
        error_code: code.into(),
    }
}

impl Turn<'_> {
    fn leave(&mut self, members: &[MemberIdentity]) -> Vec<ErrorCode> {
        let codes: Vec<_> = members.iter().map(|it| self.leave_one(it)).collect();
        if codes.iter().any(|it| it.is_ok()) {
            match self.group.state {
                State::Stable | State::CompletingRebalance => self.prepare(),
                State::PreparingRebalance => self.complete_join_if_all_joined(),
                State::Empty | State::Dead => {}
            }
        }
        codes
    }

    fn leave_one(&mut self, member: &MemberIdentity) -> ErrorCode {
        let instance_id = member.group_instance_id.as_ref();
        // An operator removes static members by their instance alone.
        if member.member_id.is_empty() {
            let found = instance_id.and_then(|it| self.group.static_member(it).cloned());
            return match found {
                Some(id) => {
                    self.remove_member(&id);
                    ErrorCode::None
                }
                None => ErrorCode::UnknownMemberId,
            };
        }
        let was_given = self.group.pending_join.contains(&member.member_id);
        match self.group.check_member(&member.member_id, instance_id) {
            Err(code) if !was_given => code,
            _ => {
                self.remove_member(&member.member_id);
                ErrorCode::None
            }
        }
    }
}
