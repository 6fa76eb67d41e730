//! JoinGroup.

use millrace_kafka_wire::api::join_group::JoinGroupRequest;
use millrace_kafka_wire::{ErrorCode, Str};

use super::effects::Effects;
use super::member::{Member, Protocol, Waiting, detached};
use super::membership::Group;
use super::settings::NEW_MEMBER_JOIN_TIMEOUT_MS;
use super::state::State;
use super::turn::{Turn, join_error};
use super::{Caller, Shard, Token};

/// From this version on a new dynamic member is given its id first (KIP-394).
const MEMBER_ID_REQUIRED_FROM: i16 = 4;

/// A request to join, as far as it is kept.
pub(super) struct Joining {
    pub waiting: Waiting,
    instance_id: Option<Str>,
    client_id: Str,
    client_host: Str,
    rebalance_timeout_ms: i32,
    session_timeout_ms: i32,
    protocol_type: Str,
    protocols: Vec<Protocol>,
}

impl Joining {
    fn new(waiting: Waiting, caller: &Caller, request: &JoinGroupRequest) -> Self {
        Self {
            waiting,
            instance_id: request.group_instance_id.as_ref().map(Str::detach),
            client_id: caller.client_id.detach(),
            client_host: caller.client_host.detach(),
            // Version 0 has one timeout for both.
            rebalance_timeout_ms: match caller.version {
                0 => request.session_timeout_ms,
                _ => request.rebalance_timeout_ms,
            },
            session_timeout_ms: request.session_timeout_ms,
            protocol_type: request.protocol_type.detach(),
            protocols: detached(&request.protocols),
        }
    }
}

impl Shard {
    pub(super) fn join(
        &mut self,
        now: i64,
        token: Token,
        caller: &Caller,
        request: JoinGroupRequest,
        out: &mut Effects,
    ) {
        let version = caller.version;
        let waiting = Waiting { token, version };
        if let Err(code) = self.check_join(&request) {
            out.reply(token, join_error(version, request.member_id, code));
            return;
        }
        let is_created = !self.groups.contains_key(&request.group_id);
        if is_created {
            let id = request.group_id.detach();
            self.groups.insert(id.clone(), Group::new(id, Some(now)));
        }
        let is_new = request.member_id.is_empty();
        let instance_id = request.group_instance_id.as_ref();
        let new_id = is_new.then(|| self.new_member_id(caller, instance_id));
        let Some(mut turn) = self.turn(now, &request.group_id, out) else {
            return;
        };
        let joining = Joining::new(waiting, caller, &request);
        match new_id {
            Some(new_id) => turn.join_new(new_id, joining),
            None => turn.join_known(&request.member_id, joining),
        }
        // A group that is listed is a group that is there after a restart.
        if is_created {
            turn.write_new_group(now);
        }
    }

    /// What is wrong with a request whatever its group does, and what would only leave a new
    /// group behind.
    fn check_join(&self, request: &JoinGroupRequest) -> Result<(), ErrorCode> {
        let settings = &self.settings;
        if request.group_id.is_empty() {
            return Err(ErrorCode::InvalidGroupId);
        }
        let allowed = settings.min_session_timeout_ms..=settings.max_session_timeout_ms;
        if !allowed.contains(&request.session_timeout_ms) {
            return Err(ErrorCode::InvalidSessionTimeout);
        }
        if self.groups.contains_key(&request.group_id) {
            return Ok(());
        }
        if !request.member_id.is_empty() {
            return Err(ErrorCode::UnknownMemberId);
        }
        match request.protocol_type.is_empty() || request.protocols.is_empty() {
            true => Err(ErrorCode::InconsistentGroupProtocol),
            false => Ok(()),
        }
    }
}

impl Turn<'_> {
    fn join_new(&mut self, new_id: Str, joining: Joining) {
        if let Err(code) = self.check_room("").and(self.check_protocols(&joining)) {
            self.answer_join_error(joining.waiting, Str::EMPTY, code);
            return;
        }
        let instance_id = joining.instance_id.as_deref();
        let before = instance_id.and_then(|it| self.group.static_member(it).cloned());
        if let Some(before) = before {
            self.replace_static(&before, new_id, joining);
        } else if instance_id.is_none() && joining.waiting.version >= MEMBER_ID_REQUIRED_FROM {
            self.give_id(new_id, joining);
        } else {
            self.add_member(new_id, joining);
        }
    }

    /// The member is to come again with the id that it is given, so that a client which lost the
    /// answer leaves no member behind that waits for its whole session.
    fn give_id(&mut self, new_id: Str, joining: Joining) {
        self.group.pending_join.insert(new_id.clone());
        self.set_session(new_id.clone(), i64::from(joining.session_timeout_ms));
        self.answer_join_error(joining.waiting, new_id, ErrorCode::MemberIdRequired);
    }

    fn join_known(&mut self, member_id: &Str, joining: Joining) {
        if let Err(code) = self.check_room(member_id) {
            self.remove_member(member_id);
            self.answer_join_error(joining.waiting, Str::EMPTY, code);
            self.complete_join_if_all_joined();
            return;
        }
        if let Err(code) = self.check_protocols(&joining) {
            self.answer_join_error(joining.waiting, member_id.clone(), code);
            return;
        }
        if let Some(id) = self.group.pending_join.get(member_id).cloned() {
            match joining.instance_id {
                // Such an id is given to dynamic members only.
                Some(_) => {
                    let code = ErrorCode::UnknownServerError;
                    self.answer_join_error(joining.waiting, Str::EMPTY, code);
                }
                None => self.add_member(id, joining),
            }
            return;
        }
        let known = self
            .group
            .check_member(member_id, joining.instance_id.as_ref());
        match known {
            Ok(()) => self.join_again(member_id, joining),
            Err(code) => self.answer_join_error(joining.waiting, member_id.clone(), code),
        }
    }

    fn join_again(&mut self, member_id: &Str, joining: Joining) {
        let member = self.group.member(member_id);
        let is_same = member.is_some_and(|it| it.matches(&joining.protocols));
        match self.group.state {
            State::PreparingRebalance => self.update_member(member_id, joining),
            // It did not get the answer to its JoinGroup.
            State::CompletingRebalance if is_same => self.tell_generation(member_id, joining),
            State::CompletingRebalance => self.update_member(member_id, joining),
            // A follower joins again for nothing; a leader does because something changed that
            // its subscription does not tell, such as the partitions of a topic.
            State::Stable if is_same && !self.group.is_leader(member_id) => {
                self.tell_generation(member_id, joining);
            }
            State::Stable => self.update_member(member_id, joining),
            State::Empty | State::Dead => {
                let code = ErrorCode::UnknownMemberId;
                self.answer_join_error(joining.waiting, member_id.clone(), code);
            }
        }
    }

    fn tell_generation(&mut self, member_id: &str, joining: Joining) {
        let is_assigning = self.group.is(State::CompletingRebalance);
        let members = match is_assigning && self.group.is_leader(member_id) {
            true => self.members_for_leader(),
            false => Vec::new(),
        };
        let leader = self.group.leader.clone().unwrap_or_default();
        let response = self.joined(member_id, leader, members);
        self.answer(joining.waiting, response);
        self.renew_session(member_id);
    }

    /// Whether one more member fits.
    fn check_room(&self, member_id: &str) -> Result<(), ErrorCode> {
        let member = self.group.member(member_id);
        let has_room = match self.group.state {
            State::Empty | State::Dead => true,
            // Who joins last is not let in again when the limit became lower.
            State::PreparingRebalance => {
                member.is_some_and(|it| it.join.is_some())
                    || self.group.joining() < self.settings.max_size
            }
            State::CompletingRebalance | State::Stable => {
                member.is_some() || self.group.members().len() < self.settings.max_size
            }
        };
        match has_room {
            true => Ok(()),
            false => Err(ErrorCode::GroupMaxSizeReached),
        }
    }

    fn check_protocols(&self, joining: &Joining) -> Result<(), ErrorCode> {
        let names = joining.protocols.iter().map(|it| &it.name);
        match self.group.supports(&joining.protocol_type, names) {
            true => Ok(()),
            false => Err(ErrorCode::InconsistentGroupProtocol),
        }
    }

    fn add_member(&mut self, id: Str, joining: Joining) {
        if let Some(initial) = &mut self.group.initial {
            initial.has_grown = true;
        }
        let member = Member {
            id: id.clone(),
            instance_id: joining.instance_id,
            client_id: joining.client_id,
            client_host: joining.client_host,
            rebalance_timeout_ms: joining.rebalance_timeout_ms,
            session_timeout_ms: joining.session_timeout_ms,
            protocols: joining.protocols,
            assignment: Default::default(),
            join: Some(joining.waiting),
            sync: None,
            is_new: true,
        };
        self.group.add(member, joining.protocol_type);
        self.set_session(id, NEW_MEMBER_JOIN_TIMEOUT_MS);
        self.prepare_or_complete();
    }

    fn update_member(&mut self, id: &str, joining: Joining) {
        self.take_over(id, joining);
        self.prepare_or_complete();
    }

    /// What a member says of itself now holds, and its JoinGroup waits.
    pub(super) fn take_over(&mut self, id: &str, joining: Joining) {
        self.group.set_protocols(id, joining.protocols);
        if let Some(member) = self.group.member_mut(id) {
            member.rebalance_timeout_ms = joining.rebalance_timeout_ms;
            member.session_timeout_ms = joining.session_timeout_ms;
            member.client_id = joining.client_id;
            member.client_host = joining.client_host;
        }
        let before = self.group.park_join(id, Some(joining.waiting));
        if let Some(before) = before {
            let code = ErrorCode::RebalanceInProgress;
            self.answer_join_error(before, Str::from(id), code);
        }
    }
}
