//! A running input, leaf or composite, as its consumer sees it.

use std::future::Future;

use millrace_message::{Error, MessageBatch};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::queue::{self, Receiver, Sender};

/// A running input.
///
/// Batches arrive with their transaction open. When the input has read its last message it is
/// *exhausted*; it stays open until everything it emitted has settled, because failed messages
/// are sent again, and then its queue ends.
pub struct Source {
    batches: Receiver<MessageBatch>,
    exhausted: watch::Receiver<bool>,
    stop: CancellationToken,
    task: JoinHandle<Result<(), Error>>,
}

/// The producing end of a [`Source`].
pub struct SourceWriter {
    /// Takes the batches.
    pub batches: Sender<MessageBatch>,
    exhausted: watch::Sender<bool>,
    stop: CancellationToken,
}

impl SourceWriter {
    /// Says that no new message will come.
    pub fn exhaust(&self) {
        self.exhausted.send_replace(true);
    }

    /// Cancelled when the input should stop reading.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }
}

impl Drop for SourceWriter {
    fn drop(&mut self) {
        self.exhaust();
    }
}

impl Source {
    /// Runs `produce` as a task that writes into a queue of `capacity` messages.
    ///
    /// `produce` exhausts the writer when it has read its last message, and returns when all it
    /// emitted has settled, with the error that ended it, if one did.
    pub fn spawn<P, F>(capacity: usize, produce: P) -> Self
    where
        P: FnOnce(SourceWriter) -> F,
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let (sender, receiver) = queue::queue(capacity);
        let (exhausted, seen) = watch::channel(false);
        let stop = CancellationToken::new();
        let writer = SourceWriter {
            batches: sender,
            exhausted,
            stop: stop.clone(),
        };
        let task = tokio::spawn(produce(writer));
        Self {
            batches: receiver,
            exhausted: seen,
            stop,
            task,
        }
    }

    /// The queue of batches; it ends when the input is done.
    pub fn batches(&self) -> &Receiver<MessageBatch> {
        &self.batches
    }

    /// Turns true when no new message will come.
    pub fn exhausted(&self) -> watch::Receiver<bool> {
        self.exhausted.clone()
    }

    /// Asks the input to stop reading; what it emitted still settles.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// A token that stops the input, for consumers that are about to move it.
    pub fn stopper(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Waits until everything emitted has settled and the input is closed.
    ///
    /// # Errors
    /// What ended the input, or what could not be told to its source.
    pub async fn finish(self) -> Result<(), Error> {
        drop(self.batches);
        match self.task.await {
            Ok(result) => result,
            Err(panic) => Err(Error::fatal(format!("an input panicked: {panic}"))),
        }
    }
}
