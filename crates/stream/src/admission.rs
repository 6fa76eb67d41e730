//! Admission: every batch that a leaf input reads becomes a transaction here, and every
//! transaction that settles is accounted, acknowledged, or sent again from here.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use millrace_component::{
    Ack, AgeSlot, Ages, Backoff, Charge, Flow, Incoming, Pressing, ReplayPolicy, Urgency,
};
use millrace_message::{Error, MessageBatch, Outcome, Settle, Transaction};
use millrace_telemetry::metric::InputMetrics;
use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::warn;

use crate::spans::{OpenSpans, SpanSource};

/// What a message costs beside its payload, for the byte budget: itself, its transaction, and
/// the copy that is kept for a replay.
const MESSAGE_OVERHEAD: usize = 512;

/// The admission of one leaf input.
pub(crate) struct Admission {
    flow: Flow,
    metrics: InputMetrics,
    spans: SpanSource,
    replay: Option<ReplayPolicy>,
    ages: Ages,
    pending: Mutex<VecDeque<Replay>>,
    replay_ready: Notify,
    outstanding: AtomicUsize,
    settled: Notify,
}

/// A failed batch that waits to be sent again.
struct Replay {
    due: Instant,
    transaction: Pending,
}

/// What is kept of an admitted batch until it has settled.
struct Pending {
    ack: Ack,
    charge: Charge,
    received: std::time::Instant,
    /// The final outcome of each source message; `None` while it is under way.
    outcomes: SmallVec<[Option<Outcome>; 1]>,
    /// The source index of each message of the attempt that is under way.
    indices: SmallVec<[usize; 1]>,
    /// Copies of those messages, when failures are replayed.
    copies: MessageBatch,
    attempts: u64,
    backoff: Option<Backoff>,
    /// Sent again too often: the messages under way are written to `replay.exhausted`.
    given_up: bool,
    age: AgeSlot,
    /// They run until everything has settled.
    spans: OpenSpans,
}

/// A failed batch whose pause is over, with its transaction open again.
pub(crate) enum Due {
    /// It is sent again.
    Again(MessageBatch),
    /// It goes to `replay.exhausted`.
    GivenUp(MessageBatch),
}

/// What becomes of the messages that failed in an attempt.
enum Step {
    Again,
    GiveUp,
    Finish,
}

impl Admission {
    /// An admission whose failures are replayed by `replay`, or go back to the source.
    pub(crate) fn new(
        flow: Flow,
        metrics: InputMetrics,
        spans: SpanSource,
        replay: Option<ReplayPolicy>,
        ages: Ages,
    ) -> Self {
        Self {
            flow,
            metrics,
            spans,
            replay,
            ages,
            pending: Mutex::default(),
            replay_ready: Notify::new(),
            outstanding: AtomicUsize::new(0),
            settled: Notify::new(),
        }
    }

    /// What a batch takes from the budget.
    fn cost(batch: &MessageBatch) -> usize {
        batch.size() + batch.len() * MESSAGE_OVERHEAD
    }

    /// Admits a batch, waiting for the byte budget.
    ///
    /// # Cancel safety
    /// A dropped future drops the batch unacknowledged: call it to its end.
    pub(crate) async fn admit(self: &Arc<Self>, incoming: Incoming) -> MessageBatch {
        let charge = self.flow.budget().charge(Self::cost(&incoming.batch)).await;
        self.open(incoming, charge)
    }

    /// Admits a batch when the budget allows it now, else hands it back.
    pub(crate) fn try_admit(
        self: &Arc<Self>,
        incoming: Incoming,
    ) -> Result<MessageBatch, Incoming> {
        match self.flow.budget().try_charge(Self::cost(&incoming.batch)) {
            Some(charge) => Ok(self.open(incoming, charge)),
            None => Err(incoming),
        }
    }

    fn open(self: &Arc<Self>, incoming: Incoming, charge: Charge) -> MessageBatch {
        let Incoming { mut batch, ack } = incoming;
        let messages = batch.len();
        self.flow.ledger().receive(messages);
        self.metrics.received.add(messages as u64);
        self.outstanding.fetch_add(1, Ordering::AcqRel);
        let received = std::time::Instant::now();
        let spans = self.spans.open(std::slice::from_mut(&mut batch));
        let pending = Pending {
            ack,
            charge,
            received,
            outcomes: smallvec::smallvec![None; messages],
            indices: (0..messages).collect(),
            copies: if self.replay.is_some() {
                batch.detached()
            } else {
                MessageBatch::new()
            },
            attempts: 0,
            backoff: None,
            given_up: false,
            age: self.ages.enter(received),
            spans,
        };
        self.send(pending, batch)
    }

    /// Opens the transaction of one attempt.
    fn send(self: &Arc<Self>, pending: Pending, mut batch: MessageBatch) -> MessageBatch {
        let attempt = Attempt {
            admission: Arc::clone(self),
            pending,
        };
        let origins = Transaction::open(batch.len(), Box::new(attempt));
        for (message, origin) in batch.iter_mut().zip(origins) {
            message.set_origin(origin);
        }
        batch
    }

    /// Waits for the next failed batch whose pause is over, with its transaction open again.
    ///
    /// # Cancel safety
    /// No batch is lost when the future is dropped.
    pub(crate) async fn next_replay(self: &Arc<Self>) -> Due {
        loop {
            let ready = self.replay_ready.notified();
            tokio::pin!(ready);
            ready.as_mut().enable();
            let due = self.pending.lock().iter().map(|replay| replay.due).min();
            match due {
                Some(due) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(due) => {}
                        () = &mut ready => {}
                    }
                }
                None => ready.await,
            }
            if let Some(due) = self.take_due() {
                return due;
            }
        }
    }

    fn take_due(self: &Arc<Self>) -> Option<Due> {
        let now = Instant::now();
        let mut pending = self.pending.lock();
        let at = pending.iter().position(|replay| replay.due <= now)?;
        let Replay { transaction, .. } = pending.remove(at)?;
        drop(pending);
        let batch = transaction.copies.clone();
        Some(if transaction.given_up {
            Due::GivenUp(self.send(transaction, batch))
        } else {
            self.flow.ledger().replay(batch.len());
            Due::Again(self.send(transaction, batch))
        })
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

    /// Gives up on the batches that wait to be sent again: they go back to their source.
    pub(crate) fn abandon_replays(&self) {
        let pending = std::mem::take(&mut *self.pending.lock());
        for replay in pending {
            let failure = Outcome::Failed(Error::retry(
                "the stream was stopped before the message could be sent again",
            ));
            let mut transaction = replay.transaction;
            for index in std::mem::take(&mut transaction.indices) {
                transaction.outcomes[index] = Some(failure.clone());
            }
            self.finish(transaction);
        }
    }

    /// Accounts and acknowledges a batch whose messages all have their final outcome.
    fn finish(&self, pending: Pending) {
        let abandoned = || Outcome::Failed(Error::retry("the message was abandoned"));
        let outcomes: SmallVec<[Outcome; 1]> = pending
            .outcomes
            .into_iter()
            .map(|outcome| outcome.unwrap_or_else(abandoned))
            .collect();
        for outcome in &outcomes {
            self.flow.ledger().settle(outcome);
        }
        self.metrics.latency.observe(pending.received.elapsed());
        pending.spans.settle(|index| outcomes[index].clone());
        if let Ack::Call(ack) = pending.ack {
            ack(outcomes);
        }
        drop(pending.charge);
        self.ages.leave(pending.age);
        if self.outstanding.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.settled.notify_waiters();
        }
    }

    fn settle_attempt(&self, mut pending: Pending, outcomes: SmallVec<[Outcome; 1]>) {
        let step = self.next_step(&pending);
        let copies = std::mem::take(&mut pending.copies);
        let indices = std::mem::take(&mut pending.indices);
        let mut kept = copies.into_iter();
        for (index, outcome) in indices.into_iter().zip(outcomes) {
            let copy = kept.next();
            match (outcome, &step, copy) {
                (Outcome::Failed(error), Step::Again | Step::GiveUp, Some(mut copy)) => {
                    if matches!(step, Step::GiveUp) {
                        copy.metadata.set("replay_error", error.text());
                    }
                    pending.indices.push(index);
                    pending.copies.push(copy);
                }
                (outcome, ..) => pending.outcomes[index] = Some(self.last_word(&pending, outcome)),
            }
        }
        match &self.replay {
            Some(policy) if !pending.indices.is_empty() => {
                let gives_up = matches!(step, Step::GiveUp);
                self.schedule(pending, policy, gives_up);
            }
            _ => self.finish(pending),
        }
    }

    fn next_step(&self, pending: &Pending) -> Step {
        match &self.replay {
            None => Step::Finish,
            // What the other output did not take goes back to its source, if there is a way.
            Some(_) if pending.given_up => match pending.ack {
                Ack::None => Step::GiveUp,
                Ack::Call(_) => Step::Finish,
            },
            Some(policy) if policy.allows(pending.attempts + 1) => Step::Again,
            Some(policy) if policy.exhausted.is_some() => Step::GiveUp,
            Some(_) => Step::Finish,
        }
    }

    /// The outcome as it is accounted: nobody can send a message again that failed for good and
    /// whose source cannot take it back, so it is not called returned.
    fn last_word(&self, pending: &Pending, outcome: Outcome) -> Outcome {
        match (&outcome, &pending.ack) {
            (Outcome::Failed(_), Ack::None) => Outcome::Dropped {
                reason: match self.replay {
                    None => "not_replayed".into(),
                    Some(_) => "replay_exhausted".into(),
                },
            },
            _ => outcome,
        }
    }

    fn schedule(&self, mut pending: Pending, policy: &ReplayPolicy, gives_up: bool) {
        let pause: Duration = if gives_up && !pending.given_up {
            warn!(
                messages = pending.indices.len(),
                attempts = pending.attempts,
                "messages were sent again too often and go to `replay.exhausted`"
            );
            pending.given_up = true;
            pending.backoff = None;
            Duration::ZERO
        } else {
            pending.attempts += 1;
            pending
                .backoff
                .get_or_insert_with(|| policy.backoff())
                .pause()
        };
        self.pending.lock().push_back(Replay {
            due: Instant::now() + pause,
            transaction: pending,
        });
        self.replay_ready.notify_one();
        if self.flow.abort().is_cancelled() {
            self.abandon_replays();
        }
    }
}

/// One attempt to deliver an admitted batch.
struct Attempt {
    admission: Arc<Admission>,
    pending: Pending,
}

impl Settle for Attempt {
    fn settle(self: Box<Self>, outcomes: SmallVec<[Outcome; 1]>) {
        let Self { admission, pending } = *self;
        admission.settle_attempt(pending, outcomes);
    }
}
