//! Offsets that were kept long enough, and groups that hold nothing any more (KIP-211).

use millrace_kafka_wire::Str;

use super::Shard;
use super::effects::{Effects, KeyAndValue};
use super::membership::Group;
use super::offsets::{Offset, Place};
use super::state::State;
use super::timers::Timer;

impl Shard {
    pub(super) fn sweep(&mut self, now: i64, out: &mut Effects) {
        let ids: Vec<Str> = self.groups.keys().cloned().collect();
        let mut records = Vec::new();
        for id in ids {
            self.sweep_group(now, &id, &mut records);
        }
        out.write_in_parts(records, self.settings.max_batch_bytes);
        let interval = self.settings.offsets_retention_check_interval_ms;
        self.timers.set(Timer::Sweep, now, interval);
    }

    fn sweep_group(&mut self, now: i64, id: &Str, records: &mut Vec<KeyAndValue>) {
        for place in self.expired(now, id) {
            self.delete_offset(&place, records);
        }
        let is_unused = self
            .groups
            .get(id)
            .is_some_and(|it| it.is(State::Empty) && it.pending_join.is_empty());
        let holds_something =
            self.offsets.of_group(id).next().is_some() || self.offsets.has_pending(id);
        if is_unused && !holds_something {
            self.delete_group(id, records);
        }
    }

    fn expired(&self, now: i64, id: &Str) -> Vec<Place> {
        let Some(group) = self.groups.get(id) else {
            return Vec::new();
        };
        let Some(base) = base(group) else {
            return Vec::new();
        };
        let retention_ms = self.settings.offsets_retention_ms;
        let is_expired = |offset: &Offset| match offset.expires_at {
            Some(at) => now >= at,
            None => now.saturating_sub(base.of(group, offset)) >= retention_ms,
        };
        self.offsets
            .of_group(id)
            .filter(|(place, offset)| {
                !group.is_subscribed(&place.topic)
                    && !self.offsets.is_pending(place)
                    && is_expired(offset)
            })
            .map(|(place, _)| place.clone())
            .collect()
    }
}

/// Since when the time counts for which an offset is kept.
#[derive(Clone, Copy)]
enum Base {
    GroupIsEmpty,
    Committed,
}

/// `None` while no offset of the group expires: its members may be about to use them.
fn base(group: &Group) -> Option<Base> {
    if group.protocol_type.is_none() {
        return Some(Base::Committed);
    }
    match group.state {
        State::Empty => Some(Base::GroupIsEmpty),
        State::Stable if group.uses_consumer_protocol() && group.knows_subscriptions() => {
            Some(Base::Committed)
        }
        _ => None,
    }
}

impl Base {
    fn of(self, group: &Group, offset: &Offset) -> i64 {
        match self {
            Base::GroupIsEmpty => group.state_since.unwrap_or(offset.committed_at),
            Base::Committed => offset.committed_at,
        }
    }
}
