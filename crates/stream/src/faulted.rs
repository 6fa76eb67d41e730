//! Counts the messages that the root output accepts although a processor has failed on them.
//!
//! Nothing is looked at before a processor has failed on some message of the stream.

use millrace_component::Flow;
use millrace_message::{Message, MessageBatch, Outcome, Outcomes};

/// The messages of a batch that a processor has failed on, before the batch is written.
pub(crate) struct Faulted {
    indices: Vec<usize>,
}

impl Faulted {
    pub(crate) fn of(batch: &MessageBatch, flow: &Flow) -> Self {
        let mut indices = Vec::new();
        if flow.has_faults() {
            let messages = batch.iter().enumerate();
            indices.extend(messages.filter_map(|(at, it)| it.fault().map(|_| at)));
        }
        Self { indices }
    }

    /// Those of a batch that comes out of the processors of an output, beyond the ones that were
    /// flagged when it went in: these are counted where the output is written to. Of `known` such
    /// messages each one that is found here is taken off; what a processor below `path` has failed
    /// on is left for last.
    pub(crate) fn beyond(known: &mut usize, path: &str, batch: &MessageBatch, flow: &Flow) -> Self {
        let mut faulted = Self::of(batch, flow);
        let is_own = |at: &usize| {
            let fault = batch.get(*at).and_then(Message::fault);
            fault.is_some_and(|it| it.path.starts_with(path))
        };
        faulted.indices.sort_by_key(is_own);
        let counted = faulted.len().min(*known);
        *known -= counted;
        faulted.indices.drain(..counted);
        faulted
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

    /// Counts those of them that were delivered.
    pub(crate) fn count(&self, outcomes: &Outcomes, flow: &Flow) {
        let is_delivered = |at: &&usize| matches!(outcomes.get(**at), Outcome::Delivered);
        let delivered = self.indices.iter().filter(is_delivered).count();
        if delivered > 0 {
            let ledger = flow.buffer_ledger().unwrap_or(flow.ledger());
            ledger.deliver_faulted(delivered);
        }
    }
}
