//! SyncGroup: the leader sends the assignment, every member gets its part.

use std::collections::BTreeMap;

use bytes::Bytes;
use millrace_kafka_wire::api::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};
use millrace_kafka_wire::{ErrorCode, Str};

use super::effects::Effects;
use super::member::Waiting;
use super::membership::Group;
use super::state::State;
use super::turn::{Turn, sync_error};
use super::{Caller, Response, Shard, Token};

/// From this version on a member has to say of which protocol it speaks.
const PROTOCOL_REQUIRED_FROM: i16 = 5;

impl Shard {
    pub(super) fn sync(
        &mut self,
        now: i64,
        token: Token,
        caller: &Caller,
        request: SyncGroupRequest,
        out: &mut Effects,
    ) {
        let waiting = Waiting {
            token,
            version: caller.version,
        };
        if let Err(code) = self.check_sync(caller.version, &request) {
            out.reply(token, sync_error(code));
            return;
        }
        if let Some(mut turn) = self.turn(now, &request.group_id, out) {
            turn.sync(waiting, &request);
        }
    }

    fn check_sync(&self, version: i16, request: &SyncGroupRequest) -> Result<(), ErrorCode> {
        if request.group_id.is_empty() {
            return Err(ErrorCode::InvalidGroupId);
        }
        let names_protocol = request.protocol_type.is_some() && request.protocol_name.is_some();
        if version >= PROTOCOL_REQUIRED_FROM && !names_protocol {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        let group = self.groups.get(&request.group_id);
        match group.filter(|it| !it.is(State::Empty)) {
            Some(group) => check_member(group, request),
            None => Err(ErrorCode::UnknownMemberId),
        }
    }
}

fn check_member(group: &Group, request: &SyncGroupRequest) -> Result<(), ErrorCode> {
    group.check_member(&request.member_id, request.group_instance_id.as_ref())?;
    if request.generation_id != group.generation {
        return Err(ErrorCode::IllegalGeneration);
    }
    let differs =
        |said: &Option<Str>, is: &Option<Str>| said.is_some() && is.is_some() && said != is;
    let is_other = differs(&request.protocol_type, &group.protocol_type)
        || differs(&request.protocol_name, &group.protocol);
    match is_other {
        true => Err(ErrorCode::InconsistentGroupProtocol),
        false => Ok(()),
    }
}

impl Turn<'_> {
    fn sync(&mut self, waiting: Waiting, request: &SyncGroupRequest) {
        let member_id = &request.member_id;
        match self.group.state {
            State::CompletingRebalance => {
                self.synced(member_id);
                self.park_sync(member_id, waiting);
                if self.group.is_leader(member_id) {
                    self.assign(&request.assignments);
                }
            }
            State::Stable => {
                self.synced(member_id);
                let response = self.assignment_of(member_id);
                self.out.reply(waiting.token, Response::SyncGroup(response));
                self.renew_session(member_id);
            }
            State::PreparingRebalance | State::Empty | State::Dead => {
                self.answer_sync_error(waiting, ErrorCode::RebalanceInProgress);
            }
        }
    }

    /// A member is in step with its generation.
    fn synced(&mut self, member_id: &str) {
        self.group.pending_sync.remove(member_id);
        if self.group.pending_sync.is_empty() {
            self.cancel_sync_timer();
        }
    }

    fn park_sync(&mut self, member_id: &str, waiting: Waiting) {
        let Some(member) = self.group.member_mut(member_id) else {
            return;
        };
        if let Some(before) = member.sync.replace(waiting) {
            self.answer_sync_error(before, ErrorCode::RebalanceInProgress);
        }
    }

    /// The group is stable when this is durable, and its members are told then.
    fn assign(&mut self, assignments: &[SyncGroupRequestAssignment]) {
        let by_member: BTreeMap<&str, &Bytes> = assignments
            .iter()
            .map(|it| (it.member_id.as_str(), &it.assignment))
            .collect();
        let ids = self.member_ids();
        for id in &ids {
            if let Some(member) = self.group.member_mut(id) {
                let assigned = by_member.get(id.as_str());
                member.assignment = match assigned {
                    Some(bytes) => Bytes::copy_from_slice(bytes),
                    None => Bytes::new(),
                };
            }
        }
        if !self.write_group() {
            self.cancel_assignment(ErrorCode::UnknownServerError);
            self.prepare();
            return;
        }
        self.group.enter(State::Stable, self.now);
        for id in &ids {
            self.answer_sync(id);
        }
    }
}
