//! The process-wide byte budget: charged when a message is admitted, released when it settles.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::pressure::{Pressure, Streams};

/// How many payload bytes may be between admission and settlement. Cloning copies a pointer.
///
/// A charge larger than the whole budget is admitted alone, when nothing else is charged, so
/// that one large message cannot stop a stream for ever.
#[derive(Clone)]
pub struct Budget {
    shared: Arc<Shared>,
}

struct Shared {
    limit: usize,
    used: AtomicUsize,
    released: Notify,
    waiting: AtomicUsize,
    streams: Mutex<Streams>,
}

/// Bytes taken from a budget; dropping it gives them back.
pub struct Charge {
    budget: Budget,
    bytes: usize,
}

impl Budget {
    /// A budget of `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                limit,
                used: AtomicUsize::new(0),
                released: Notify::new(),
                waiting: AtomicUsize::new(0),
                streams: Mutex::default(),
            }),
        }
    }

    /// The bytes that may be in flight.
    pub fn limit(&self) -> usize {
        self.shared.limit
    }

    /// The bytes that are in flight.
    pub fn used(&self) -> usize {
        self.shared.used.load(Ordering::Relaxed)
    }

    /// Presses this stream while somebody waits for the budget.
    pub(crate) fn press(&self, stream: &Pressure) {
        self.shared.streams.lock().add(stream);
    }

    /// Takes `bytes` when they are to be had now.
    pub fn try_charge(&self, bytes: usize) -> Option<Charge> {
        let limit = self.shared.limit;
        let taken = self
            .shared
            .used
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| {
                (used == 0 || used.saturating_add(bytes) <= limit)
                    .then(|| used.saturating_add(bytes))
            });
        taken.is_ok().then(|| Charge {
            budget: self.clone(),
            bytes,
        })
    }

    /// Gives back what [`Charge::into_bytes`] took out.
    pub fn give_back(&self, bytes: usize) {
        let shared = &*self.shared;
        shared.used.fetch_sub(bytes, Ordering::AcqRel);
        if shared.waiting.load(Ordering::Acquire) > 0 {
            shared.released.notify_waiters();
        }
    }

    /// Takes `bytes`, waiting until they are released elsewhere.
    ///
    /// # Cancel safety
    /// A dropped future has taken nothing.
    pub async fn charge(&self, bytes: usize) -> Charge {
        if let Some(charge) = self.try_charge(bytes) {
            return charge;
        }
        let _waiting = Waiting::begin(&self.shared);
        loop {
            let released = self.shared.released.notified();
            tokio::pin!(released);
            released.as_mut().enable();
            if let Some(charge) = self.try_charge(bytes) {
                return charge;
            }
            released.await;
        }
    }
}

impl Charge {
    /// The bytes of this charge, which its owner gives back by [`Budget::give_back`], in parts
    /// or at once.
    #[must_use = "what is not given back is lost to the budget"]
    pub fn into_bytes(mut self) -> usize {
        std::mem::take(&mut self.bytes)
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

/// While it lives, streams flush what they hold: someone waits for memory.
struct Waiting<'a>(&'a Shared);

impl<'a> Waiting<'a> {
    fn begin(shared: &'a Shared) -> Self {
        shared.waiting.fetch_add(1, Ordering::AcqRel);
        shared.streams.lock().begin();
        Self(shared)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
        self.0.streams.lock().end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Urgency;

    #[test]
    fn a_charge_above_the_limit_is_admitted_alone() {
        let budget = Budget::new(10);
        let large = budget
            .try_charge(100)
            .expect("an empty budget admits one charge");
        assert!(budget.try_charge(1).is_none());
        drop(large);
        assert_eq!(budget.used(), 0);
        assert!(budget.try_charge(1).is_some());
    }

    #[tokio::test]
    async fn a_waiting_charge_presses_the_streams_until_it_is_served() {
        let budget = Budget::new(10);
        let stream = Pressure::new();
        budget.press(&stream);
        let seen = stream.subscribe();
        let held = budget.charge(10).await;
        let waiting = budget.charge(5);
        tokio::pin!(waiting);
        assert!(futures::poll!(waiting.as_mut()).is_pending());
        assert_eq!(*seen.borrow(), Urgency::Pressed);
        drop(held);
        let _charge = waiting.await;
        assert_eq!(*seen.borrow(), Urgency::Normal);
    }
}
