//! One group, with what a change of it needs, and the answers that its members wait for.

use millrace_kafka_wire::api::join_group::{JoinGroupResponse, JoinGroupResponseMember};
use millrace_kafka_wire::api::sync_group::SyncGroupResponse;
use millrace_kafka_wire::{ErrorCode, Str};

use super::effects::Effects;
use super::member::{Member, Waiting};
use super::membership::Group;
use super::timers::{Timer, Timers};
use super::{GroupSettings, Response};

pub(super) struct Turn<'a> {
    pub now: i64,
    pub settings: &'a GroupSettings,
    pub timers: &'a mut Timers,
    pub out: &'a mut Effects,
    pub group: &'a mut Group,
}

impl Turn<'_> {
    pub fn set_join_timer(&mut self, delay_ms: i64) {
        let timer = Timer::Join(self.group.id.clone());
        self.timers.set(timer, self.now, delay_ms);
    }

    pub fn cancel_join_timer(&mut self) {
        self.timers.cancel(&Timer::Join(self.group.id.clone()));
    }

    pub fn set_sync_timer(&mut self) {
        let timer = Timer::Sync(self.group.id.clone());
        self.timers
            .set(timer, self.now, self.group.rebalance_timeout_ms());
    }

    pub fn cancel_sync_timer(&mut self) {
        self.timers.cancel(&Timer::Sync(self.group.id.clone()));
    }

    /// A member was heard of: its session begins anew.
    pub fn renew_session(&mut self, member_id: &str) {
        if let Some(member) = self.group.member(member_id) {
            let (id, timeout) = (member.id.clone(), member.session_timeout_ms);
            self.set_session(id, i64::from(timeout));
        }
    }

    /// `member_id` is kept: it is none that is a slice of a request.
    pub fn set_session(&mut self, member_id: Str, delay_ms: i64) {
        let timer = Timer::Session(self.group.id.clone(), member_id);
        self.timers.set(timer, self.now, delay_ms);
    }

    /// Removes a member, or a member id that was given, and tells its requests that it is none.
    pub fn remove_member(&mut self, member_id: &str) {
        let timer = Timer::Session(self.group.id.clone(), Str::from(member_id));
        self.timers.cancel(&timer);
        if let Some(member) = self.group.remove(member_id) {
            self.refuse(&member, ErrorCode::UnknownMemberId, Str::EMPTY);
        }
    }

    /// Answers the requests of a member that is none any more.
    pub fn refuse(&mut self, member: &Member, code: ErrorCode, told_id: Str) {
        if let Some(join) = member.join {
            self.answer_join_error(join, told_id, code);
        }
        if let Some(sync) = member.sync {
            self.answer_sync_error(sync, code);
        }
    }

    /// Answers the JoinGroup of a member that waits: it is in this generation.
    pub fn answer_join(&mut self, member_id: &str) {
        let Some(join) = self.group.park_join(member_id, None) else {
            return;
        };
        let members = match self.group.is_leader(member_id) {
            true => self.members_for_leader(),
            false => Vec::new(),
        };
        let leader = self.group.leader.clone().unwrap_or_default();
        let response = self.joined(member_id, leader, members);
        self.answer(join, response);
    }

    /// What a member of this generation is told.
    pub fn joined(
        &self,
        member_id: &str,
        leader: Str,
        members: Vec<JoinGroupResponseMember>,
    ) -> JoinGroupResponse {
        let id = self.group.member(member_id).map(|it| it.id.clone());
        JoinGroupResponse {
            generation_id: self.group.generation,
            protocol_type: self.group.protocol_type.clone(),
            protocol_name: self.group.protocol.clone(),
            leader,
            member_id: id.unwrap_or_default(),
            members,
            ..Default::default()
        }
    }

    /// What the leader is told of the members, to assign partitions to them.
    pub fn members_for_leader(&self) -> Vec<JoinGroupResponseMember> {
        let protocol = self.group.protocol.clone().unwrap_or_default();
        self.group
            .members()
            .map(|it| JoinGroupResponseMember {
                member_id: it.id.clone(),
                group_instance_id: it.instance_id.clone(),
                metadata: it.metadata(&protocol),
            })
            .collect()
    }

    pub fn answer(&mut self, waiting: Waiting, response: JoinGroupResponse) {
        let response = join_response(waiting.version, response);
        self.out.reply(waiting.token, response);
    }

    pub fn answer_join_error(&mut self, join: Waiting, member_id: Str, code: ErrorCode) {
        self.out
            .reply(join.token, join_error(join.version, member_id, code));
    }

    /// Answers the SyncGroup of a member that waits, with its assignment.
    pub fn answer_sync(&mut self, member_id: &str) {
        let Some(member) = self.group.member_mut(member_id) else {
            return;
        };
        let Some(sync) = member.sync.take() else {
            return;
        };
        let response = self.assignment_of(member_id);
        self.out.reply(sync.token, Response::SyncGroup(response));
        self.renew_session(member_id);
    }

    pub fn assignment_of(&self, member_id: &str) -> SyncGroupResponse {
        let member = self.group.member(member_id);
        SyncGroupResponse {
            protocol_type: self.group.protocol_type.clone(),
            protocol_name: self.group.protocol.clone(),
            assignment: member.map(|it| it.assignment.clone()).unwrap_or_default(),
            ..Default::default()
        }
    }

    pub fn answer_sync_error(&mut self, sync: Waiting, code: ErrorCode) {
        self.out.reply(sync.token, sync_error(code));
    }

    pub fn member_ids(&self) -> Vec<Str> {
        self.group.members().map(|it| it.id.clone()).collect()
    }
}

/// Versions before 7 have no null for a protocol that is not chosen.
fn join_response(version: i16, response: JoinGroupResponse) -> Response {
    let name = response.protocol_name;
    Response::JoinGroup(JoinGroupResponse {
        protocol_name: match version {
            ..=6 => Some(name.unwrap_or_default()),
            _ => name,
        },
        ..response
    })
}

pub(super) fn join_error(version: i16, member_id: Str, code: ErrorCode) -> Response {
    let response = JoinGroupResponse {
        error_code: code.into(),
        generation_id: -1,
        protocol_name: None,
        member_id,
        ..Default::default()
    };
    join_response(version, response)
}

pub(super) fn sync_error(code: ErrorCode) -> Response {
    Response::SyncGroup(SyncGroupResponse {
        error_code: code.into(),
        ..Default::default()
    })
}
