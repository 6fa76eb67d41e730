//! Where a message came from, and how its source learns what became of it.
//!
//! A [`Transaction`] stands for one batch as an input emitted it, or for several that it emitted
//! in one step. Every message that descends from a batch carries [`Origin`] handles, one for each
//! source message it descends from. The transaction counts the open handles of each source index
//! and keeps the worst outcome; when the last handle of a batch settles, its [`Settle`] (or
//! [`SettleRun`]) hears the outcomes of that batch, exactly once.
//!
//! ```text
//! Filtered < Delivered < Dropped < Failed        the worst one wins
//! ```
//!
//! A handle that is dropped unsettled counts as failed, never as delivered: a panic or a
//! forgotten branch can duplicate a message but not lose it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::{Error, ErrorClass};

/// What became of one source message, or of one descendant of it.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// An output has accepted it.
    Delivered,
    /// A processor removed it on purpose; `by` is the component's type name.
    Filtered { by: Arc<str> },
    /// It ended somewhere that nobody reads, for the reason given.
    Dropped { reason: Arc<str> },
    /// It was not delivered: the source has to hear of it.
    Failed(Error),
}

impl Outcome {
    fn rank(&self) -> u8 {
        match self {
            Self::Filtered { .. } => FILTERED,
            Self::Delivered => DELIVERED,
            Self::Dropped { .. } => DROPPED,
            Self::Failed(_) => FAILED,
        }
    }

    /// The error of a failed outcome.
    pub fn error(&self) -> Option<&Error> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }
}

const NONE: u8 = 0;
const FILTERED: u8 = 1;
const DELIVERED: u8 = 2;
const DROPPED: u8 = 3;
const FAILED: u8 = 4;

/// The outcomes of a batch, by index.
#[derive(Clone, Debug)]
pub enum Outcomes {
    /// Every message ended the same way.
    All(Outcome),
    /// One outcome for each message, in the order of the batch.
    Each(Vec<Outcome>),
}

impl Outcomes {
    /// Every message was delivered.
    pub const DELIVERED: Self = Self::All(Outcome::Delivered);

    /// Every message failed with the same error.
    pub fn failed(error: Error) -> Self {
        Self::All(Outcome::Failed(error))
    }

    /// The outcome of message `index`; past the end of an `Each` it is a failure, since nobody
    /// has said that the message was delivered.
    pub fn get(&self, index: usize) -> Outcome {
        match self {
            Self::All(outcome) => outcome.clone(),
            Self::Each(each) => each.get(index).cloned().unwrap_or_else(|| {
                Outcome::Failed(Error::retry("the output did not report on this message"))
            }),
        }
    }

    /// One outcome for each of `count` messages.
    pub fn into_each(self, count: usize) -> SmallVec<[Outcome; 1]> {
        match self {
            Self::Each(each) if each.len() == count => SmallVec::from_vec(each),
            outcomes => (0..count).map(|index| outcomes.get(index)).collect(),
        }
    }

    /// The failures, with their indices.
    fn failures(&self) -> impl Iterator<Item = (usize, &Error)> {
        let outcomes = match self {
            Self::All(outcome) => std::slice::from_ref(outcome),
            Self::Each(each) => each,
        };
        let outcomes = outcomes.iter().enumerate();
        outcomes.filter_map(|(index, outcome)| Some((index, outcome.error()?)))
    }

    /// The first failure, with its index.
    pub fn first_failure(&self) -> Option<(usize, &Error)> {
        self.failures().next()
    }

    /// The first failure after which the output cannot go on at all.
    pub fn first_fatal(&self) -> Option<&Error> {
        let mut errors = self.failures().map(|(_, error)| error);
        errors.find(|error| error.class() == ErrorClass::Fatal)
    }

    /// Whether no message failed.
    pub fn is_success(&self) -> bool {
        self.first_failure().is_none()
    }
}

/// Who hears what became of one batch.
pub trait Settle: Send {
    /// Called exactly once, when the last handle of the batch has settled, on the thread that
    /// settled it. `outcomes` has one entry for each source message. Must not block.
    fn settle(self: Box<Self>, outcomes: SmallVec<[Outcome; 1]>);

    /// Shows every origin that settles when this batch does, and returns true; false when it
    /// cannot say which. Must not settle anything.
    fn show_held(&self, _show: &mut dyn FnMut(&Origin)) -> bool {
        false
    }
}

/// Who hears what became of a run of batches.
pub trait SettleRun: Send + Sync {
    /// Called exactly once for each batch of the run, by its index, when the last handle of that
    /// batch has settled, on the thread that settled it. `messages` is the number of its source
    /// messages. Must not block.
    fn settle(&self, batch: usize, messages: usize, outcomes: Outcomes);

    /// Whether only somebody outside of the process waits for the outcomes, so that nothing in it
    /// settles when these batches do.
    fn is_source(&self) -> bool;
}

/// Batches that were admitted in one step, from admission to settlement. Each settles for itself;
/// they share the memory of their bookkeeping.
pub struct Transaction {
    batches: SmallVec<[Batch; 1]>,
    slots: SmallVec<[Slot; 1]>,
    settle: Hearer,
}

enum Hearer {
    One(Mutex<Option<Box<dyn Settle>>>),
    Run(Box<dyn SettleRun>),
}

/// One batch: its slots, and how many of them are open.
struct Batch {
    first: u32,
    count: u32,
    open: AtomicU32,
}

/// One source message: how many handles are open, and the worst outcome so far.
struct Slot {
    batch: u32,
    open: AtomicU32,
    worst: AtomicU8,
    /// Everything about an outcome other than delivery.
    detail: Mutex<Option<Box<Outcome>>>,
}

impl Transaction {
    /// Opens a transaction of one batch of `messages` source messages and returns the origin of
    /// each.
    ///
    /// A batch of no messages settles at once.
    pub fn open(messages: usize, settle: Box<dyn Settle>) -> SmallVec<[Origin; 1]> {
        let hearer = Hearer::One(Mutex::new(Some(settle)));
        Self::begin(std::iter::once(messages), hearer)
    }

    /// Opens a transaction of a run of batches, each of the given number of source messages, and
    /// returns the origins of all of them, in order.
    ///
    /// A batch of no messages settles at once.
    pub fn open_run(
        batches: impl Iterator<Item = usize>,
        settle: Box<dyn SettleRun>,
    ) -> Vec<Origin> {
        Self::begin(batches, Hearer::Run(settle))
    }

    fn begin<C: FromIterator<Origin>>(lengths: impl Iterator<Item = usize>, settle: Hearer) -> C {
        let mut batches = SmallVec::with_capacity(lengths.size_hint().0);
        let mut slots = SmallVec::with_capacity(lengths.size_hint().0);
        for length in lengths {
            let (batch, first, count) = (index(batches.len()), index(slots.len()), index(length));
            batches.push(Batch {
                first,
                count,
                open: AtomicU32::new(count),
            });
            slots.extend((0..count).map(|_| Slot::new(batch)));
        }
        let count = index(slots.len());
        let transaction = Arc::new(Self {
            batches,
            slots,
            settle,
        });
        for (index, batch) in transaction.batches.iter().enumerate() {
            if batch.count == 0 {
                transaction.finish(index);
            }
        }
        let origin = |index| {
            Origin::One(Handle {
                transaction: Some(Arc::clone(&transaction)),
                index,
            })
        };
        (0..count).map(origin).collect()
    }

    fn release(&self, index: u32, outcome: Outcome) {
        let slot = &self.slots[index as usize];
        slot.record(outcome);
        if slot.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            let batch = slot.batch as usize;
            if self.batches[batch].open.fetch_sub(1, Ordering::AcqRel) == 1 {
                self.finish(batch);
            }
        }
    }

    fn finish(&self, index: usize) {
        let batch = &self.batches[index];
        let slots = &self.slots[batch.first as usize..][..batch.count as usize];
        match &self.settle {
            Hearer::One(settle) => {
                let settle = settle.lock().take();
                if let Some(settle) = settle {
                    settle.settle(slots.iter().map(Slot::outcome).collect());
                }
            }
            Hearer::Run(settle) => {
                let outcomes = if !slots.is_empty() && slots.iter().all(Slot::is_delivered) {
                    Outcomes::DELIVERED
                } else {
                    Outcomes::Each(slots.iter().map(Slot::outcome).collect())
                };
                settle.settle(index, slots.len(), outcomes);
            }
        }
    }
}

/// Batches and messages are counted in 32 bits.
fn index(count: usize) -> u32 {
    u32::try_from(count).expect("a transaction has fewer than 2^32 messages")
}

impl Slot {
    fn new(batch: u32) -> Self {
        Self {
            batch,
            open: AtomicU32::new(1),
            worst: AtomicU8::new(NONE),
            detail: Mutex::new(None),
        }
    }

    fn record(&self, outcome: Outcome) {
        let rank = outcome.rank();
        if rank == DELIVERED {
            // The common case carries no detail and takes no lock.
            self.worst.fetch_max(DELIVERED, Ordering::AcqRel);
            return;
        }
        let mut detail = self.detail.lock();
        let held = detail.as_ref().map_or(NONE, |held| held.rank());
        if rank > held {
            *detail = Some(Box::new(outcome));
        }
        self.worst.fetch_max(rank, Ordering::AcqRel);
    }

    fn is_delivered(&self) -> bool {
        self.worst.load(Ordering::Acquire) == DELIVERED
    }

    fn outcome(&self) -> Outcome {
        if self.is_delivered() {
            return Outcome::Delivered;
        }
        let detail = self.detail.lock().take();
        detail.map_or(Outcome::Delivered, |outcome| *outcome)
    }
}

/// The handles that a message holds on the source messages it descends from.
///
/// Cloning opens further handles: each clone has to settle too.
#[derive(Default)]
pub enum Origin {
    /// No source waits for this message: a copy made for a side computation.
    #[default]
    Detached,
    /// Descends from one source message.
    One(Handle),
    /// Descends from several, after grouping or archiving.
    Many(Vec<Handle>),
}

/// An open handle on one source message.
pub struct Handle {
    transaction: Option<Arc<Transaction>>,
    index: u32,
}

impl Handle {
    fn settle(mut self, outcome: Outcome) {
        if let Some(transaction) = self.transaction.take() {
            transaction.release(self.index, outcome);
        }
    }
}

impl Clone for Handle {
    fn clone(&self) -> Self {
        if let Some(transaction) = &self.transaction {
            transaction.slots[self.index as usize]
                .open
                .fetch_add(1, Ordering::AcqRel);
        }
        Self {
            transaction: self.transaction.clone(),
            index: self.index,
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if let Some(transaction) = self.transaction.take() {
            transaction.release(
                self.index,
                Outcome::Failed(Error::retry(
                    "the message was abandoned before it was delivered",
                )),
            );
        }
    }
}

impl Clone for Origin {
    fn clone(&self) -> Self {
        match self {
            Self::Detached => Self::Detached,
            Self::One(handle) => Self::One(handle.clone()),
            Self::Many(handles) => Self::Many(handles.clone()),
        }
    }
}

impl Origin {
    /// Settles every handle with the same outcome.
    pub fn settle(self, outcome: Outcome) {
        match self {
            Self::Detached => {}
            Self::One(handle) => handle.settle(outcome),
            Self::Many(handles) => {
                for handle in handles {
                    handle.settle(outcome.clone());
                }
            }
        }
    }

    /// The message was accepted by an output.
    pub fn deliver(self) {
        self.settle(Outcome::Delivered);
    }

    /// The message could not be delivered.
    pub fn fail(self, error: Error) {
        self.settle(Outcome::Failed(error));
    }

    /// The origin of a message made from several: all their handles.
    #[must_use]
    pub fn merge(origins: impl IntoIterator<Item = Self>) -> Self {
        let mut handles = Vec::new();
        for origin in origins {
            match origin {
                Self::Detached => {}
                Self::One(handle) => handles.push(handle),
                Self::Many(more) => handles.extend(more),
            }
        }
        match handles.len() {
            0 => Self::Detached,
            1 => handles.pop().map_or(Self::Detached, Self::One),
            _ => Self::Many(handles),
        }
    }

    /// Whether no source waits for this message.
    pub fn is_detached(&self) -> bool {
        matches!(self, Self::Detached)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Detached => f.write_str("Detached"),
            Self::One(handle) => write!(f, "One({})", handle.index),
            Self::Many(handles) => write!(f, "Many({})", handles.len()),
        }
    }
}

mod waits;

pub use waits::TransactionId;

#[cfg(test)]
mod tests;
