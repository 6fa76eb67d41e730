//! How old the oldest batch is that has not settled, at the cost of two counters for each batch.
//!
//! Batches that enter within one step of time share a slot, which remembers when it began. The
//! oldest slot with an open batch gives the age, at most one step too high. While every slot is
//! taken, later batches share the current one: the oldest is still told right.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How much time one slot covers.
const STEP: Duration = Duration::from_millis(250);
const SLOTS: usize = 64;

/// The ages of the open batches of one place. Cloning copies a pointer.
#[derive(Clone)]
pub struct Ages {
    shared: Arc<Shared>,
}

struct Shared {
    epoch: Instant,
    current: AtomicUsize,
    slots: [Slot; SLOTS],
}

struct Slot {
    /// Nanoseconds after the epoch.
    began: AtomicU64,
    open: AtomicU32,
}

/// The slot of open batches, to be given back to [`Ages::leave`] by each of them.
#[derive(Clone, Copy, Debug)]
pub struct AgeSlot(u8);

impl Default for Ages {
    fn default() -> Self {
        Self {
            shared: Arc::new(Shared {
                epoch: Instant::now(),
                current: AtomicUsize::new(0),
                slots: std::array::from_fn(|_| Slot {
                    began: AtomicU64::new(0),
                    open: AtomicU32::new(0),
                }),
            }),
        }
    }
}

impl Ages {
    /// Counts `batches` as open since `now`.
    pub fn enter(&self, now: Instant, batches: usize) -> AgeSlot {
        let shared = &*self.shared;
        let now = shared.nanos(now);
        let mut at = shared.current.load(Ordering::Relaxed);
        let began = shared.slots[at].began.load(Ordering::Relaxed);
        if now.saturating_sub(began) >= STEP.as_nanos() as u64 {
            at = shared.begin(at, now);
        }
        let batches = u32::try_from(batches).expect("a step opens fewer than 2^32 batches");
        shared.slots[at].open.fetch_add(batches, Ordering::AcqRel);
        AgeSlot(u8::try_from(at).unwrap_or(0))
    }

    /// Counts a batch as settled.
    pub fn leave(&self, slot: AgeSlot) {
        self.shared.slots[usize::from(slot.0)]
            .open
            .fetch_sub(1, Ordering::AcqRel);
    }

    /// The age of the oldest open batch at `now`; zero when none is open.
    pub fn oldest(&self, now: Instant) -> Duration {
        let open = |slot: &&Slot| slot.open.load(Ordering::Acquire) > 0;
        let began = |slot: &Slot| slot.began.load(Ordering::Relaxed);
        let oldest = self.shared.slots.iter().filter(open).map(began).min();
        oldest.map_or(Duration::ZERO, |began| {
            Duration::from_nanos(self.shared.nanos(now).saturating_sub(began))
        })
    }
}

impl Shared {
    fn nanos(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.epoch);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }

    /// Lets a free slot begin at `now`; without one the current slot goes on.
    fn begin(&self, current: usize, now: u64) -> usize {
        let next = (0..SLOTS).map(|step| (current + step) % SLOTS);
        for at in next {
            if self.slots[at].open.load(Ordering::Acquire) == 0 {
                self.slots[at].began.store(now, Ordering::Relaxed);
                self.current.store(at, Ordering::Relaxed);
                return at;
            }
        }
        current
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_open_batch_is_told_whatever_settles_after_it() {
        let ages = Ages::default();
        let start = Instant::now();
        assert_eq!(ages.oldest(start), Duration::ZERO);
        let stuck = ages.enter(start + Duration::from_secs(1), 1);
        for second in 2..500 {
            let slot = ages.enter(start + Duration::from_secs(second), 1);
            ages.leave(slot);
        }
        let later = ages.enter(start + Duration::from_secs(500), 1);
        let now = start + Duration::from_secs(601);
        let age = ages.oldest(now);
        assert!(age >= Duration::from_secs(600), "{age:?}");
        assert!(age <= Duration::from_secs(600) + STEP * 2, "{age:?}");
        ages.leave(stuck);
        assert!(ages.oldest(now) <= Duration::from_secs(101) + STEP * 2);
        ages.leave(later);
        assert_eq!(ages.oldest(now), Duration::ZERO);
    }

    #[test]
    fn more_open_batches_than_slots_do_not_hide_the_oldest() {
        let ages = Ages::default();
        let start = Instant::now();
        let slots: Vec<_> = (1..200)
            .map(|second| ages.enter(start + Duration::from_secs(second), 1))
            .collect();
        let now = start + Duration::from_secs(300);
        assert!(ages.oldest(now) >= Duration::from_secs(299));
        for slot in slots {
            ages.leave(slot);
        }
        assert_eq!(ages.oldest(now), Duration::ZERO);
    }
}
