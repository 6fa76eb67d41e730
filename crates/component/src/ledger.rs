//! The accounting of source messages: received = delivered + filtered + dropped + returned +
//! in flight.
//!
//! The unit is the source message as an input emitted it, counted once, when it settles. A
//! message held for replay stays in flight; one that goes back to its source is returned, and
//! its redelivery is a new receipt.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use millrace_message::Outcome;
use parking_lot::Mutex;

/// The reason by which messages count as dropped that were under way when their stream was stopped,
/// and that their source cannot give again.
pub const STOPPED: &str = "stopped";

/// The reason by which messages count as dropped that their input could not read: a line above its
/// bound, a row with too few fields. What they held never became a message.
pub const UNREADABLE: &str = "unreadable";

/// The reason by which messages count as dropped that a buffer had acknowledged and lost at the end of
/// the process.
pub const LOST_WITH_BUFFER: &str = "buffer_shutdown";

/// The reason by which messages count as returned that their stream left to the one that takes its
/// place: see [`Leftovers`](crate::Leftovers). As an outcome it is a drop, of which no source hears.
pub const HANDED_OVER: &str = "handed_over";

/// The ledger of one stream. Cloning copies a pointer.
#[derive(Clone, Default)]
pub struct Ledger {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    received: AtomicU64,
    delivered: AtomicU64,
    replayed: AtomicU64,
    /// Batches of which messages have failed and are sent again.
    failing: AtomicUsize,
    faulted: AtomicU64,
    /// Outcomes other than delivery are told apart by a short reason; the reasons are a small
    /// set fixed by the config, so the map stays small.
    others: Mutex<BTreeMap<(Kind, Arc<str>), u64>>,
}

/// The outcomes that carry a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Removed on purpose by a processor.
    Filtered,
    /// Ended where nobody reads.
    Dropped,
    /// Given back to the source.
    Returned,
}

impl Kind {
    /// The value of the metric label `outcome`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Filtered => "filtered",
            Self::Dropped => "dropped",
            Self::Returned => "returned",
        }
    }
}

/// The counts at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Messages that inputs emitted.
    pub received: u64,
    /// Messages that an output accepted.
    pub delivered: u64,
    /// Messages sent again after a failure; each stays one received message.
    pub replayed: u64,
    /// Messages that the root output accepted although a processor had failed on them; they are
    /// counted as they arrive there, copies and parts of a source message each for itself.
    pub faulted: u64,
    /// Messages that ended otherwise, by kind and reason.
    pub others: BTreeMap<(Kind, Arc<str>), u64>,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Filtered, Self::Dropped, Self::Returned];
}

impl std::ops::AddAssign for Balance {
    /// The accounting of one stream after another.
    fn add_assign(&mut self, other: Self) {
        self.received += other.received;
        self.delivered += other.delivered;
        self.replayed += other.replayed;
        self.faulted += other.faulted;
        for ((kind, reason), count) in other.others {
            self.add(kind, reason, count);
        }
    }
}

impl Balance {
    /// How many messages ended this way for this reason.
    pub fn count(&self, kind: Kind, reason: &str) -> u64 {
        let key = (kind, reason.into());
        self.others.get(&key).copied().unwrap_or(0)
    }

    /// How many messages ended this way, over all reasons.
    pub fn total(&self, kind: Kind) -> u64 {
        self.others
            .iter()
            .filter(|((of, _), _)| *of == kind)
            .map(|(_, count)| count)
            .sum()
    }

    /// Counts messages as dropped for `reason` that were handed over and that no stream has taken.
    pub fn drop_handed_over(&mut self, messages: u64, reason: &str) {
        if messages == 0 {
            return;
        }
        let returned = (Kind::Returned, HANDED_OVER.into());
        if let Some(count) = self.others.get_mut(&returned) {
            *count = count.saturating_sub(messages);
            if *count == 0 {
                self.others.remove(&returned);
            }
        }
        self.add(Kind::Dropped, reason.into(), messages);
    }

    /// Counts messages as received and dropped for `reason` that were taken from a source and that no
    /// input has emitted.
    pub fn drop_unread(&mut self, messages: u64, reason: &str) {
        if messages > 0 {
            self.received += messages;
            self.add(Kind::Dropped, reason.into(), messages);
        }
    }

    fn add(&mut self, kind: Kind, reason: Arc<str>, messages: u64) {
        *self.others.entry((kind, reason)).or_default() += messages;
    }

    /// Messages received and not settled.
    pub fn in_flight(&self) -> u64 {
        let settled = self.delivered
            + Kind::ALL
                .into_iter()
                .map(|kind| self.total(kind))
                .sum::<u64>();
        self.received.saturating_sub(settled)
    }
}

impl Ledger {
    /// Counts messages that an input emitted.
    pub fn receive(&self, messages: usize) {
        self.shared
            .received
            .fetch_add(messages as u64, Ordering::Relaxed);
    }

    /// Counts messages that are sent again.
    pub fn replay(&self, messages: usize) {
        self.shared
            .replayed
            .fetch_add(messages as u64, Ordering::Relaxed);
    }

    /// Notes that some messages of a batch have failed and are sent again, until
    /// [`recover`](Self::recover).
    pub fn fail(&self) {
        self.shared.failing.fetch_add(1, Ordering::AcqRel);
    }

    /// Notes that all of a batch of which messages had failed has its final outcome.
    pub fn recover(&self) {
        self.shared.failing.fetch_sub(1, Ordering::AcqRel);
    }

    /// Whether there are messages that failed and are sent again: what an input emits may be one of
    /// them.
    pub fn has_failing(&self) -> bool {
        self.shared.failing.load(Ordering::Acquire) > 0
    }

    /// Counts messages that an output accepted.
    pub fn deliver(&self, messages: usize) {
        self.shared
            .delivered
            .fetch_add(messages as u64, Ordering::Relaxed);
    }

    /// Counts messages that an output accepted although a processor had failed on them.
    pub fn deliver_faulted(&self, messages: usize) {
        self.shared
            .faulted
            .fetch_add(messages as u64, Ordering::Relaxed);
    }

    /// Counts one settled message; a failure counts as returned to the source.
    pub fn settle(&self, outcome: &Outcome) {
        match outcome {
            Outcome::Delivered => self.deliver(1),
            Outcome::Filtered { by } => self.count(Kind::Filtered, by),
            Outcome::Dropped { reason } if **reason == *HANDED_OVER => {
                self.count(Kind::Returned, reason);
            }
            Outcome::Dropped { reason } => self.count(Kind::Dropped, reason),
            Outcome::Failed(error) => self.count(Kind::Returned, &error.class().name().into()),
        }
    }

    /// Counts one message that ended as `kind` for `reason`.
    pub fn count(&self, kind: Kind, reason: &Arc<str>) {
        *self
            .shared
            .others
            .lock()
            .entry((kind, Arc::clone(reason)))
            .or_default() += 1;
    }

    /// The counts now. Settlements are read before receipts, so that in flight is never
    /// understated.
    pub fn balance(&self) -> Balance {
        let others = self.shared.others.lock().clone();
        let delivered = self.shared.delivered.load(Ordering::Acquire);
        let replayed = self.shared.replayed.load(Ordering::Acquire);
        let faulted = self.shared.faulted.load(Ordering::Acquire);
        let received = self.shared.received.load(Ordering::Acquire);
        Balance {
            received,
            delivered,
            replayed,
            faulted,
            others,
        }
    }
}
