//! Admission: every batch that a leaf input reads becomes a transaction here, and every
//! transaction that settles is accounted, acknowledged, or sent again from here.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use millrace_component::{Ack, Backoff, Charge, Flow, Incoming, ReplayPolicy};
use millrace_message::{Error, MessageBatch, Outcome, Settle, Transaction};
use millrace_telemetry::metric::InputMetrics;
use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::sync::Notify;
use tokio::time::Instant;

/// What a message costs beside its payload, for the byte budget: itself, its transaction, and
/// the copy that is kept for a replay.
const MESSAGE_OVERHEAD: usize = 512;

/// The admission of one leaf input.
pub(crate) struct Admission {
    flow: Flow,
    metrics: InputMetrics,
    replay: Option<ReplayPolicy>,
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
}

impl Admission {
    /// An admission whose failures are replayed by `replay`, or go back to the source.
    pub(crate) fn new(flow: Flow, metrics: InputMetrics, replay: Option<ReplayPolicy>) -> Self {
        Self {
            flow,
            metrics,
            replay,
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
        let Incoming { batch, ack } = incoming;
        let messages = batch.len();
        self.flow.ledger().receive(messages);
        self.metrics.received.add(messages as u64);
        self.outstanding.fetch_add(1, Ordering::AcqRel);
        let pending = Pending {
            ack,
            charge,
            received: std::time::Instant::now(),
            outcomes: smallvec::smallvec![None; messages],
            indices: (0..messages).collect(),
            copies: if self.replay.is_some() {
                batch.detached()
            } else {
                MessageBatch::new()
            },
            attempts: 0,
            backoff: None,
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
    pub(crate) async fn next_replay(self: &Arc<Self>) -> MessageBatch {
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
            if let Some(batch) = self.take_due() {
                return batch;
            }
        }
    }

    fn take_due(self: &Arc<Self>) -> Option<MessageBatch> {
        let now = Instant::now();
        let mut pending = self.pending.lock();
        let at = pending.iter().position(|replay| replay.due <= now)?;
        let Replay { transaction, .. } = pending.remove(at)?;
        drop(pending);
        self.flow.ledger().replay(transaction.copies.len());
        let batch = transaction.copies.clone();
        Some(self.send(transaction, batch))
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
        let lost_if_failed = self.replay.is_none() && matches!(pending.ack, Ack::None);
        let outcomes: SmallVec<[Outcome; 1]> = pending
            .outcomes
            .into_iter()
            .map(|outcome| match outcome {
                // Nobody can send it again: say so instead of calling it returned.
                Some(Outcome::Failed(_)) if lost_if_failed => Outcome::Dropped {
                    reason: "not_replayed".into(),
                },
                Some(outcome) => outcome,
                None => Outcome::Failed(Error::retry("the message was abandoned")),
            })
            .collect();
        for outcome in &outcomes {
            self.flow.ledger().settle(outcome);
        }
        self.metrics.latency.observe(pending.received.elapsed());
        if let Ack::Call(ack) = pending.ack {
            ack(outcomes);
        }
        drop(pending.charge);
        if self.outstanding.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.settled.notify_waiters();
        }
    }

    fn settle_attempt(&self, mut pending: Pending, outcomes: SmallVec<[Outcome; 1]>) {
        let policy = self
            .replay
            .as_ref()
            .filter(|policy| policy.allows(pending.attempts + 1));
        let copies = std::mem::take(&mut pending.copies);
        let indices = std::mem::take(&mut pending.indices);
        let mut kept = copies.into_iter();
        for (index, outcome) in indices.into_iter().zip(outcomes) {
            let copy = kept.next();
            match (&outcome, policy, copy) {
                (Outcome::Failed(_), Some(_), Some(copy)) => {
                    pending.indices.push(index);
                    pending.copies.push(copy);
                }
                _ => pending.outcomes[index] = Some(outcome),
            }
        }
        match policy {
            Some(policy) if !pending.indices.is_empty() => self.schedule(pending, policy),
            _ => self.finish(pending),
        }
    }

    fn schedule(&self, mut pending: Pending, policy: &ReplayPolicy) {
        pending.attempts += 1;
        let pause: Duration = pending
            .backoff
            .get_or_insert_with(|| policy.backoff())
            .pause();
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
