//! What travels with every descendant of a source message, whatever happens to its payload.

use parking_lot::Mutex;

use crate::MessageBatch;

/// Shared by all descendants of one source message, side computations included.
#[derive(Debug, Default)]
pub struct Context {
    /// Where a reply to the sender is left, for sources that answer (`http_server`).
    pub replies: Option<Replies>,
    /// The W3C `traceparent` of the span that the message belongs to.
    pub trace_parent: Option<Box<str>>,
}

/// The replies left by `sync_response` for the sender of a message.
#[derive(Debug, Default)]
pub struct Replies {
    batches: Mutex<Vec<MessageBatch>>,
}

impl Replies {
    /// Leaves a batch of detached messages for the sender.
    pub fn push(&self, batch: MessageBatch) {
        self.batches.lock().push(batch);
    }

    /// Takes what was left so far, in order.
    pub fn take(&self) -> Vec<MessageBatch> {
        std::mem::take(&mut *self.batches.lock())
    }
}
