//! The way from one generation of a group to the next.
//!
//! `prepare` has the members join again; when all have, or their time is over, `complete_join`
//! begins the next generation and answers them; then the leader sends the assignment (`sync`).

use millrace_kafka_wire::ErrorCode;

use super::state::{InitialDelay, State};
use super::turn::Turn;

/// How long a group waits at least, when none of its members joined, before it looks again. A
/// member that joins or goes is noticed without that.
const NOBODY_JOINED_DELAY_MS: i64 = 1_000;

impl Turn<'_> {
    /// After a member came, changed or went.
    pub fn prepare_or_complete(&mut self) {
        match self.group.is(State::PreparingRebalance) {
            true => self.complete_join_if_all_joined(),
            false => self.prepare(),
        }
    }

    /// Begins a rebalance.
    pub fn prepare(&mut self) {
        if self.group.is(State::CompletingRebalance) {
            self.cancel_assignment(ErrorCode::RebalanceInProgress);
        }
        self.group.pending_sync.clear();
        self.cancel_sync_timer();
        let was_empty = self.group.is(State::Empty);
        self.group.enter(State::PreparingRebalance, self.now);
        if was_empty {
            self.begin_initial_delay();
        } else if self.group.has_all_joined() {
            self.complete_join();
        } else {
            let timeout = self.group.rebalance_timeout_ms();
            self.set_join_timer(timeout);
        }
    }

    /// The members are new: others are likely to come.
    fn begin_initial_delay(&mut self) {
        let delay_ms = i64::from(self.settings.initial_rebalance_delay_ms.max(0));
        let remaining_ms = (self.group.rebalance_timeout_ms() - delay_ms).max(0);
        self.group.initial = Some(InitialDelay {
            delay_ms,
            remaining_ms,
            has_grown: false,
        });
        match delay_ms {
            0 => self.complete_join(),
            _ => self.set_join_timer(delay_ms),
        }
    }

    /// The time to join is over.
    pub fn on_join_timer(&mut self) {
        match self.group.initial {
            Some(initial) if initial.has_grown && initial.remaining_ms > 0 => {
                let full = i64::from(self.settings.initial_rebalance_delay_ms);
                let delay_ms = full.min(initial.remaining_ms);
                self.group.initial = Some(InitialDelay {
                    delay_ms,
                    remaining_ms: (initial.remaining_ms - initial.delay_ms).max(0),
                    has_grown: false,
                });
                self.set_join_timer(delay_ms);
            }
            _ => self.complete_join(),
        }
    }

    /// The first rebalance of an empty group waits for its delay whoever joined.
    pub fn complete_join_if_all_joined(&mut self) {
        let is_due = self.group.is(State::PreparingRebalance)
            && self.group.initial.is_none()
            && self.group.has_all_joined();
        if is_due {
            self.complete_join();
        }
    }

    /// Begins the next generation with the members that joined, and the static ones.
    pub fn complete_join(&mut self) {
        if !self.group.is(State::PreparingRebalance) {
            return;
        }
        self.cancel_join_timer();
        self.remove_dynamic_members_that_did_not_join();
        if !self.group.elect_joined_leader() && self.group.members().len() > 0 {
            let timeout = self.group.rebalance_timeout_ms();
            self.set_join_timer(timeout.max(NOBODY_JOINED_DELAY_MS));
            return;
        }
        self.group.next_generation(self.now);
        if self.group.is(State::Empty) {
            self.write_group();
            return;
        }
        for id in self.member_ids() {
            self.answer_join(&id);
            self.renew_session(&id);
            if let Some(member) = self.group.member_mut(&id) {
                member.is_new = false;
            }
            self.group.pending_sync.insert(id);
        }
        self.set_sync_timer();
    }

    fn remove_dynamic_members_that_did_not_join(&mut self) {
        let absent: Vec<_> = self
            .group
            .members()
            .filter(|it| it.join.is_none() && it.instance_id.is_none())
            .map(|it| it.id.clone())
            .collect();
        for id in absent {
            self.remove_member(&id);
        }
    }

    /// What was assigned holds no longer; who waits for an assignment is told the error.
    pub fn cancel_assignment(&mut self, code: ErrorCode) {
        for id in self.member_ids() {
            let Some(member) = self.group.member_mut(&id) else {
                continue;
            };
            member.assignment = Default::default();
            if let Some(sync) = member.sync.take() {
                self.answer_sync_error(sync, code);
                self.renew_session(&id);
            }
        }
    }

    /// Members that did not ask for their assignment in time are none any more.
    pub fn on_sync_timer(&mut self) {
        let is_open = matches!(self.group.state, State::CompletingRebalance | State::Stable);
        if !is_open || self.group.pending_sync.is_empty() {
            return;
        }
        for id in std::mem::take(&mut self.group.pending_sync) {
            self.remove_member(&id);
        }
        self.prepare();
    }

    /// After a member or a member id was removed.
    pub fn after_removal(&mut self) {
        match self.group.state {
            State::Stable | State::CompletingRebalance => self.prepare(),
            State::PreparingRebalance if self.group.has_all_joined() => self.complete_join(),
            State::PreparingRebalance | State::Empty | State::Dead => {}
        }
    }
}
