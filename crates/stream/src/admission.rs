//! Admission: every batch that a leaf input reads becomes a transaction here, and every
//! transaction that settles is accounted, acknowledged, or sent again from here.
//!
//! What an input hands over in one step is admitted in one step: one clock read, one charge of
//! the budget and one allocation for the bookkeeping of all its batches.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use millrace_component::{
    Ack, AgeSlot, Ages, BuildContext, Charge, Flow, Incoming, Kind, Ledger, Pressing, ReplayPolicy,
    UNREADABLE, Urgency,
};
use millrace_message::{Message, MessageBatch, Outcome, Outcomes, SettleRun, Transaction};
use millrace_telemetry::metric::InputMetrics;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::spans::{OpenSpans, SpanSource};
use failures::{Failures, Retry};

pub(crate) use failures::Due;

mod failures;

/// The admission of one leaf input.
pub(crate) struct Admission {
    flow: Flow,
    /// Where the input stands in the config.
    path: Box<str>,
    metrics: InputMetrics,
    spans: SpanSource,
    replay: Option<ReplayPolicy>,
    ages: Ages,
    failures: Failures,
    outstanding: AtomicUsize,
    next_number: AtomicU64,
    settled: Notify,
    /// Whether an output of this process waits for the outcomes.
    is_internal: bool,
}

/// What is kept of an admitted batch until it has settled.
struct Pending {
    ack: Ack,
    /// Bytes of the budget, given back at the end.
    cost: usize,
    received: std::time::Instant,
    /// Of the batches of its input.
    number: u64,
    age: AgeSlot,
    /// They run until everything has settled.
    spans: OpenSpans,
    /// Copies of the messages under way, when failures are replayed.
    copies: MessageBatch,
    /// What is known of earlier attempts; `None` in the first one.
    retry: Option<Box<Retry>>,
}

impl Admission {
    /// An admission whose failures are replayed by `replay`, or go back to the source.
    pub(crate) fn new(
        cx: &BuildContext,
        metrics: InputMetrics,
        replay: Option<ReplayPolicy>,
        is_internal: bool,
    ) -> Self {
        Self {
            flow: cx.flow().clone(),
            path: cx.path().into(),
            metrics,
            spans: SpanSource::of_input(cx),
            replay,
            ages: cx.flow().ages(cx.path()),
            failures: Failures::default(),
            outstanding: AtomicUsize::new(0),
            next_number: AtomicU64::new(0),
            settled: Notify::new(),
            is_internal,
        }
    }

    /// The stream that the input belongs to.
    pub(crate) fn flow(&self) -> &Flow {
        &self.flow
    }

    /// What a batch takes from the budget.
    fn cost(batch: &MessageBatch) -> usize {
        batch.size() + batch.len() * Message::OVERHEAD
    }

    /// Admits a batch, waiting for the byte budget.
    ///
    /// # Cancel safety
    /// A dropped future drops the batch unacknowledged: call it to its end.
    pub(crate) async fn admit(self: &Arc<Self>, incoming: Incoming) -> VecDeque<MessageBatch> {
        let charge = self.flow.budget().charge(Self::cost(&incoming.batch)).await;
        let mut admitted = VecDeque::with_capacity(1);
        self.open(std::iter::once(incoming), charge, &mut admitted);
        admitted
    }

    /// Admits all of `run` when the budget has room for it now; false otherwise. What is larger
    /// than the whole budget is admitted by [`Self::admit`] alone.
    pub(crate) fn try_admit(
        self: &Arc<Self>,
        run: &mut Vec<Incoming>,
        admitted: &mut VecDeque<MessageBatch>,
    ) -> bool {
        let budget = self.flow.budget();
        let cost = run.iter().map(|it| Self::cost(&it.batch)).sum();
        if cost > budget.limit() {
            return false;
        }
        let charge = budget.try_charge(cost);
        match charge {
            Some(charge) => self.open(run.drain(..), charge, admitted),
            None => return false,
        }
        true
    }

    /// Counts a message that the input could not read: received, and dropped at once.
    pub(crate) fn count_unreadable(&self) {
        let ledger = self.flow.ledger();
        ledger.receive(1);
        self.metrics.received.add(1);
        ledger.count(Kind::Dropped, &UNREADABLE.into());
    }

    /// Opens the transactions of batches; `charge` is what they cost together.
    fn open(
        self: &Arc<Self>,
        run: impl ExactSizeIterator<Item = Incoming>,
        charge: Charge,
        admitted: &mut VecDeque<MessageBatch>,
    ) {
        // Each batch gives back its own part.
        let bytes = charge.into_bytes();
        let received = std::time::Instant::now();
        let age = self.ages.enter(received, run.len());
        self.outstanding.fetch_add(run.len(), Ordering::AcqRel);
        let first = admitted.len();
        let mut messages = 0;
        let mut pending = Vec::with_capacity(run.len());
        let number = self
            .next_number
            .fetch_add(run.len() as u64, Ordering::Relaxed);
        for (number, Incoming { mut batch, ack }) in (number..).zip(run) {
            messages += batch.len();
            let spans = self.spans.open(std::slice::from_mut(&mut batch));
            pending.push(Pending {
                ack,
                cost: Self::cost(&batch),
                received,
                number,
                age,
                spans,
                copies: match self.replay {
                    Some(_) => batch.detached(),
                    None => MessageBatch::new(),
                },
                retry: None,
            });
            admitted.push_back(batch);
        }
        debug_assert_eq!(pending.iter().map(|it| it.cost).sum::<usize>(), bytes);
        self.flow.ledger().receive(messages);
        self.metrics.received.add(messages as u64);
        self.send(pending, admitted.range_mut(first..));
    }

    /// Opens the transaction of one attempt at each of the batches.
    fn send<'a>(
        self: &Arc<Self>,
        pending: Vec<Pending>,
        batches: impl Iterator<Item = &'a mut MessageBatch>,
    ) {
        let mut batches: Vec<&mut MessageBatch> = batches.collect();
        let lengths: Vec<usize> = batches.iter().map(|batch| batch.len()).collect();
        let attempt = Attempt {
            admission: Arc::clone(self),
            pending: pending.into_iter().map(Some).map(Mutex::new).collect(),
        };
        let origins = Transaction::open_run(lengths.into_iter(), Box::new(attempt));
        let messages = batches.iter_mut().flat_map(|batch| batch.iter_mut());
        for (message, origin) in messages.zip(origins) {
            message.set_origin(origin);
        }
    }

    /// Presses the stream while the source waits for acknowledgements: it sends no more than
    /// `bound` messages before something settles.
    pub(crate) fn press_if_full(&self, bound: Option<usize>) -> Option<Pressing> {
        let is_full = bound.is_some_and(|bound| self.outstanding() >= bound);
        is_full.then(|| self.flow.press(Urgency::Pressed))
    }

    /// How many transactions have not settled.
    pub(crate) fn outstanding(&self) -> usize {
        self.outstanding.load(Ordering::Acquire)
    }

    /// Waits until every transaction has settled.
    pub(crate) async fn all_settled(&self) {
        loop {
            let settled = self.settled.notified();
            tokio::pin!(settled);
            settled.as_mut().enable();
            if self.outstanding() == 0 {
                return;
            }
            settled.await;
        }
    }

    /// Hears how an attempt ended.
    fn settle_attempt(&self, pending: Pending, messages: usize, outcomes: Outcomes) {
        match outcomes {
            Outcomes::All(Outcome::Delivered) if pending.retry.is_none() => {
                self.flow.ledger().deliver(messages);
                self.finish(pending, messages, outcomes);
            }
            outcomes => self.settle_failures(pending, messages, &outcomes),
        }
    }

    /// Accounts and acknowledges a batch whose messages all have their final outcome.
    fn settle_each(&self, pending: Pending, outcomes: Vec<Outcome>) {
        let ledger: &Ledger = self.flow.ledger();
        outcomes.iter().for_each(|outcome| ledger.settle(outcome));
        self.finish(pending, outcomes.len(), Outcomes::Each(outcomes));
    }

    /// Tells the source of a batch that is accounted, and gives back what it held.
    fn finish(&self, pending: Pending, messages: usize, outcomes: Outcomes) {
        if self.metrics.latency.is_observed() {
            self.metrics.latency.observe(pending.received.elapsed());
        }
        pending.spans.settle_with(&outcomes);
        if let Ack::Call(ack) = pending.ack {
            ack(outcomes.into_each(messages));
        }
        self.flow.budget().give_back(pending.cost);
        self.ages.leave(pending.age);
        if self.outstanding.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.settled.notify_waiters();
        }
    }
}

/// One attempt to deliver each batch of a run.
struct Attempt {
    admission: Arc<Admission>,
    /// Taken out when the batch settles.
    pending: Box<[Mutex<Option<Pending>>]>,
}

impl SettleRun for Attempt {
    fn settle(&self, batch: usize, messages: usize, outcomes: Outcomes) {
        let pending = self.pending[batch].lock().take();
        if let Some(pending) = pending {
            self.admission.settle_attempt(pending, messages, outcomes);
        }
    }

    fn is_source(&self) -> bool {
        !self.admission.is_internal
    }
}
