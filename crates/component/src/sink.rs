//! A running output, leaf or composite, as its producer sees it.

use async_trait::async_trait;
use futures::future::BoxFuture;
use millrace_message::{MessageBatch, Outcomes};

use crate::Intake;

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
    /// at once; one that collects batches has less room than that while it cannot write, and one with
    /// processors takes one batch after the other. A [`CompositeSink`] has its children do so, so that
    /// batches keep their order on all the way down.
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

/// An output that has others write.
#[async_trait]
pub trait CompositeSink: Send + Sync {
    /// As [`Sink::write`]; `intake` is to hear when the children have taken the batch.
    ///
    /// # Cancel safety
    /// As of [`Sink::write`].
    async fn deliver(&self, batch: MessageBatch, intake: &Intake) -> Outcomes;

    /// As [`Sink::capacity`].
    fn capacity(&self) -> usize;

    /// As [`Sink::close`].
    async fn close(&self);
}

#[async_trait]
impl<C: CompositeSink> Sink for C {
    async fn write(&self, batch: MessageBatch) -> Outcomes {
        self.deliver(batch, &Intake::default()).await
    }

    async fn hand_over<'a>(&'a self, batch: MessageBatch) -> BoxFuture<'a, Outcomes> {
        let intake = Intake::default();
        let told = intake.clone();
        let write = async move { self.deliver(batch, &told).await };
        intake.wait(Box::pin(write)).await
    }

    fn capacity(&self) -> usize {
        CompositeSink::capacity(self)
    }

    async fn close(&self) {
        CompositeSink::close(self).await;
    }
}
