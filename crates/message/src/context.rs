//! What travels with every descendant of a source message, whatever happens to its payload.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::MessageBatch;

/// Shared by all descendants of one source message, side computations included.
#[derive(Debug, Default)]
pub struct Context {
    /// Where a reply to the sender is left, for sources that answer (`http_server`).
    pub replies: Option<Replies>,
    /// The W3C `traceparent` of the span that the message belongs to.
    pub trace_parent: Option<Box<str>>,
    /// What the message had before the span it belongs to was started.
    pub outer: Option<Arc<Context>>,
}

impl Context {
    /// The context of a message while a span below its current one runs.
    pub fn in_span(trace_parent: Box<str>, outer: Option<Arc<Self>>) -> Self {
        Self {
            replies: None,
            trace_parent: Some(trace_parent),
            outer,
        }
    }

    /// Where a reply to the sender is left, whatever spans the message is in.
    pub fn replies(&self) -> Option<&Replies> {
        self.replies
            .as_ref()
            .or_else(|| self.outer.as_ref()?.replies())
    }

    /// How many spans the message is in.
    pub fn depth(&self) -> usize {
        self.outer.as_ref().map_or(0, |outer| 1 + outer.depth())
    }
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
