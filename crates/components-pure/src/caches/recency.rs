//! A map of bounded size that forgets what was not used for longest.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

/// No slot: the end of the list in either direction.
const NONE: usize = usize::MAX;

/// Keys and values, at most `capacity` of them. Not bounded in bytes.
pub(super) struct Recency {
    capacity: usize,
    places: HashMap<Arc<str>, usize>,
    slots: Vec<Slot>,
    /// Slots that hold nothing.
    free: Vec<usize>,
    newest: usize,
    oldest: usize,
}

struct Slot {
    key: Arc<str>,
    value: Bytes,
    /// None: never.
    expires: Option<Instant>,
    newer: usize,
    older: usize,
}

impl Recency {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            places: HashMap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            newest: NONE,
            oldest: NONE,
        }
    }

    /// The value of a key, which becomes the newest; an expired one is removed.
    pub(super) fn get(&mut self, key: &str, now: Instant) -> Option<Bytes> {
        let place = self.live(key, now)?;
        self.unlink(place);
        self.link_newest(place);
        Some(self.slots[place].value.clone())
    }

    /// Whether there is a value; the order stays as it is.
    pub(super) fn contains(&mut self, key: &str, now: Instant) -> bool {
        self.live(key, now).is_some()
    }

    /// Stores a value as the newest, and forgets the oldest one when there is no room.
    pub(super) fn insert(&mut self, key: &str, value: Bytes, expires: Option<Instant>) {
        if let Some(&place) = self.places.get(key) {
            self.slots[place].value = value;
            self.slots[place].expires = expires;
            self.unlink(place);
            self.link_newest(place);
            return;
        }
        if self.places.len() >= self.capacity {
            self.remove_at(self.oldest);
        }
        let key: Arc<str> = key.into();
        let slot = Slot {
            key: Arc::clone(&key),
            value,
            expires,
            newer: NONE,
            older: NONE,
        };
        let place = match self.free.pop() {
            Some(place) => {
                self.slots[place] = slot;
                place
            }
            None => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
        };
        self.places.insert(key, place);
        self.link_newest(place);
    }

    pub(super) fn remove(&mut self, key: &str) {
        if let Some(&place) = self.places.get(key) {
            self.remove_at(place);
        }
    }

    fn live(&mut self, key: &str, now: Instant) -> Option<usize> {
        let place = *self.places.get(key)?;
        if self.slots[place]
            .expires
            .is_some_and(|expires| expires <= now)
        {
            self.remove_at(place);
            return None;
        }
        Some(place)
    }

    fn remove_at(&mut self, place: usize) {
        self.unlink(place);
        let slot = &mut self.slots[place];
        slot.value = Bytes::new();
        self.places.remove(&slot.key);
        self.free.push(place);
    }

    fn unlink(&mut self, place: usize) {
        let Slot { newer, older, .. } = self.slots[place];
        match newer {
            NONE => self.newest = older,
            newer => self.slots[newer].older = older,
        }
        match older {
            NONE => self.oldest = newer,
            older => self.slots[older].newer = newer,
        }
    }

    fn link_newest(&mut self, place: usize) {
        let second = std::mem::replace(&mut self.newest, place);
        self.slots[place].newer = NONE;
        self.slots[place].older = second;
        match second {
            NONE => self.oldest = place,
            second => self.slots[second].newer = place,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_what_a_list_by_use_holds(
            capacity in 1_usize..6,
            steps in proptest::collection::vec((0_u8..4, 0_u8..10), 0..200),
        ) {
            let now = Instant::now();
            let mut cache = Recency::new(capacity);
            // The newest at the end.
            let mut model: Vec<(String, Bytes)> = Vec::new();
            for (step, (action, key)) in steps.into_iter().enumerate() {
                let key = key.to_string();
                let at = model.iter().position(|(name, _)| *name == key);
                match action {
                    0 => {
                        let value = Bytes::from(step.to_string());
                        cache.insert(&key, value.clone(), None);
                        if let Some(at) = at {
                            model.remove(at);
                        } else if model.len() == capacity {
                            model.remove(0);
                        }
                        model.push((key, value));
                    }
                    1 => {
                        let expected = at.map(|at| {
                            let entry = model.remove(at);
                            model.push(entry.clone());
                            entry.1
                        });
                        prop_assert_eq!(cache.get(&key, now), expected);
                    }
                    2 => prop_assert_eq!(cache.contains(&key, now), at.is_some()),
                    _ => {
                        cache.remove(&key);
                        at.map(|at| model.remove(at));
                    }
                }
            }
        }
    }

    #[test]
    fn what_has_expired_is_gone_and_leaves_its_room() {
        let now = Instant::now();
        let mut cache = Recency::new(1);
        cache.insert("a", Bytes::new(), Some(now + Duration::from_secs(1)));
        assert!(cache.contains("a", now));
        assert!(!cache.contains("a", now + Duration::from_secs(1)));
        assert!(cache.places.is_empty());
    }
}
