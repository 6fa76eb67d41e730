//! The contract of an output: it accepts a batch, or says which messages it did not accept.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_message::{Error, Message, MessageBatch, Outcome, Outcomes, print_together};

/// Why a write was not a full success.
#[derive(Clone, Debug)]
pub struct WriteError {
    error: Error,
    failed: Option<Vec<(usize, Error)>>,
}

impl WriteError {
    /// No message of the batch was accepted.
    pub fn all(error: Error) -> Self {
        Self {
            error,
            failed: None,
        }
    }

    /// Only the messages named by index were not accepted; `failed` is not empty.
    pub fn some(failed: Vec<(usize, Error)>) -> Self {
        let error = failed.first().map_or_else(
            || Error::retry("the output failed without naming a message"),
            |(_, error)| error.clone(),
        );
        let failed = (!failed.is_empty()).then_some(failed);
        Self { error, failed }
    }

    /// The first or only error.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// The outcome of each of `messages` messages.
    pub fn into_outcomes(self, messages: usize) -> Outcomes {
        let Some(failed) = self.failed else {
            return Outcomes::failed(self.error);
        };
        let mut each = vec![Outcome::Delivered; messages];
        for (index, error) in failed {
            if let Some(outcome) = each.get_mut(index) {
                *outcome = Outcome::Failed(error);
            }
        }
        Outcomes::Each(each)
    }
}

impl From<Error> for WriteError {
    fn from(error: Error) -> Self {
        Self::all(error)
    }
}

/// An output that talks to its destination on the asynchronous runtime.
///
/// The engine calls `connect` until it succeeds and then writes, up to `max_in_flight` batches
/// at a time. After a write that failed with
/// [`NotConnected`](millrace_message::ErrorClass::NotConnected) it connects again.
#[async_trait]
pub trait Output: Send + Sync {
    /// Opens the connection to the destination; called again after it was lost.
    ///
    /// # Errors
    /// `Fatal` ends the output, and with it the stream whose root it is; any other class is tried
    /// again with a growing pause. `Rejected` means that the destination refuses this client, as for
    /// a wrong password: somebody has to act, so each attempt is told as an error.
    async fn connect(&self) -> Result<(), Error>;

    /// Delivers a batch. A return without error means that the destination has accepted every
    /// message, as durably as the component's page says.
    ///
    /// # Errors
    /// Which messages were not accepted, and why. `NotConnected` lets the engine reconnect and
    /// write the same batch again; any other class goes back to the source.
    ///
    /// # Cancel safety
    /// The future may be dropped at shutdown: what it was writing counts as not delivered.
    async fn write(&self, batch: &MessageBatch) -> Result<(), WriteError>;

    /// Returns when the connection was lost while nothing was written, so that an idle output is
    /// seen as not connected and connects again. Called after each `connect`; it never returns
    /// where the client does not tell.
    ///
    /// # Cancel safety
    /// The future is dropped when a write finds the loss first.
    async fn lost(&self) {
        std::future::pending::<()>().await;
    }

    /// Closes the connection after the last write has returned.
    ///
    /// # Errors
    /// What could not be finished. One of the class [`Fatal`](millrace_message::ErrorClass::Fatal) says
    /// that messages are lost which were told to be written: the stream ends with it.
    async fn close(&self) -> Result<(), Error>;
}

/// What an output reads of the payloads that it is given. What it does not read is let go by the
/// pipeline threads, which made it and free it cheaper than anybody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// Bytes or values.
    Anything,
    /// Bytes alone.
    Bytes,
    /// Nothing at all.
    Nothing,
}

impl Reads {
    /// Lets go of what is not read.
    pub fn strip(self, batches: &mut [MessageBatch]) {
        let messages = batches.iter_mut().flat_map(|batch| batch.iter_mut());
        match self {
            Self::Anything => {}
            Self::Bytes => print_together(messages),
            Self::Nothing => messages.for_each(Message::forget_payload),
        }
    }
}

/// An output that works on a thread of its own: local files, or nothing at all.
pub trait BlockingOutput: Send {
    /// Opens what has to be opened. As [`Output::connect`].
    ///
    /// # Errors
    /// As [`Output::connect`].
    fn connect(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// Delivers all that is ready in one step, and appends one result for each batch, in order.
    ///
    /// A result without error means that the batch was handed to the destination (for a file:
    /// to the operating system). An error of the class `Fatal` ends the stream: the output will
    /// never take a message again.
    fn write(&mut self, run: &[MessageBatch], results: &mut Vec<Result<(), WriteError>>);

    /// What it reads of a payload; the same for as long as it lives.
    fn reads(&self) -> Reads {
        Reads::Anything
    }

    /// Closes what was opened.
    ///
    /// # Errors
    /// What could not be finished.
    fn close(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// A leaf output, built and not yet connected.
pub enum BuiltOutput {
    /// Runs on the asynchronous runtime.
    Async(Arc<dyn Output>),
    /// Runs on a thread of its own.
    Blocking(Box<dyn BlockingOutput>),
}

/// What the engine has to know of a leaf output beside its behaviour.
pub struct LeafOutput {
    /// The behaviour.
    pub output: BuiltOutput,
    /// How many batches may be written at a time; at least 1.
    pub max_in_flight: usize,
    /// How long a write waits for the connection before it fails; zero waits for ever, `None`
    /// leaves it to the engine: for ever at the root, 10 seconds below a composite.
    pub connect_timeout: Option<std::time::Duration>,
    /// How messages are collected into batches before the output, when they are.
    pub batching: Option<crate::BatchPolicy>,
}

impl LeafOutput {
    /// An output without batching that writes one batch at a time.
    pub fn serial(output: BuiltOutput) -> Self {
        Self {
            output,
            max_in_flight: 1,
            connect_timeout: None,
            batching: None,
        }
    }
}
