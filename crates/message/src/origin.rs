//! Where a message came from, and how its source learns what became of it.
//!
//! A [`Transaction`] stands for one batch as an input emitted it. Every message that descends
//! from that batch carries [`Origin`] handles, one for each source message it descends from.
//! The transaction counts the open handles of each source index and keeps the worst outcome;
//! when the last handle settles, its [`Settle`] hears the outcomes, exactly once.
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

use crate::Error;

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

    /// The first failure, with its index.
    pub fn first_failure(&self) -> Option<(usize, &Error)> {
        match self {
            Self::All(outcome) => outcome.error().map(|error| (0, error)),
            Self::Each(each) => each
                .iter()
                .enumerate()
                .find_map(|(i, outcome)| Some((i, outcome.error()?))),
        }
    }

    /// Whether no message failed.
    pub fn is_success(&self) -> bool {
        self.first_failure().is_none()
    }
}

/// Who hears what became of a batch.
pub trait Settle: Send {
    /// Called exactly once, when the last handle of the transaction has settled, on the thread
    /// that settled it. `outcomes` has one entry for each source message. Must not block.
    fn settle(self: Box<Self>, outcomes: SmallVec<[Outcome; 1]>);
}

/// One batch as its input emitted it, from admission to settlement.
pub struct Transaction {
    slots: SmallVec<[Slot; 1]>,
    open: AtomicU32,
    settle: Mutex<Option<Box<dyn Settle>>>,
}

/// One source message: how many handles are open, and the worst outcome so far.
struct Slot {
    open: AtomicU32,
    worst: AtomicU8,
    detail: Mutex<Option<Outcome>>,
}

impl Transaction {
    /// Opens a transaction of `messages` source messages and returns the origin of each.
    ///
    /// A transaction of no messages settles at once.
    pub fn open(messages: usize, settle: Box<dyn Settle>) -> SmallVec<[Origin; 1]> {
        if messages == 0 {
            settle.settle(SmallVec::new());
            return SmallVec::new();
        }
        let count = u32::try_from(messages).expect("a batch has fewer than 2^32 messages");
        let transaction = Arc::new(Self {
            slots: (0..count).map(|_| Slot::new()).collect(),
            open: AtomicU32::new(count),
            settle: Mutex::new(Some(settle)),
        });
        (0..count)
            .map(|index| {
                Origin::One(Handle {
                    transaction: Some(Arc::clone(&transaction)),
                    index,
                })
            })
            .collect()
    }

    fn release(&self, index: u32, outcome: Outcome) {
        let slot = &self.slots[index as usize];
        slot.record(outcome);
        if slot.open.fetch_sub(1, Ordering::AcqRel) == 1
            && self.open.fetch_sub(1, Ordering::AcqRel) == 1
        {
            self.finish();
        }
    }

    fn finish(&self) {
        let settle = self.settle.lock().take();
        if let Some(settle) = settle {
            settle.settle(self.slots.iter().map(Slot::outcome).collect());
        }
    }
}

impl Slot {
    fn new() -> Self {
        Self {
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
        let held = detail.as_ref().map_or(NONE, Outcome::rank);
        if rank > held {
            *detail = Some(outcome);
        }
        self.worst.fetch_max(rank, Ordering::AcqRel);
    }

    fn outcome(&self) -> Outcome {
        if self.worst.load(Ordering::Acquire) == DELIVERED {
            return Outcome::Delivered;
        }
        self.detail.lock().take().unwrap_or(Outcome::Delivered)
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

#[cfg(test)]
mod tests;
