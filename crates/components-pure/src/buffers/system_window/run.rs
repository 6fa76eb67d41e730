//! A running `system_window` buffer.

use std::collections::VecDeque;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use millrace_component::{Backoff, Source, SourceWriter, clock, track};
use millrace_message::{Error, MessageBatch, Origin, Outcomes};
use smallvec::SmallVec;

use super::super::failed::{rest, take_failed};
use super::windows::Leaving;
use super::{SystemWindow, nanoseconds_now};

/// Messages that may wait between the buffer and the pipeline.
const EDGE_CAPACITY: usize = 64;
/// The pauses before messages are sent again.
const PAUSE_INITIAL: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// The longest wait without a look at the clock, which somebody may set.
const LOOK: Duration = Duration::from_secs(60);

/// Why a message is dropped whose windows have left.
const TOO_LATE: &str = "window_too_late";
/// Why a message is dropped that has no time.
const NO_TIME: &str = "window_timestamp";

pub(super) fn run(buffer: SystemWindow, upstream: Source) -> Source {
    Source::spawn(EDGE_CAPACITY, |writer| {
        let running = Running {
            buffer,
            upstream,
            writer,
            ready: VecDeque::new(),
            under_way: FuturesUnordered::new(),
        };
        running.run()
    })
}

/// Returns when it is `at`, in nanoseconds since 1970, or somewhat earlier.
async fn until(at: i128) {
    clock::sleep(wait(at - nanoseconds_now())).await;
}

/// How long is slept of what is left, in nanoseconds: a window of the year 9999 is further away than
/// 64 bits can say.
pub(super) fn wait(left: i128) -> Duration {
    match u64::try_from(left.max(0)) {
        Ok(left) => Duration::from_nanos(left).min(LOOK),
        Err(_) => LOOK,
    }
}

struct Running {
    buffer: SystemWindow,
    upstream: Source,
    writer: SourceWriter,
    /// What has left its window, and waits for the pipeline.
    ready: VecDeque<MessageBatch>,
    under_way: FuturesUnordered<BoxFuture<'static, Returned>>,
}

/// Messages of a window that left, with what became of them.
struct Returned {
    batch: MessageBatch,
    /// What the source hears of.
    origins: SmallVec<[Origin; 1]>,
    outcomes: Outcomes,
    backoff: Backoff,
}

impl Running {
    async fn run(mut self) -> Result<(), Error> {
        let stop = self.writer.stop().clone();
        let flow = self.buffer.flow.clone();
        let mut exhausted = self.upstream.exhausted();
        let (mut open, mut stopping) = (true, false);
        while open || !self.is_empty() {
            let due = self.buffer.windows.due();
            let is_leaving = self.buffer.windows.is_leaving_early();
            tokio::select! {
                biased;
                () = flow.abort().cancelled() => break,
                () = stop.cancelled(), if !stopping => {
                    stopping = true;
                    self.upstream.stop();
                }
                Some(returned) = self.under_way.next() => self.settle(returned),
                () = self.writer.batches.push_run(&mut self.ready), if !self.ready.is_empty() => {}
                batch = self.upstream.batches().pop(), if open && !is_leaving => match batch {
                    Some(batch) => self.take_in(batch),
                    None => open = false,
                },
                () = until(due.unwrap_or_default()), if due.is_some() => {}
                Ok(()) = exhausted.changed() => {}
            }
            // What waits in the queue belongs into the same windows.
            let is_read = self.upstream.batches().gauge().depth() == 0;
            let nothing_more = !open || (*exhausted.borrow() && is_read);
            self.let_leave(is_leaving || nothing_more || (stopping && is_read));
            if nothing_more && self.buffer.windows.due().is_none() {
                self.writer.exhaust();
            }
        }
        // What is let go of goes back to its source. What is being written does not before the output
        // has told what became of it.
        self.ready.clear();
        self.buffer.windows.clear();
        while let Some(returned) = self.under_way.next().await {
            self.settle(returned);
        }
        drop((self.writer, self.buffer));
        self.upstream.finish().await
    }

    fn is_empty(&self) -> bool {
        let has_left = self.buffer.windows.due().is_none();
        has_left && self.ready.is_empty() && self.under_way.is_empty()
    }

    fn take_in(&mut self, batch: MessageBatch) {
        let metrics = &self.buffer.metrics;
        metrics.received.add(batch.len() as u64);
        metrics.batch_received.inc();
        let now = nanoseconds_now();
        let times = (0..batch.len()).map(|index| self.buffer.time_of(&batch, index));
        let times: Vec<_> = times.collect();
        for (message, at) in batch.into_iter().zip(times) {
            match at {
                Ok(at) => {
                    if let Err(late) = self.buffer.windows.add(now, at, message) {
                        let identity = &self.buffer.identity;
                        identity.log_warning("message dropped: its last window has left");
                        late.drop_because(TOO_LATE);
                    }
                }
                Err(error) => {
                    let error = error.context("timestamp_mapping");
                    self.buffer.identity.log_error(&error);
                    message.drop_because(NO_TIME);
                }
            }
        }
    }

    /// Sends the windows whose time has come, one at a time, so that what waits for the pipeline is
    /// bounded; `all`: whatever the time.
    fn let_leave(&mut self, all: bool) {
        while self.ready.is_empty() {
            let windows = &mut self.buffer.windows;
            let leaving = match all {
                true => windows.leave_early(),
                false => windows.leave(nanoseconds_now()),
            };
            let Some(leaving) = leaving else { return };
            self.send_window(leaving);
        }
    }

    fn send_window(&mut self, leaving: Leaving) {
        let Leaving { end, mut batch } = leaving;
        let end = Timestamp::from_nanosecond(end).unwrap_or(Timestamp::MAX);
        let end = end.to_string();
        for message in batch.iter_mut() {
            message.metadata.set("window_end_timestamp", end.as_str());
        }
        let metrics = &self.buffer.metrics;
        metrics.sent.add(batch.len() as u64);
        metrics.batch_sent.inc();
        self.send(batch, Backoff::new(PAUSE_INITIAL, PAUSE_MAX));
    }

    /// Sends messages on, and keeps copies until their outcome is known: their source would send them
    /// again when their window has left, and they would be too late.
    fn send(&mut self, mut batch: MessageBatch, mut backoff: Backoff) {
        let origins = batch.take_origins();
        let copies = batch.detached();
        let outcomes = track(&mut batch);
        self.ready.push_back(batch);
        let latency = self.buffer.metrics.latency.clone();
        let flow = self.buffer.flow.clone();
        let started = std::time::Instant::now();
        self.under_way.push(Box::pin(async move {
            let outcomes = outcomes.await;
            latency.observe(started.elapsed());
            if !outcomes.is_success() {
                rest(backoff.pause(), &flow).await;
            }
            Returned {
                batch: copies,
                origins,
                outcomes,
                backoff,
            }
        }));
    }

    /// Tells the source what is settled, and sends again what failed.
    fn settle(&mut self, returned: Returned) {
        let Returned {
            batch,
            origins,
            outcomes,
            backoff,
        } = returned;
        let failed = take_failed(batch, origins, &outcomes);
        if !failed.is_empty() && !self.buffer.flow.abort().is_cancelled() {
            self.buffer.flow.ledger().replay(failed.len());
            self.send(failed, backoff);
        }
    }
}
