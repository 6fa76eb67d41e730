//! The coordinator of transactions.
//!
//! A [`Shard`] has the transactional ids of one partition of `__transaction_state`. It is a pure
//! state machine, as the coordinator of groups is ([`crate::group`]): it has no clock, no thread
//! and no I/O; the same calls give the same effects. What it decides is in the records that it has
//! written, in Kafka's formats, so that another shard which reads them stands where this one stood.
//!
//! Transactions are those of version 2 (KIP-890), which a cluster has to have in force: every end
//! raises the epoch of the producer. Clients that know version 0 only are served, too: the version
//! of a request says which of them it is of.
//!
//! # How it is driven
//!
//! 1. [`Shard::load`] takes the log from its start to its end, in its order; [`Shard::loaded`] ends
//!    that, and its effects count. Until then requests are answered with [`Request::failed`].
//! 2. [`Shard::handle`] takes a request and a [`Token`]. The token is answered once: in these
//!    effects or in later ones, of any call.
//! 3. The [`Step`]s of [`Effects`] are done in order, those of one call before those of the next:
//!    the records of a step are appended as one batch. Its replies and its [`Markers`] are sent when
//!    all records up to and with this step are durable. A step without records waits for those
//!    before it.
//! 4. Markers are written to their partitions until each is written or its partition is gone, in
//!    any order; [`Shard::on_markers_written`] is told, for all partitions at once or for some. A
//!    transaction whose partitions were all told is over, and the next one may begin.
//! 5. [`Shard::tick`] is called when [`Shard::deadline`] has come; a late call loses nothing.
//! 6. After each of these calls, when [`Shard::wants_producer_id`] says so, a producer id is got
//!    that nobody else has, and [`Shard::on_producer_id`] is called with it, or with the error. What
//!    needs it waits inside meanwhile; everything else goes on.
//! 7. [`Request::Hold`] is answered when no transaction is ending any more; from then on none ends,
//!    and what would decide so waits inside, until [`Shard::release`] is called.
//!
//! The state changes with the call, before its records are durable, and a later request sees the
//! new state. Its answer waits for the records before it, so that nobody is told of what may be
//! lost. Kafka refuses such a request with `CONCURRENT_TRANSACTIONS`; here that is told only of a
//! transaction that is ending.
//!
//! When a batch cannot be written, the shard stands where the log does not: every reply of that
//! step and of all that come after it is sent as [`Response::failed`], their markers are not sent,
//! what still waits inside is answered with [`Shard::close`], and another shard is loaded from the
//! log. Markers of the old one that are on their way have to be done or given up before that, and
//! are not reported to the new one, which sends all markers of its transactions again. One of them
//! that comes late could end the next transaction of a client of version 0.
//!
//! # What is left to the caller
//!
//! - Which transactional ids belong to the partition. A batched AddPartitionsToTxn and
//!   DescribeTransactions are asked with those of this partition only, ListTransactions is asked of
//!   every shard, and the answers are put together.
//! - Authorisation, throttling, and whether topics and partitions exist. If some partitions of an
//!   AddPartitionsToTxn may not be added, none is.
//! - InitProducerId without a transactional id, which any broker answers.
//! - Two-phase commit (KIP-939): it comes with version 6 of InitProducerId, which the codec does
//!   not have. A transaction of it that Kafka left in the log has no timeout.
//! - `now` in milliseconds since 1970. It should not go back; where it does, deadlines are late.
//!
//! # Memory
//!
//! What is kept is copied out of requests, and is not more than they sent: an id with its producer,
//! and the partitions of its open transaction, whose record fits a batch. An id goes when it was not
//! used for the time that settings say. A request that waits for a producer id is kept as it came.

mod add;
mod deadlines;
mod describe;
mod effects;
mod end;
mod entry;
mod failed;
mod hold;
mod ids;
mod init;
mod load;
mod records;
mod request;
mod settings;
mod state;
#[cfg(test)]
mod tests;
mod time;

use std::collections::BTreeMap;

use millrace_kafka_wire::{ErrorCode, Str};

pub use crate::group::{Caller, KeyAndValue, Token};
pub use effects::{Effects, Markers, Step};
pub use records::LoadError;
pub use request::{Request, Response};
pub use settings::TransactionSettings;

use deadlines::Deadlines;
use entry::Transaction;
use hold::{Hold, Settling};
use ids::{ProducerIds, Refused, Waiting, Waits};
use records::record;

/// The version of transactions by which the coordinator ends them of its own accord.
const SERVER_VERSION: i16 = 2;

/// The transactional ids of one partition of `__transaction_state`; see the [module](self).
#[derive(Debug)]
pub struct Shard {
    settings: TransactionSettings,
    coordinator_epoch: i32,
    transactions: BTreeMap<Str, Transaction>,
    deadlines: Deadlines,
    producer_ids: ProducerIds,
    /// Decisions are held.
    hold: Option<Hold>,
    settling: Settling,
    skipped: BTreeMap<i16, u64>,
}

impl Shard {
    /// One without transactions. Its epoch is the leader epoch of its partition: it tells markers
    /// of a former coordinator from its own.
    pub fn new(settings: TransactionSettings, coordinator_epoch: i32) -> Self {
        Self {
            settings,
            coordinator_epoch,
            transactions: BTreeMap::new(),
            deadlines: Deadlines::default(),
            producer_ids: ProducerIds::default(),
            hold: None,
            settling: Settling::default(),
            skipped: BTreeMap::new(),
        }
    }

    /// Takes a request.
    pub fn handle(&mut self, now: i64, token: Token, caller: Caller, request: Request) -> Effects {
        let mut out = Effects::default();
        let waiting = Waiting {
            token,
            caller,
            request,
        };
        self.take(now, waiting, &mut out);
        out
    }

    fn take(&mut self, now: i64, asked: Waiting, out: &mut Effects) {
        let version = asked.caller.version;
        match self.decide(now, version, &asked.request, out) {
            Ok(response) => out.reply(asked.token, response),
            Err(Waits::ProducerId) => self.producer_ids.requests.push_back(asked),
            Err(Waits::Release) => {
                let hold = self.hold.get_or_insert_default();
                hold.requests.push_back(asked);
            }
            Err(Waits::Ends) => self.settling.tokens.push(asked.token),
        }
    }

    /// The answer, or what the request waits for.
    fn decide(
        &mut self,
        now: i64,
        version: i16,
        request: &Request,
        out: &mut Effects,
    ) -> Result<Response, Waits> {
        Ok(match request {
            Request::InitProducerId(it) => init::response(version, waits(self.init(now, it, out))?),
            Request::EndTxn(it) => {
                end::response(version, waits(self.end_txn(now, version, it, out))?)
            }
            Request::AddPartitionsToTxn(it) => self.add_partitions(now, version, it, out),
            Request::AddOffsetsToTxn {
                request,
                offsets_partition,
            } => self.add_offsets(now, version, request, *offsets_partition, out),
            Request::DescribeTransactions(it) => self.describe(it),
            Request::ListTransactions(it) => self.list(now, it),
            Request::Hold => {
                self.hold();
                self.settled()?
            }
            Request::AbortAll => self.abort_all(now, out)?,
            Request::RenewAll { below } => self.renew_all(now, *below, out)?,
        })
    }

    /// Ends the shard: the answers to all requests that wait in it. `code` is what the log says,
    /// or `NOT_COORDINATOR` when the partition moves away.
    pub fn close(self, code: ErrorCode) -> Vec<(Token, Response)> {
        let held = self.hold.iter().flat_map(|it| &it.requests);
        let waiting = self.producer_ids.requests.iter().chain(held);
        let settling = self.settling.tokens.iter();
        let settling = settling.map(|it| (*it, Response::Settled(code)));
        waiting.map(|it| it.failed(code)).chain(settling).collect()
    }

    /// Writes an id as it is, and sets its deadline.
    fn write(&mut self, id: &Str, out: &mut Effects) {
        if let Some(transaction) = self.transactions.get(id) {
            out.write(vec![record(id, transaction)]);
        }
        self.schedule(id);
    }
}

/// What was decided or refused, unless that waits.
fn waits<T>(decided: Result<T, Refused>) -> Result<Result<T, ErrorCode>, Waits> {
    match decided {
        Ok(it) => Ok(Ok(it)),
        Err(refused) => refused.waits().map_or_else(|code| Ok(Err(code)), Err),
    }
}
