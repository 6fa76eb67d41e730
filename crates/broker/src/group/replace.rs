//! A static member that comes back without its id (KIP-345).

use millrace_kafka_wire::{ErrorCode, Str};

use super::join::Joining;
use super::state::State;
use super::timers::Timer;
use super::turn::Turn;

impl Turn<'_> {
    /// The member is given another id, and who still uses the old one is fenced.
    pub(super) fn replace_static(&mut self, before: &str, new_id: Str, joining: Joining) {
        let version = joining.waiting.version;
        let leader_before = self.group.leader.clone().unwrap_or_default();
        if let Some(removed) = self.group.rename(before, &new_id) {
            let timer = Timer::Session(self.group.id.clone(), removed.id.clone());
            self.timers.cancel(&timer);
            self.refuse(&removed, ErrorCode::FencedInstanceId, removed.id.clone());
        }
        self.take_over(&new_id, joining);
        self.renew_session(&new_id);
        match self.group.state {
            State::Stable if self.group.elect_protocol() == self.group.protocol => {
                self.tell_replaced(&new_id, version, leader_before);
            }
            // The leader may have been told of the old id: what it assigns would be lost.
            State::Stable | State::CompletingRebalance => self.prepare(),
            _ => self.complete_join_if_all_joined(),
        }
    }

    /// Nothing changes for the others: the member goes on with what was assigned to it.
    fn tell_replaced(&mut self, id: &str, version: i16, leader_before: Str) {
        if !self.write_group() {
            self.prepare();
            return;
        }
        let Some(join) = self.group.park_join(id, None) else {
            return;
        };
        let is_leader = self.group.is_leader(id);
        let response = match version {
            // A leader of these versions would assign; it is told of a leader that is another.
            ..=8 => self.joined(id, leader_before, Vec::new()),
            _ => {
                let members = match is_leader {
                    true => self.members_for_leader(),
                    false => Vec::new(),
                };
                let leader = self.group.leader.clone().unwrap_or_default();
                let mut response = self.joined(id, leader, members);
                response.skip_assignment = is_leader;
                response
            }
        };
        self.answer(join, response);
    }
}
