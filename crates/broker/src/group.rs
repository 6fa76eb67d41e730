//! The coordinator of classic consumer groups and of committed offsets.
//!
//! A [`Shard`] has the groups of one partition of `__consumer_offsets`. It is a pure state
//! machine: it has no clock, no thread and no I/O; the same calls give the same effects. What it
//! decides is in the records that it has written, in Kafka's formats, so that another shard which
//! reads them stands where this one stood.
//!
//! # How it is driven
//!
//! 1. [`Shard::load`] and [`Shard::load_marker`] take the log from its start to its end, in its
//!    order; [`Shard::loaded`] ends that. Until then requests are answered with
//!    [`Request::failed`].
//! 2. [`Shard::handle`] takes a request and a [`Token`]. The token is answered once: in these
//!    effects or in later ones, of any call. JoinGroup waits for a rebalance, SyncGroup for the
//!    leader's assignment.
//! 3. The [`Step`]s of [`Effects`] are done in order, those of one call before those of the next:
//!    the records of a step are appended as one batch, and its replies are sent when all records
//!    up to and with this step are durable. A step without records waits for those before it.
//! 4. [`Shard::tick`] is called when [`Shard::deadline`] has come, before any request that comes
//!    later; a late call loses nothing, but a silent member is one until then.
//! 5. [`Shard::on_marker`] is called when the end of a transaction was appended,
//!    [`Shard::topic_deleted`] when a topic is gone.
//!
//! The state changes with the call, before its records are durable. When a batch cannot be
//! written, the shard stands where the log does not: every reply of that step and of all that
//! come after it is sent as [`Response::failed`], what still waits inside is answered with
//! [`Shard::close`], and another shard is loaded from the log.
//!
//! # What is left to the caller
//!
//! - Which groups belong to the partition. DescribeGroups, DeleteGroups and OffsetFetch are asked
//!   with groups of this partition only, ListGroups is asked of every shard, and the answers are
//!   put together.
//! - Authorisation, throttling, and whether topics and partitions exist.
//! - Topic ids. In OffsetCommit and OffsetFetch, both the name and the id of a topic are set,
//!   whichever of them the version has; both are in the answer, the id as it was when the offset
//!   was committed if all topics were asked for. An id that is known keeps an offset from being
//!   taken for one of a later topic of the same name.
//! - Whether a producer may write. The log is asked before TxnOffsetCommit is handed over, since
//!   a batch that it refuses ends the shard; the same goes for the state of the transaction.
//! - `now` in milliseconds since 1970. It should not go back; where it does, deadlines are late.
//!
//! # Memory
//!
//! What is kept is copied out of requests, and is not more than they sent: a member with its
//! protocols and assignment, an offset with its metadata, an id for each member that is to come
//! again. All of it goes with a session, a retention time or a request to delete.

mod commit;
mod delete;
mod describe;
mod effects;
mod expiry;
mod failed;
mod fetch;
mod heartbeat;
mod join;
mod leave;
mod load;
mod member;
mod membership;
mod offsets;
mod rebalance;
mod records;
mod replace;
mod request;
mod settings;
mod state;
mod subscription;
mod sync;
#[cfg(test)]
mod tests;
mod timers;
mod transaction;
mod turn;

use std::collections::BTreeMap;
use std::fmt;

use millrace_kafka_wire::{ErrorCode, Str};

pub use effects::{Effects, KeyAndValue, Step};
pub(crate) use effects::{batch_size, batches};
pub(crate) use failed::told;
pub use load::RecordOrigin;
pub use request::{Caller, Request, Response, Token};
pub use settings::GroupSettings;

use membership::Group;
use offsets::Offsets;
use timers::{Timer, Timers};
use turn::{Turn, join_error, sync_error};

/// Gives the random bits of member ids. They have to be hard to guess: whoever knows the id of a
/// member can speak for it.
pub type MemberIds = Box<dyn FnMut() -> u128 + Send>;

/// The groups of one partition of `__consumer_offsets`; see the [module](self).
pub struct Shard {
    settings: GroupSettings,
    ids: MemberIds,
    groups: BTreeMap<Str, Group>,
    offsets: Offsets,
    timers: Timers,
    skipped: BTreeMap<i16, u64>,
}

impl Shard {
    /// One without groups.
    pub fn new(settings: GroupSettings, ids: MemberIds) -> Self {
        Self {
            settings,
            ids,
            groups: BTreeMap::new(),
            offsets: Offsets::default(),
            timers: Timers::default(),
            skipped: BTreeMap::new(),
        }
    }

    /// Takes a request.
    pub fn handle(&mut self, now: i64, token: Token, caller: Caller, request: Request) -> Effects {
        let mut effects = Effects::default();
        let out = &mut effects;
        let caller = &caller;
        match request {
            Request::JoinGroup(it) => self.join(now, token, caller, it, out),
            Request::SyncGroup(it) => self.sync(now, token, caller, it, out),
            Request::Heartbeat(it) => self.heartbeat(now, token, &it, out),
            Request::LeaveGroup(it) => self.leave(now, token, caller, it, out),
            Request::OffsetCommit(it) => self.commit(now, token, caller, &it, out),
            Request::OffsetFetch(it) => self.fetch(token, caller, it, out),
            Request::OffsetDelete(it) => self.delete_offsets(token, &it, out),
            Request::TxnOffsetCommit(it) => {
                self.commit_in_transaction(now, token, caller, &it, out);
            }
            Request::DescribeGroups(it) => self.describe(token, caller, it, out),
            Request::ListGroups(it) => self.list(token, &it, out),
            Request::DeleteGroups(it) => self.delete_groups(token, it, out),
        }
        effects
    }

    /// The offsets that are committed: group, topic, partition and offset of each, in order.
    pub fn committed(&self) -> impl Iterator<Item = (&Str, &Str, i32, i64)> {
        self.offsets.all()
    }

    /// When [`Shard::tick`] has something to do; `None` before the shard is loaded.
    pub fn deadline(&self) -> Option<i64> {
        self.timers.first()
    }

    /// Does what is due.
    pub fn tick(&mut self, now: i64) -> Effects {
        let mut effects = Effects::default();
        let out = &mut effects;
        while let Some(timer) = self.timers.pop(now) {
            match &timer {
                Timer::Sweep => self.sweep(now, out),
                Timer::Join(id) => self.on_timer(now, id, out, |turn| turn.on_join_timer()),
                Timer::Sync(id) => self.on_timer(now, id, out, |turn| turn.on_sync_timer()),
                Timer::Session(id, member) => {
                    self.on_timer(now, id, out, |turn| turn.on_session_timer(member));
                }
            }
        }
        effects
    }

    /// Ends the shard: the answers to all requests that wait in it. `code` is what the log says,
    /// or `NOT_COORDINATOR` when the partition moves away.
    pub fn close(mut self, code: ErrorCode) -> Vec<(Token, Response)> {
        let mut answers = Vec::new();
        for group in self.groups.values_mut() {
            for member in group.members() {
                if let Some(it) = member.join {
                    let error = join_error(it.version, member.id.clone(), code);
                    answers.push((it.token, error.failed(it.version, code)));
                }
                if let Some(it) = member.sync {
                    answers.push((it.token, sync_error(code).failed(it.version, code)));
                }
            }
        }
        answers
    }

    fn on_timer(&mut self, now: i64, id: &Str, out: &mut Effects, f: impl FnOnce(&mut Turn<'_>)) {
        if let Some(mut turn) = self.turn(now, id, out) {
            f(&mut turn);
        }
    }

    fn turn<'a>(&'a mut self, now: i64, id: &str, out: &'a mut Effects) -> Option<Turn<'a>> {
        Some(Turn {
            now,
            settings: &self.settings,
            timers: &mut self.timers,
            out,
            group: self.groups.get_mut(id)?,
        })
    }

    /// The name that a client gave itself or its instance, and random bits, as Kafka has it.
    fn new_member_id(&mut self, caller: &Caller, instance_id: Option<&Str>) -> Str {
        let name = instance_id.unwrap_or(&caller.client_id);
        let bits = (self.ids)();
        let (a, b, c, d, e) = (
            bits >> 96,
            bits >> 80 & 0xffff,
            bits >> 64 & 0xffff,
            bits >> 48 & 0xffff,
            bits & 0xffff_ffff_ffff,
        );
        let end = name.floor_char_boundary(MEMBER_NAME_MAX);
        let name = name.get(..end).unwrap_or_default();
        format!("{name}-{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}").into()
    }
}

/// Longest name that is part of a member id, in bytes: an id has to fit into a record.
const MEMBER_NAME_MAX: usize = 1024;

impl fmt::Debug for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard")
            .field("groups", &self.groups)
            .field("offsets", &self.offsets)
            .field("deadline", &self.deadline())
            .finish_non_exhaustive()
    }
}
