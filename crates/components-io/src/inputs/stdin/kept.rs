//! The standard input of a process whose streams follow each other.
//!
//! What was taken from it is there no more, and a scanner may hold a part of a message, or the header of
//! a table. So a thread of its own reads it, from one stream to the next, as long as the scanner is the
//! same.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;

use millrace_component::{BLOCKING_READ_MAX, BlockingInput, Incoming, Leftovers};
use millrace_message::{Error, ErrorClass};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::inputs::scanned::ScannedInput;

/// Batches that are read in one step.
const RUN_MAX: usize = 64;

/// What no stream reads now.
static KEPT: Mutex<Option<Reading>> = Mutex::new(None);

/// What was read in one step, and the error that came then.
struct Run {
    batches: Vec<Incoming>,
    error: Option<Error>,
}

/// The standard input as it is read.
struct Reading {
    /// How it is cut into messages.
    scanner: String,
    runs: Receiver<Run>,
    /// What was received and not emitted.
    waiting: VecDeque<Incoming>,
    error: Option<Error>,
    /// Why there is nothing more to read.
    end: Option<Error>,
    stop: CancellationToken,
    thread: JoinHandle<()>,
}

impl Reading {
    fn start(scanner: String, mut input: ScannedInput) -> Result<Self, Error> {
        let (sender, runs) = sync_channel(1);
        let stop = CancellationToken::new();
        input.hear_stop(&stop);
        let thread = std::thread::Builder::new().name("stdin".to_owned()).spawn({
            let stop = stop.clone();
            move || read_all(&mut input, &stop, &sender)
        });
        let thread = thread
            .map_err(|error| Error::fatal(format!("start the thread of an input: {error}")))?;
        Ok(Self {
            scanner,
            runs,
            waiting: VecDeque::new(),
            error: None,
            end: None,
            stop,
            thread,
        })
    }

    /// Receives what comes within the time that a read may block.
    fn receive(&mut self) {
        match self.runs.recv_timeout(BLOCKING_READ_MAX) {
            Ok(run) => self.take(run),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                let gone = || Error::fatal("the thread of the standard input has ended");
                self.error = Some(self.end.clone().unwrap_or_else(gone));
            }
        }
    }

    fn take(&mut self, run: Run) {
        self.waiting.extend(run.batches);
        if run.error.as_ref().is_some_and(is_end) {
            self.end.clone_from(&run.error);
        }
        self.error = run.error;
    }

    /// Stops it for good: what was taken is waiting then.
    fn end(mut self) -> VecDeque<Incoming> {
        self.stop.cancel();
        while let Ok(run) = self.runs.recv() {
            self.take(run);
        }
        if self.thread.join().is_err() {
            tracing::error!("the thread of the standard input has panicked");
        }
        self.waiting
    }
}

/// Whether nothing can be read after this.
fn is_end(error: &Error) -> bool {
    matches!(error.class(), ErrorClass::EndOfInput | ErrorClass::Fatal)
}

/// Reads until the end, or the stop.
fn read_all(input: &mut ScannedInput, stop: &CancellationToken, sender: &SyncSender<Run>) {
    while !stop.is_cancelled() {
        let mut batches = Vec::new();
        let error = input.read(RUN_MAX, &mut batches).err();
        let is_last = error.as_ref().is_some_and(is_end);
        let is_empty = batches.is_empty() && error.is_none();
        if !is_empty && sender.send(Run { batches, error }).is_err() || is_last {
            return;
        }
    }
    loop {
        let mut batches = Vec::new();
        let goes_on = input.read_taken(&mut batches);
        let run = Run {
            batches,
            error: None,
        };
        if sender.send(run).is_err() || !goes_on {
            return;
        }
    }
}

/// Emits what is read, and leaves the rest to the next stream when it is dropped.
pub(super) struct KeptInput {
    /// There until it is dropped.
    reading: Option<Reading>,
    /// They know whether another stream is to come.
    leftovers: Leftovers,
}

impl KeptInput {
    /// Goes on where the stream before has stopped. With another scanner, what the earlier one has taken
    /// comes first.
    ///
    /// # Errors
    /// Its thread cannot be started.
    pub(super) fn new(
        scanner: String,
        leftovers: Leftovers,
        open: impl FnOnce() -> ScannedInput,
    ) -> Result<Self, Error> {
        let kept = KEPT.lock().take();
        let reading = match kept {
            Some(kept) if kept.scanner == scanner => kept,
            kept => {
                let waiting = kept.map(Reading::end).unwrap_or_default();
                Reading {
                    waiting,
                    ..Reading::start(scanner, open())?
                }
            }
        };
        Ok(Self {
            reading: Some(reading),
            leftovers,
        })
    }
}

impl Drop for KeptInput {
    fn drop(&mut self) {
        if let Some(reading) = self.reading.take() {
            *KEPT.lock() = Some(reading);
        }
    }
}

impl BlockingInput for KeptInput {
    fn read_taken(&mut self, run: &mut Vec<Incoming>) -> bool {
        if !self.leftovers.is_wanted()
            && let Some(reading) = self.reading.take()
        {
            run.extend(reading.end());
        }
        false
    }

    fn read(&mut self, max: usize, run: &mut Vec<Incoming>) -> Result<(), Error> {
        let Some(reading) = &mut self.reading else {
            return Err(Error::end_of_input());
        };
        if reading.waiting.is_empty() && reading.error.is_none() {
            reading.receive();
        }
        let count = max.min(reading.waiting.len());
        run.extend(reading.waiting.drain(..count));
        match reading.error.take_if(|_| reading.waiting.is_empty()) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

/// Ends the reading of the standard input when no stream is to come; how many messages were taken that
/// no stream has emitted.
pub fn end_standard_input() -> usize {
    let kept = KEPT.lock().take();
    let waiting = kept.map(Reading::end).unwrap_or_default();
    waiting.iter().map(|it| it.batch.len()).sum()
}
