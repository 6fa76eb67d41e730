//! Counts the messages that the root output accepts although a processor has failed on them.
//!
//! Nothing is looked at before a processor has failed on some message of the stream.

use millrace_component::Flow;
use millrace_message::{Fault, Message, MessageBatch, Outcome, Outcomes};

/// The messages of a batch that a processor has failed on, before the batch is written.
pub(crate) struct Faulted {
    indices: Vec<usize>,
}

impl Faulted {
    pub(crate) fn of(batch: &MessageBatch, flow: &Flow) -> Self {
        Self::those(batch, flow, |_| true)
    }

    /// Those that a processor below this path has failed on: the processors of an output stand
    /// behind the place where the others are counted.
    pub(crate) fn below(path: &str, batch: &MessageBatch, flow: &Flow) -> Self {
        Self::those(batch, flow, |fault| fault.path.starts_with(path))
    }

    fn those(batch: &MessageBatch, flow: &Flow, counts: impl Fn(&Fault) -> bool) -> Self {
        let mut indices = Vec::new();
        if flow.has_faults() {
            let is_one = |message: &Message| message.fault().is_some_and(|it| counts(it));
            let messages = batch.iter().enumerate();
            indices.extend(messages.filter(|(_, it)| is_one(it)).map(|(at, _)| at));
        }
        Self { indices }
    }

    pub(crate) fn of_one(message: &Message, flow: &Flow) -> Self {
        let is_faulted = flow.has_faults() && message.fault().is_some();
        Self {
            indices: is_faulted.then_some(0).into_iter().collect(),
        }
    }

    /// How many they are.
    pub(crate) fn len(&self) -> usize {
        self.indices.len()
    }

    /// How many of them were delivered.
    pub(crate) fn delivered(&self, outcomes: &Outcomes) -> usize {
        let is_delivered = |at: &&usize| matches!(outcomes.get(**at), Outcome::Delivered);
        self.indices.iter().filter(is_delivered).count()
    }

    /// Counts those of them that were delivered.
    pub(crate) fn count(&self, outcomes: &Outcomes, flow: &Flow) {
        count(self.delivered(outcomes), flow);
    }
}

/// Counts messages that were delivered.
pub(crate) fn count(delivered: usize, flow: &Flow) {
    if delivered > 0 {
        let ledger = flow.buffer_ledger().unwrap_or(flow.ledger());
        ledger.deliver_faulted(delivered);
    }
}
