//! The last offset of each key, within a bound of memory.

use std::hash::{BuildHasher, RandomState};

/// A hash of 16 bytes, and the offset after it; 0 where there is none.
type Slot = [u64; 3];

const SLOT: usize = size_of::<Slot>();
/// No map has fewer slots: a pass must get on.
const FEWEST: usize = 16;

/// Keys are known by a keyed hash of 128 bits, so that nobody can make two of them that look the
/// same. The table grows by doubling; while it does, the old one and the new one are in memory.
pub(super) struct OffsetMap {
    slots: Vec<Slot>,
    count: usize,
    most: usize,
    hashers: [RandomState; 2],
}

/// There is no room for another key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl OffsetMap {
    /// A map that takes at most `memory` bytes.
    pub fn new(memory: usize) -> Self {
        let most = (memory / 3 * 2 / SLOT).max(FEWEST);
        let mut first = most;
        while first > 1024 {
            first = first.div_ceil(2);
        }
        Self {
            slots: vec![[0; 3]; first],
            count: 0,
            most,
            hashers: [RandomState::new(), RandomState::new()],
        }
    }

    /// Notes that a key is at an offset, which is larger than all before it.
    pub fn put(&mut self, key: &[u8], offset: i64) -> Result<(), Full> {
        let hash = self.hash(key);
        let mut at = find(&self.slots, hash);
        if self.slots[at][2] == 0 {
            if self.is_crowded() && !self.grow() {
                return Err(Full);
            }
            at = find(&self.slots, hash);
            self.count += 1;
        }
        let after = offset.cast_unsigned().wrapping_add(1);
        self.slots[at] = [hash[0], hash[1], after];
        Ok(())
    }

    /// The last offset of a key.
    pub fn get(&self, key: &[u8]) -> Option<i64> {
        let slot = self.slots[find(&self.slots, self.hash(key))];
        slot[2].checked_sub(1).map(u64::cast_signed)
    }

    fn hash(&self, key: &[u8]) -> [u64; 2] {
        [self.hashers[0].hash_one(key), self.hashers[1].hash_one(key)]
    }

    /// Nine slots of ten may be taken.
    fn is_crowded(&self) -> bool {
        self.count + 1 > self.slots.len() * 9 / 10
    }

    /// Tells whether there is more room now.
    fn grow(&mut self) -> bool {
        let length = (self.slots.len() * 2).min(self.most);
        if length <= self.slots.len() {
            return false;
        }
        let mut slots = vec![[0; 3]; length];
        for slot in self.slots.iter().filter(|slot| slot[2] != 0) {
            let at = find(&slots, [slot[0], slot[1]]);
            slots[at] = *slot;
        }
        self.slots = slots;
        !self.is_crowded()
    }
}

/// The slot of a hash, or the free one where it belongs. There always is a free one.
fn find(slots: &[Slot], hash: [u64; 2]) -> usize {
    let length = slots.len();
    // The upper half of the product spreads all bits of the hash over the slots.
    let product = u128::from(hash[0]) * length as u128;
    let mut at = usize::try_from(product >> 64).expect("it is smaller than the length");
    while slots[at][2] != 0 && slots[at][..2] != hash {
        at = if at + 1 == length { 0 } else { at + 1 };
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_offset_of_each_key_is_found() {
        let mut map = OffsetMap::new(10 << 20);
        assert_eq!(map.get(b""), None);
        for offset in 0..100_000_i64 {
            map.put(&(offset % 40_000).to_be_bytes(), offset).unwrap();
        }
        for key in 0..40_000_i64 {
            let expected = if key < 20_000 { 80_000 } else { 40_000 } + key;
            assert_eq!(map.get(&key.to_be_bytes()), Some(expected));
        }
        assert_eq!(map.get(&40_000_i64.to_be_bytes()), None);
    }

    #[test]
    fn a_map_stays_within_its_memory_and_keeps_what_it_has_when_it_is_full() {
        for memory in [0, 1000, 100_000, 1_000_000] {
            let mut map = OffsetMap::new(memory);
            let mut count = 0_i64;
            while map.put(&count.to_be_bytes(), count).is_ok() {
                count += 1;
            }
            let most = (memory / 3 * 2 / SLOT).max(FEWEST);
            assert_eq!(map.slots.len(), most);
            assert!(count as usize >= most * 9 / 10, "{count} of {most}");
            // Room for a new key there is none, for a known one there is.
            map.put(&0_i64.to_be_bytes(), 1 << 40).unwrap();
            assert_eq!(map.get(&0_i64.to_be_bytes()), Some(1 << 40));
            assert!((1..count).all(|key| map.get(&key.to_be_bytes()) == Some(key)));
        }
    }
}
