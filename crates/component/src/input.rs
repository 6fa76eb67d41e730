//! The contract of an input: where messages come from, and how their source hears of them.

use std::time::Duration;

use async_trait::async_trait;
use millrace_message::{Error, MessageBatch, Outcome};
use smallvec::SmallVec;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A batch as an input read it, with the way to tell its source what became of it.
pub struct Incoming {
    /// The messages, detached: the engine opens their transaction.
    pub batch: MessageBatch,
    /// Who hears the outcomes.
    pub ack: Ack,
}

impl Incoming {
    /// A batch whose source does not wait for an answer.
    pub fn unacknowledged(batch: impl Into<MessageBatch>) -> Self {
        Self {
            batch: batch.into(),
            ack: Ack::None,
        }
    }

    /// A batch whose source is told through `ack`.
    pub fn acknowledged(
        batch: impl Into<MessageBatch>,
        ack: impl FnOnce(SmallVec<[Outcome; 1]>) + Send + 'static,
    ) -> Self {
        Self {
            batch: batch.into(),
            ack: Ack::Call(Box::new(ack)),
        }
    }
}

/// How the source of a batch hears what became of it.
pub enum Ack {
    /// It cannot be told: the engine alone remembers what was not delivered.
    None,
    /// Called exactly once with one outcome for each message, on any thread.
    ///
    /// Must not block: an input that has to talk to its server puts the answer into a queue of
    /// its own. An outcome of `Failed` is a nack; every other one acknowledges.
    Call(Box<dyn FnOnce(SmallVec<[Outcome; 1]>) + Send>),
}

/// An input that waits for its source on the asynchronous runtime.
///
/// The engine calls `connect` until it succeeds, then `read` again and again; after a read that
/// returned [`NotConnected`](millrace_message::ErrorClass::NotConnected) it starts over with
/// `connect`. It ends with `close`. No two calls overlap.
#[async_trait]
pub trait Input: Send {
    /// Opens the connection to the source.
    ///
    /// # Errors
    /// `Fatal` ends the input; any other class is tried again with a growing pause. `Rejected` means
    /// that the source refuses this client, as for a wrong password: somebody has to act, so each
    /// attempt is told as an error.
    async fn connect(&mut self) -> Result<(), Error>;

    /// Waits for the next batch.
    ///
    /// # Errors
    /// `EndOfInput` ends the input in order, `NotConnected` reconnects, `Fatal` ends the input
    /// with a failure. `Rejected` means that one message of the source cannot be read and that the
    /// next read goes on behind it: it counts as received and as dropped. `Retry` is logged, and
    /// the read is tried again after a pause.
    ///
    /// # Cancel safety
    /// The future may be dropped at any await point; no message may be lost by it.
    async fn read(&mut self) -> Result<Incoming, Error>;

    /// What tells that the source cannot be reached, and why, while the input waits by itself until it
    /// can be again, so that it is seen as not connected meanwhile. Asked for after each `connect`;
    /// `None` where the input does not tell, or has reads return `NotConnected` instead.
    fn outage(&self) -> Option<watch::Receiver<Option<Error>>> {
        None
    }

    /// After how many messages that have not settled the source sends no more; `None` when it
    /// has no such bound. While it is reached, batching policies flush what they hold.
    fn in_flight_max(&self) -> Option<usize> {
        None
    }

    /// Whether what it reads was written by an output of this process, which waits for the outcome.
    fn is_internal(&self) -> bool {
        false
    }

    /// Stops reading and gives back what was read ahead but not returned.
    ///
    /// Called once, before the remaining transactions have settled: acknowledgements still
    /// arrive after it, and [`Input::close`] comes last.
    async fn stop(&mut self) {}

    /// Closes the connection after every transaction has settled, or the time for it is over.
    /// Acknowledgements that are still queued are sent first.
    ///
    /// # Errors
    /// What could not be told to the source; it appears in the closing report.
    async fn close(&mut self) -> Result<(), Error>;
}

/// An input that works on a thread of its own: it computes, or it reads local files.
pub trait BlockingInput: Send {
    /// Opens what has to be opened. As [`Input::connect`].
    ///
    /// # Errors
    /// As [`Input::connect`].
    fn connect(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// Hands over what tells of the stop, before anything else. It is for inputs whose source may have
    /// nothing to say for long: their reads return when they are stopped, without having taken anything.
    fn hear_stop(&mut self, _stop: &CancellationToken) {}

    /// Appends what can be had without waiting, at most `max` batches; blocks for the first one
    /// only, and no longer than [`BLOCKING_READ_MAX`] at a time (returning nothing then), so
    /// that a stop is noticed.
    ///
    /// # Errors
    /// As [`Input::read`]; what was appended before the error stands.
    fn read(&mut self, max: usize, run: &mut Vec<Incoming>) -> Result<(), Error>;

    /// Appends a batch of what was taken from a source that cannot be read again, and was not returned
    /// before the stop; false when nothing is left of it. It waits for nothing.
    fn read_taken(&mut self, _run: &mut Vec<Incoming>) -> bool {
        false
    }

    /// Closes what was opened.
    ///
    /// # Errors
    /// What could not be finished.
    fn close(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// The longest that [`BlockingInput::read`] may block before it looks whether it should stop.
pub const BLOCKING_READ_MAX: Duration = Duration::from_millis(50);

/// A leaf input, built and not yet connected.
pub enum BuiltInput {
    /// Runs on the asynchronous runtime.
    Async(Box<dyn Input>),
    /// Runs on a thread of its own.
    Blocking(Box<dyn BlockingInput>),
}

/// What the engine has to know of a leaf input beside its behaviour.
pub struct LeafInput {
    /// The behaviour.
    pub input: BuiltInput,
    /// Whether the engine keeps failed messages and sends them again (`auto_replay_nacks`).
    /// `None` for inputs whose source redelivers by itself.
    pub auto_replay: Option<bool>,
    /// How often and how long failed messages are sent again.
    pub replay: crate::ReplayPolicy,
}
