//! The offsets that groups committed, and those of transactions that are not decided.

use std::collections::{BTreeMap, BTreeSet};

use millrace_kafka_wire::{Str, Uuid};

/// A partition as a group sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub group: Str,
    pub topic: Str,
    pub partition: i32,
}

/// What was committed for a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offset {
    pub offset: i64,
    /// −1 when it is not known.
    pub leader_epoch: i32,
    pub metadata: Str,
    pub committed_at: i64,
    /// Set by old clients, which choose how long an offset is kept.
    pub expires_at: Option<i64>,
    /// Zero when it was not told.
    pub topic_id: Uuid,
}

/// An offset and where its record stands in the log, relative to others.
#[derive(Clone, Debug)]
struct Entry {
    order: u64,
    offset: Offset,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Offsets {
    committed: BTreeMap<Place, Entry>,
    /// By producer.
    pending: BTreeMap<i64, BTreeMap<Place, Entry>>,
    /// The producers that have something pending for a place.
    open: BTreeMap<Place, BTreeSet<i64>>,
    order: u64,
}

impl Offsets {
    pub fn get(&self, place: &Place) -> Option<&Offset> {
        self.committed.get(place).map(|it| &it.offset)
    }

    /// All that is committed: group, topic, partition and offset.
    pub fn all(&self) -> impl Iterator<Item = (&Str, &Str, i32, i64)> {
        let all = self.committed.iter();
        all.map(|(it, entry)| (&it.group, &it.topic, it.partition, entry.offset.offset))
    }

    /// Those of a group, by topic and partition.
    pub fn of_group<'a>(&'a self, group: &'a str) -> impl Iterator<Item = (&'a Place, &'a Offset)> {
        let from = first_place(group);
        self.committed
            .range(from..)
            .take_while(move |(place, _)| place.group == *group)
            .map(|(place, entry)| (place, &entry.offset))
    }

    /// Places for which a group has something pending.
    pub fn pending_of_group<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a Place> {
        let from = first_place(group);
        self.open
            .range(from..)
            .map(|(place, _)| place)
            .take_while(move |place| place.group == *group)
    }

    /// Places of a topic, of all groups, that have something committed or pending.
    pub fn places_of_topic(&self, topic: &str) -> BTreeSet<Place> {
        let committed = self.committed.keys();
        let places = committed.chain(self.open.keys());
        places.filter(|it| it.topic == *topic).cloned().collect()
    }

    /// The groups that have offsets.
    pub fn groups(&self) -> BTreeSet<Str> {
        let places = self.committed.keys().chain(self.open.keys());
        places.map(|it| it.group.clone()).collect()
    }

    pub fn is_pending(&self, place: &Place) -> bool {
        self.open.contains_key(place)
    }

    pub fn has_pending(&self, group: &str) -> bool {
        self.pending_of_group(group).next().is_some()
    }

    /// An offset was committed.
    pub fn put(&mut self, place: Place, offset: Offset) {
        let place = self.kept(place);
        let entry = self.entry(offset);
        self.committed.insert(place, entry);
    }

    /// An offset was committed in a transaction that is open.
    pub fn put_pending(&mut self, producer_id: i64, place: Place, offset: Offset) {
        let place = self.kept(place);
        let entry = self.entry(offset);
        self.open
            .entry(place.clone())
            .or_default()
            .insert(producer_id);
        let pending = self.pending.entry(producer_id).or_default();
        pending.insert(place, entry);
    }

    /// Forgets what is committed and what is pending for a place.
    pub fn remove(&mut self, place: &Place) {
        self.committed.remove(place);
        for producer_id in self.open.remove(place).unwrap_or_default() {
            if let Some(pending) = self.pending.get_mut(&producer_id) {
                pending.remove(place);
                if pending.is_empty() {
                    self.pending.remove(&producer_id);
                }
            }
        }
    }

    /// The transaction of a producer ended. What it committed holds where nothing was committed
    /// later, outside it.
    pub fn end(&mut self, producer_id: i64, is_commit: bool) {
        for (place, entry) in self.pending.remove(&producer_id).unwrap_or_default() {
            self.close(&place, producer_id);
            let before = self.committed.get(&place);
            let is_newer = before.is_none_or(|it| it.order < entry.order);
            if is_commit && is_newer {
                self.committed.insert(place, entry);
            }
        }
    }

    fn close(&mut self, place: &Place, producer_id: i64) {
        if let Some(producers) = self.open.get_mut(place) {
            producers.remove(&producer_id);
            if producers.is_empty() {
                self.open.remove(place);
            }
        }
    }

    fn entry(&mut self, mut offset: Offset) -> Entry {
        self.order += 1;
        offset.metadata = offset.metadata.detach();
        Entry {
            order: self.order,
            offset,
        }
    }

    /// The place in memory that it shares with other partitions of the topic, not with a frame.
    fn kept(&self, place: Place) -> Place {
        let from = Place {
            partition: i32::MIN,
            ..place.clone()
        };
        let committed = self.committed.range(from.clone()..).next();
        let open = self.open.range(from..).next();
        let near = [committed.map(|it| it.0), open.map(|it| it.0)];
        let same = near
            .into_iter()
            .flatten()
            .find(|it| it.group == place.group && it.topic == place.topic);
        let (group, topic) = match same {
            Some(same) => (same.group.clone(), same.topic.clone()),
            None => (place.group.detach(), place.topic.detach()),
        };
        Place {
            group,
            topic,
            partition: place.partition,
        }
    }
}

/// Comes before all places of a group.
fn first_place(group: &str) -> Place {
    Place {
        group: group.into(),
        topic: Str::EMPTY,
        partition: i32::MIN,
    }
}
