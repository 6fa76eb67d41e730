//! Writes again until it works: what `retry`, `broker` and `switch` share.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use millrace_component::{Backoff, BuildContext, CompositeSink, Flow, Identity, Intake, Sink};
use millrace_message::{Error, Message, MessageBatch, Outcome, Outcomes};
use millrace_telemetry::metric::Counter;

/// When to give up, and how long to wait between attempts.
#[derive(Clone, Debug)]
pub(super) struct Attempts {
    /// How often a write is tried again; `None` for ever.
    pub max_retries: Option<u64>,
    /// The first pause.
    pub initial: Duration,
    /// The longest pause.
    pub max: Duration,
    /// No attempt is made later than this after the first; `None` for no such bound.
    pub max_elapsed: Option<Duration>,
}

impl Attempts {
    /// For ever, with pauses of 500 ms to 3 s.
    pub(super) const ENDLESS: Self = Self {
        max_retries: None,
        initial: Duration::from_millis(500),
        max: Duration::from_secs(3),
        max_elapsed: None,
    };

    fn allow(&self, retry: u64, started: Instant, pause: Duration) -> bool {
        self.max_retries.is_none_or(|max| retry <= max)
            && self
                .max_elapsed
                .is_none_or(|max| started.elapsed() + pause <= max)
    }
}

/// An output whose failed messages are written again, unless it cannot go on at all or the stream is
/// given up.
///
/// Nobody above hears of a failure while it is tried again, so it is logged and counted here.
pub(super) struct Retrying {
    sink: Arc<dyn Sink>,
    attempts: Attempts,
    flow: Flow,
    identity: Arc<Identity>,
    errors: Counter,
}

impl Retrying {
    /// Writes again to `sink`, for the component of `cx`.
    pub(super) fn new(sink: Arc<dyn Sink>, attempts: Attempts, cx: &BuildContext) -> Self {
        Self {
            sink,
            attempts,
            flow: cx.flow().clone(),
            identity: Arc::clone(cx.identity()),
            errors: cx.metrics().counter("output_error", &[]),
        }
    }

    /// Tells why messages are not written yet.
    fn tell(&self, pending: &Pending) {
        if pending.is_empty() {
            return;
        }
        self.errors.inc();
        for error in pending.errors() {
            self.identity
                .log_warning(format_args!("send message: {error}"));
        }
    }
}

#[async_trait]
impl CompositeSink for Retrying {
    async fn deliver(&self, batch: MessageBatch, intake: &Intake) -> Outcomes {
        let started = Instant::now();
        let mut backoff = Backoff::new(self.attempts.initial, self.attempts.max);
        let mut pending = Pending::new(batch);
        let mut retry = 0;
        loop {
            let outcomes = intake.through(&*self.sink, pending.copies()).await;
            pending.settle(&outcomes);
            self.tell(&pending);
            retry += 1;
            let pause = backoff.pause();
            let is_over = pending.is_empty() || outcomes.first_fatal().is_some();
            if is_over || !self.attempts.allow(retry, started, pause) {
                return pending.finish();
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.flow.abort().cancelled() => return pending.finish(),
            }
        }
    }

    fn capacity(&self) -> usize {
        self.sink.capacity()
    }

    async fn close(&self) {
        self.sink.close().await;
    }
}

/// The messages of a batch that no output has accepted yet, by their index in it.
pub(super) struct Pending {
    outcomes: Vec<Outcome>,
    open: Vec<(usize, Message)>,
}

impl Pending {
    pub(super) fn new(batch: MessageBatch) -> Self {
        Self {
            outcomes: vec![Outcome::Delivered; batch.len()],
            open: batch.into_iter().enumerate().collect(),
        }
    }

    /// Copies of the messages that are still to be written.
    pub(super) fn copies(&self) -> MessageBatch {
        self.open
            .iter()
            .map(|(_, message)| message.detached())
            .collect()
    }

    /// Why the messages that are still to be written have failed.
    fn errors(&self) -> impl Iterator<Item = &Error> {
        let open = self.open.iter();
        open.filter_map(move |(index, _)| self.outcomes[*index].error())
    }

    /// Changes the messages that are still to be written, by why they failed.
    pub(super) fn for_each(&mut self, mut change: impl FnMut(&mut Message, &Error)) {
        for (index, message) in &mut self.open {
            if let Some(error) = self.outcomes[*index].error() {
                change(message, error);
            }
        }
    }

    /// Records the outcomes of a write of [`Pending::copies`]; what failed stays to be written.
    pub(super) fn settle(&mut self, outcomes: &Outcomes) {
        let mut position = 0;
        let recorded = &mut self.outcomes;
        self.open.retain(|(index, _)| {
            let outcome = outcomes.get(position);
            position += 1;
            let failed = outcome.error().is_some();
            recorded[*index] = outcome;
            failed
        });
    }

    /// Whether nothing is left to be written.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The outcome of each message of the batch.
    pub(super) fn finish(self) -> Outcomes {
        Outcomes::Each(self.outcomes)
    }
}
