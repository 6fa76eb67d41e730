//! How far the start of a stream is, and whether it goes on.

use std::sync::atomic::{AtomicBool, Ordering};

use millrace_message::Error;
use tokio_util::sync::CancellationToken;

/// The start of a stream, which has two parts: as long as no input is started nothing can be lost,
/// and it is given up when it is asked to stop. From then on something may have been read, and it
/// has to settle: the stream starts, with as few inputs as possible.
pub(crate) struct Starting {
    stop: CancellationToken,
    reads: AtomicBool,
    has_stopped: AtomicBool,
}

impl Starting {
    /// A start that goes on until `stop` is cancelled.
    pub(crate) fn until(stop: CancellationToken) -> Self {
        Self {
            stop,
            reads: AtomicBool::new(false),
            has_stopped: AtomicBool::new(false),
        }
    }

    /// Asked before each component that reads nothing is built.
    ///
    /// # Errors
    /// It was asked to stop, and no input is started yet.
    pub(crate) fn go_on(&self) -> Result<(), Error> {
        if self.reads.load(Ordering::Relaxed) || !self.stop.is_cancelled() {
            return Ok(());
        }
        self.has_stopped.store(true, Ordering::Relaxed);
        Err(Error::fatal(
            "the stream is asked to stop before it has started",
        ))
    }

    /// Whether [`Starting::go_on`] has ended it.
    pub(crate) fn has_stopped(&self) -> bool {
        self.has_stopped.load(Ordering::Relaxed)
    }

    /// Says that inputs are started now.
    ///
    /// # Errors
    /// As [`Starting::go_on`].
    pub(crate) fn begin_to_read(&self) -> Result<(), Error> {
        self.go_on()?;
        self.reads.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Whether no other input is to be started.
    pub(crate) fn is_over(&self) -> bool {
        self.stop.is_cancelled()
    }
}
