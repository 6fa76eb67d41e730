//! A shard as its log says it is.

use bytes::Bytes;
use millrace_kafka_wire::records::group_metadata::{GroupMetadataValue, MemberMetadata};
use millrace_kafka_wire::{ReadError, Str};

use super::Shard;
use super::effects::Effects;
use super::member::{Member, Protocol};
use super::membership::Group;
use super::records::{Key, read_group, read_key, read_offset};
use super::state::State;
use super::timers::Timer;

/// Where a record comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordOrigin {
    /// Id and epoch of the producer in whose transaction the record is; `None` for one that is in
    /// no transaction.
    pub producer: Option<(i64, i16)>,
}

impl Shard {
    /// Takes a record of the log, in the order of the log. Those of kinds of groups that are not
    /// built are skipped and counted: see [`Shard::skipped`].
    ///
    /// # Errors
    /// The record cannot be read; nothing was changed. What follows in the log may depend on it,
    /// so that a shard which goes on may give out older offsets than were committed.
    pub fn load(
        &mut self,
        key: Bytes,
        value: Option<Bytes>,
        from: RecordOrigin,
    ) -> Result<(), ReadError> {
        match (read_key(key)?, value) {
            (Key::Offset(place), Some(value)) => {
                let offset = read_offset(value)?;
                self.ensure_group(&place.group);
                match from.producer {
                    Some((id, _)) => self.offsets.put_pending(id, place, offset),
                    None => self.offsets.put(place, offset),
                }
            }
            (Key::Offset(place), None) => self.offsets.remove(&place),
            (Key::Group(id), Some(value)) => {
                let group = loaded_group(id.detach(), read_group(value)?);
                self.groups.insert(group.id.clone(), group);
            }
            (Key::Group(id), None) => {
                self.groups.remove(&id);
            }
            (Key::Other(number), _) => *self.skipped.entry(number).or_default() += 1,
        }
        Ok(())
    }

    /// Takes the end of a transaction, as the log has it among its records.
    pub fn load_marker(&mut self, producer_id: i64, is_commit: bool) {
        self.offsets.end(producer_id, is_commit);
    }

    /// The log was read to its end: sessions begin.
    pub fn loaded(&mut self, now: i64) -> Effects {
        let mut out = Effects::default();
        for id in self.offsets.groups() {
            self.ensure_group(&id);
        }
        let ids: Vec<Str> = self.groups.keys().cloned().collect();
        for id in ids {
            let Some(mut turn) = self.turn(now, &id, &mut out) else {
                continue;
            };
            for member in turn.member_ids() {
                turn.renew_session(&member);
            }
            // The limit may have become lower: who joins first stays.
            if turn.group.members().len() > turn.settings.max_size {
                turn.prepare();
            }
        }
        let interval = self.settings.offsets_retention_check_interval_ms;
        self.timers.set(Timer::Sweep, now, interval);
        out
    }

    /// How many records of other kinds of groups the log had, by the number of the kind: those of
    /// KIP-848, of share groups and of streams groups.
    pub fn skipped(&self) -> impl Iterator<Item = (i16, u64)> {
        self.skipped.iter().map(|(number, count)| (*number, *count))
    }

    /// A group that only keeps offsets has no record of its own.
    pub(super) fn ensure_group(&mut self, id: &Str) {
        if !self.groups.contains_key(id) {
            let id = id.detach();
            self.groups.insert(id.clone(), Group::new(id, None));
        }
    }
}

/// Its members know the protocol of their generation only, until they join again.
fn loaded_group(id: Str, value: GroupMetadataValue) -> Group {
    let state_since = value.current_state_timestamp;
    let mut group = Group::new(id, (state_since != -1).then_some(state_since));
    group.generation = value.generation;
    let protocol_type = value.protocol_type.detach();
    group.protocol_type = (!protocol_type.is_empty()).then_some(protocol_type.clone());
    group.protocol = value.protocol.as_ref().map(Str::detach);
    let protocol = group.protocol.clone().unwrap_or_default();
    for member in value.members {
        let member = loaded_member(member, protocol.clone());
        group.add(member, protocol_type.clone());
    }
    let leader = value.leader.as_ref();
    if let Some(leader) = leader.and_then(|it| group.member(it)) {
        group.leader = Some(leader.id.clone());
    }
    if group.members().len() > 0 {
        group.state = State::Stable;
    }
    group.learn_subscriptions();
    group
}

fn loaded_member(member: MemberMetadata, protocol: Str) -> Member {
    let session_timeout_ms = member.session_timeout;
    Member {
        id: member.member_id.detach(),
        instance_id: member.group_instance_id.as_ref().map(Str::detach),
        client_id: member.client_id.detach(),
        client_host: member.client_host.detach(),
        // Records of version 0 have one timeout for both.
        rebalance_timeout_ms: match member.rebalance_timeout {
            -1 => session_timeout_ms,
            timeout => timeout,
        },
        session_timeout_ms,
        protocols: vec![Protocol {
            name: protocol,
            metadata: Bytes::copy_from_slice(&member.subscription),
        }],
        assignment: Bytes::copy_from_slice(&member.assignment),
        join: None,
        sync: None,
        is_new: false,
    }
}
