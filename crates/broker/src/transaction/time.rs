//! What happens when nobody asks: transactions time out, and ids expire.

use millrace_kafka_wire::{ErrorCode, Str};

use super::effects::Effects;
use super::entry::Transaction;
use super::ids::Refused;
use super::records::tombstone;
use super::state::State;
use super::{SERVER_VERSION, Shard};

impl Shard {
    /// When [`Shard::tick`] has something to do; `None` before the shard is loaded.
    pub fn deadline(&self) -> Option<i64> {
        self.deadlines.first()
    }

    /// Does what is due.
    pub fn tick(&mut self, now: i64) -> Effects {
        let mut out = Effects::default();
        let mut forgotten = Vec::new();
        while let Some(id) = self.deadlines.pop(now) {
            let Some(transaction) = self.transactions.get(&id) else {
                continue;
            };
            if transaction.state == State::Ongoing {
                self.time_out(now, &id, &mut out);
            } else {
                self.transactions.remove(&id);
                forgotten.push(tombstone(&id));
            }
        }
        out.write_in_parts(forgotten, self.settings.max_batch_bytes);
        out
    }

    /// Aborts a transaction, and fences its producer by that.
    fn time_out(&mut self, now: i64, id: &Str, out: &mut Effects) {
        let Err(refused) = self.end(now, id, false, SERVER_VERSION, out) else {
            return;
        };
        if let (Refused::Held, Some(hold)) = (refused, &mut self.hold) {
            hold.timed_out.insert(id.clone());
            return;
        }
        self.producer_ids.timed_out.insert(id.clone());
        let again = now.saturating_add(self.settings.abort_retry_ms.max(1));
        self.deadlines.set(id, Some(again));
    }

    /// Aborts a transaction if it is still open and late.
    pub(super) fn time_out_if_due(&mut self, now: i64, id: &Str, out: &mut Effects) {
        let is_due = |it: &Transaction| {
            it.state == State::Ongoing && it.times_out_at().is_some_and(|at| at <= now)
        };
        if self.transactions.get(id).is_some_and(is_due) {
            self.time_out(now, id, out);
        }
    }

    /// Whether something waits for a new producer id: [`Shard::on_producer_id`] is to be called
    /// with one, once.
    pub fn wants_producer_id(&self) -> bool {
        self.producer_ids.is_wanted()
    }

    /// Takes a producer id that nobody else has or gets, or why there is none. One that is not
    /// needed any more is kept for the next who does.
    pub fn on_producer_id(&mut self, now: i64, given: Result<i64, ErrorCode>) -> Effects {
        let mut out = Effects::default();
        let requests = std::mem::take(&mut self.producer_ids.requests);
        let timed_out = std::mem::take(&mut self.producer_ids.timed_out);
        match given {
            Ok(id) => self.producer_ids.spare = Some(id),
            // The deadlines of those that timed out come again.
            Err(code) => {
                for (token, response) in requests.iter().map(|it| it.failed(code)) {
                    out.reply(token, response);
                }
                return out;
            }
        }
        for waiting in requests {
            self.take(now, waiting, &mut out);
        }
        for id in timed_out {
            self.time_out_if_due(now, &id, &mut out);
        }
        out
    }

    /// Sets the deadline that an id has in its state.
    pub(super) fn schedule(&mut self, id: &Str) {
        let Some((id, transaction)) = self.transactions.get_key_value(id) else {
            return;
        };
        let expiration_ms = self.settings.id_expiration_ms;
        let due = match transaction.state {
            State::Ongoing => transaction.times_out_at(),
            State::PrepareCommit | State::PrepareAbort => None,
            State::Empty | State::CompleteCommit | State::CompleteAbort => {
                Some(transaction.updated_at.saturating_add(expiration_ms))
            }
        };
        self.deadlines.set(id, due);
    }
}
