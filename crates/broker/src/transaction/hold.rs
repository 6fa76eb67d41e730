//! Holding decisions, and waiting until no transaction is ending: what a backup needs, for which a
//! transaction is on all of its partitions or on none.

use std::collections::{BTreeSet, VecDeque};

use millrace_kafka_wire::{ErrorCode, Str};

use super::effects::Effects;
use super::entry::{NONE, Transaction};
use super::ids::{Waiting, Waits};
use super::state::State;
use super::{Response, SERVER_VERSION, Shard, Token};

/// What waits until decisions are released.
#[derive(Debug, Default)]
pub(super) struct Hold {
    /// Requests, in the order in which they came.
    pub requests: VecDeque<Waiting>,
    /// Ids whose transaction timed out and is to be aborted.
    pub timed_out: BTreeSet<Str>,
}

/// Who waits until no transaction is ending.
#[derive(Debug, Default)]
pub(super) struct Settling {
    /// How many transactions are ending.
    pub ending: usize,
    pub tokens: Vec<Token>,
}

impl Shard {
    /// From now on it is not decided how a transaction ends: what asks for that waits inside, and
    /// what times out stays open, until [`Shard::release`]. Everything else goes on.
    pub fn hold(&mut self) {
        self.hold.get_or_insert_default();
    }

    /// Decides what has waited, in the order in which it came. Nothing when nothing is held.
    pub fn release(&mut self, now: i64) -> Effects {
        let mut out = Effects::default();
        let Some(hold) = self.hold.take() else {
            return out;
        };
        for waiting in hold.requests {
            self.take(now, waiting, &mut out);
        }
        for id in hold.timed_out {
            self.time_out_if_due(now, &id, &mut out);
        }
        out
    }

    /// Aborts every transaction that is open, by which its producer is fenced.
    pub(super) fn abort_all(&mut self, now: i64, out: &mut Effects) -> Result<Response, Waits> {
        let open = self.transactions.iter();
        let open = open.filter(|(_, it)| it.state == State::Ongoing);
        let open: Vec<Str> = open.map(|(id, _)| id.clone()).collect();
        for id in open {
            if let Err(refused) = self.end(now, &id, false, SERVER_VERSION, out) {
                let waits = refused.waits();
                return waits.map_or_else(|code| Ok(Response::Settled(code)), Err);
            }
        }
        self.settled()
    }

    /// Gives every id without a transaction a producer id that is not below `below`.
    pub(super) fn renew_all(
        &mut self,
        now: i64,
        below: i64,
        out: &mut Effects,
    ) -> Result<Response, Waits> {
        let is_over = |it: &Transaction| it.state != State::Ongoing && !it.state.is_ending();
        let old = self.transactions.iter();
        let old = old.filter(|(_, it)| it.producer_id < below && is_over(it));
        let old: Vec<Str> = old.map(|(id, _)| id.clone()).collect();
        for id in old {
            // Those before it are not old any more when the next id is there.
            let producer_id = match self.producer_ids.take() {
                Ok(producer_id) => producer_id,
                Err(refused) => {
                    let waits = refused.waits();
                    return waits.map_or_else(|code| Ok(Response::Settled(code)), Err);
                }
            };
            if let Some(transaction) = self.transactions.get_mut(&id) {
                let timeout_ms = transaction.timeout_ms;
                transaction.restart(now, (producer_id, 0), NONE.into(), timeout_ms);
            }
            self.write(&id, out);
        }
        Ok(Response::Settled(ErrorCode::None))
    }

    /// The answer once no transaction is ending.
    pub(super) fn settled(&self) -> Result<Response, Waits> {
        match self.settling.ending {
            0 => Ok(Response::Settled(ErrorCode::None)),
            _ => Err(Waits::Ends),
        }
    }

    /// A transaction has ended that was ending: whoever waited for the last one is answered.
    pub(super) fn note_end(&mut self, out: &mut Effects) {
        self.settling.ending = self.settling.ending.saturating_sub(1);
        if self.settling.ending == 0 {
            for token in std::mem::take(&mut self.settling.tokens) {
                out.reply(token, Response::Settled(ErrorCode::None));
            }
        }
    }
}
