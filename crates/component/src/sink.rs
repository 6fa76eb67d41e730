//! A running output, leaf or composite, as its producer sees it.

use async_trait::async_trait;
use futures::future::BoxFuture;
use millrace_message::{MessageBatch, Outcomes};

/// A running output.
///
/// A leaf waits for its connection (for at most `connect_timeout`), for a free place among its
/// `max_in_flight` writes, and, with batching, for its batch; a composite routes to others.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Delivers a batch of detached messages and says what became of each of them.
    ///
    /// Any number of writes may be under way at a time; each waits for its turn.
    ///
    /// # Cancel safety
    /// The future may be dropped at shutdown: what it was writing counts as not delivered.
    async fn write(&self, batch: MessageBatch) -> Outcomes;

    /// As [`Sink::write`] in two steps: the first future ends when the output has taken the batch over,
    /// the second one tells what became of it. Most outputs take as many as [`Sink::capacity`] says
    /// at once; one that collects batches has less room than that while it cannot write.
    ///
    /// # Cancel safety
    /// The first future may be dropped: then the batch is not delivered.
    async fn hand_over<'a>(&'a self, batch: MessageBatch) -> BoxFuture<'a, Outcomes> {
        Box::pin(self.write(batch))
    }

    /// How many writes it makes sense to have under way, at least 1; `usize::MAX` when it
    /// collects batches and any number may wait.
    fn capacity(&self) -> usize;

    /// Closes the output after its last write has returned.
    async fn close(&self);
}
