//! What is to be written, answered, and told to partitions.

use millrace_kafka_wire::Str;

use super::{Response, Token};
use crate::group::{KeyAndValue, batches};

/// Steps, in the order in which they are to be done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    /// None is empty.
    pub steps: Vec<Step>,
}

/// Records that are appended as one batch, and what waits for them and for all records of earlier
/// steps, of these and of earlier effects.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// What is appended as one batch; nothing when empty.
    pub records: Vec<KeyAndValue>,
    /// What is answered when everything up to here is durable.
    pub replies: Vec<(Token, Response)>,
    /// What partitions are told when everything up to here is durable.
    pub markers: Vec<Markers>,
}

/// How a transaction ended, for the partitions that are in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Markers {
    /// Whose transaction it is.
    pub transactional_id: Str,
    /// The producer that wrote the transaction.
    pub producer_id: i64,
    /// The epoch that the markers have: one more than that of the producer, from version 2 of
    /// transactions on.
    pub producer_epoch: i16,
    /// The epoch of this coordinator.
    pub coordinator_epoch: i32,
    /// Whether it is committed; else it is aborted.
    pub is_commit: bool,
    /// Topics and partitions, in order.
    pub partitions: Vec<(Str, i32)>,
    /// The version of transactions, which tells partitions how to check the epoch.
    pub transaction_version: i16,
}

impl Effects {
    /// Answers after what was written before.
    pub(super) fn reply(&mut self, token: Token, response: Response) {
        self.last().replies.push((token, response));
    }

    /// Tells partitions, after what was written before.
    pub(super) fn tell(&mut self, markers: Markers) {
        self.last().markers.push(markers);
    }

    /// Writes records that belong together, as one batch.
    pub(super) fn write(&mut self, records: Vec<KeyAndValue>) {
        self.steps.push(Step {
            records,
            ..Step::default()
        });
    }

    /// Writes records of which each stands for itself, in batches of at most so many bytes.
    pub(super) fn write_in_parts(&mut self, records: Vec<KeyAndValue>, max_batch_bytes: usize) {
        for batch in batches(records, max_batch_bytes) {
            self.write(batch);
        }
    }

    fn last(&mut self) -> &mut Step {
        if self.steps.is_empty() {
            self.steps.push(Step::default());
        }
        self.steps.last_mut().expect("one was pushed")
    }
}
