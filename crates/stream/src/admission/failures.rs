//! What failed on its way: whether and when it is sent again, given up, or returned.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use millrace_component::{Ack, Backoff, HANDED_OVER, Leftover, ReplayPolicy, STOPPED};
use millrace_message::{Error, ErrorClass, MessageBatch, Outcome, Outcomes};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::warn;

use super::{Admission, Pending};

/// The failed batches of one leaf input that wait to be sent again.
#[derive(Default)]
pub(super) struct Failures {
    waiting: Mutex<Waiting>,
    ready: Notify,
}

/// Batches by when they are due; of those that are due together, the first is the first that came.
#[derive(Default)]
struct Waiting {
    batches: BTreeMap<(Instant, u64), Pending>,
    next_number: u64,
}

impl Waiting {
    fn add(&mut self, due: Instant, pending: Pending) {
        self.batches.insert((due, self.next_number), pending);
        self.next_number += 1;
    }

    fn next_due(&self) -> Option<Instant> {
        self.batches.first_key_value().map(|((due, _), _)| *due)
    }

    fn take_due(&mut self, now: Instant) -> Option<Pending> {
        let first = self.batches.first_entry().filter(|it| it.key().0 <= now);
        first.map(|it| it.remove())
    }
}

/// What is known of a batch of which some messages have failed.
pub(super) struct Retry {
    /// The final outcome of each source message; `None` while it is under way.
    outcomes: Vec<Option<Outcome>>,
    /// The source index of each message that is under way.
    indices: Vec<usize>,
    attempts: u64,
    backoff: Option<Backoff>,
    /// Sent again too often: the messages under way are written to `replay.exhausted`.
    given_up: bool,
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

impl Retry {
    /// All of `messages` are under way for the first time.
    fn new(messages: usize) -> Self {
        Self {
            outcomes: vec![None; messages],
            indices: (0..messages).collect(),
            attempts: 0,
            backoff: None,
            given_up: false,
        }
    }

    fn into_outcomes(self) -> Vec<Outcome> {
        let abandoned = || Outcome::Failed(Error::retry("the message was abandoned"));
        let outcomes = self.outcomes.into_iter();
        outcomes.map(|it| it.unwrap_or_else(abandoned)).collect()
    }
}

impl Admission {
    /// Waits for the next failed batch whose pause is over, with its transaction open again.
    ///
    /// # Cancel safety
    /// No batch is lost when the future is dropped.
    pub(crate) async fn next_replay(self: &Arc<Self>) -> Due {
        loop {
            let ready = self.failures.ready.notified();
            tokio::pin!(ready);
            ready.as_mut().enable();
            let due = self.failures.waiting.lock().next_due();
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
        let pending = self.failures.waiting.lock().take_due(Instant::now())?;
        let given_up = pending.retry.as_ref().is_some_and(|retry| retry.given_up);
        let mut batch = pending.copies.clone();
        if !given_up {
            self.flow.ledger().replay(batch.len());
        }
        self.send(vec![pending], std::iter::once(&mut batch));
        Some(match given_up {
            true => Due::GivenUp(batch),
            false => Due::Again(batch),
        })
    }

    /// Gives up on the batches that wait to be sent again: they go back to their source. Where it takes
    /// nothing back they are left to the next stream, or lost when there is none.
    pub(crate) fn abandon_replays(&self) {
        let waiting = std::mem::take(&mut *self.failures.waiting.lock());
        for mut pending in waiting.batches.into_values() {
            let Some(mut retry) = pending.retry.take() else {
                continue;
            };
            let failure = Outcome::Failed(Error::retry(
                "the stream was stopped before the message could be sent again",
            ));
            let failure = match self.leave(&mut pending) {
                true => Outcome::Dropped {
                    reason: HANDED_OVER.into(),
                },
                false => self.last_word(&pending.ack, failure),
            };
            for index in std::mem::take(&mut retry.indices) {
                retry.outcomes[index] = Some(failure.clone());
            }
            self.flow.ledger().recover();
            self.settle_each(pending, retry.into_outcomes());
        }
    }

    /// Leaves what failed of a batch to the next stream, if it is to.
    fn leave(&self, pending: &mut Pending) -> bool {
        let is_left = self.leaves(&pending.ack);
        if is_left {
            self.flow.leftovers().keep(Leftover {
                path: self.path.clone(),
                since: pending.received,
                number: pending.number,
                batch: std::mem::take(&mut pending.copies),
            });
        }
        is_left
    }

    /// Whether what fails now is left to the next stream.
    fn leaves(&self, ack: &Ack) -> bool {
        matches!(ack, Ack::None)
            && self.flow.abort().is_cancelled()
            && self.flow.leftovers().is_wanted()
    }

    /// Sorts the outcomes of an attempt into what is final and what is tried again.
    pub(super) fn settle_failures(
        &self,
        mut pending: Pending,
        messages: usize,
        outcomes: &Outcomes,
    ) {
        let earlier = pending.retry.take();
        let has_failed = earlier.is_some();
        let mut retry = earlier.unwrap_or_else(|| Box::new(Retry::new(messages)));
        let step = self.next_step(&pending.ack, &retry);
        let copies = std::mem::take(&mut pending.copies);
        let indices = std::mem::take(&mut retry.indices);
        let mut kept = copies.into_iter();
        for (position, index) in indices.into_iter().enumerate() {
            match (outcomes.get(position), &step, kept.next()) {
                (Outcome::Failed(error), Step::Again | Step::GiveUp, Some(mut copy))
                    if error.class() != ErrorClass::EndOfInput =>
                {
                    if matches!(step, Step::GiveUp) {
                        copy.metadata.set("replay_error", error.text());
                    }
                    retry.indices.push(index);
                    pending.copies.push(copy);
                }
                (outcome, ..) => {
                    retry.outcomes[index] = Some(self.last_word(&pending.ack, outcome));
                }
            }
        }
        match &self.replay {
            Some(policy) if !retry.indices.is_empty() => {
                let pause = pause(&mut retry, policy, matches!(step, Step::GiveUp));
                pending.retry = Some(retry);
                if !has_failed {
                    self.flow.ledger().fail();
                }
                self.wait(pending, pause);
            }
            _ => {
                if has_failed {
                    self.flow.ledger().recover();
                }
                self.settle_each(pending, retry.into_outcomes());
            }
        }
    }

    fn next_step(&self, ack: &Ack, retry: &Retry) -> Step {
        match &self.replay {
            None => Step::Finish,
            Some(_) if self.leaves(ack) => Step::Again,
            // What the other output did not take goes back to its source, if there is a way.
            Some(_) if retry.given_up => match ack {
                Ack::None => Step::GiveUp,
                Ack::Call(_) => Step::Finish,
            },
            Some(policy)
                if policy.allows(retry.attempts + 1) && !self.is_tried_in_place(policy) =>
            {
                Step::Again
            }
            Some(policy) if policy.exhausted.is_some() => Step::GiveUp,
            Some(_) => Step::Finish,
        }
    }

    /// Whether the attempts of the policy were made where the message was written.
    fn is_tried_in_place(&self, policy: &ReplayPolicy) -> bool {
        policy.max_attempts > 0 && self.flow.writes_in_place()
    }

    /// The outcome as it is accounted: nobody can send a message again that failed for good and
    /// whose source cannot take it back, so it is not called returned.
    fn last_word(&self, ack: &Ack, outcome: Outcome) -> Outcome {
        match (&outcome, ack) {
            // Its reader has ended before it came to this message, as if it was never read.
            (Outcome::Failed(error), _) if error.class() == ErrorClass::EndOfInput => outcome,
            (Outcome::Failed(_), Ack::None) => Outcome::Dropped {
                reason: match self.replay {
                    _ if self.flow.abort().is_cancelled() => STOPPED.into(),
                    None => "not_replayed".into(),
                    Some(_) => "replay_exhausted".into(),
                },
            },
            _ => outcome,
        }
    }

    fn wait(&self, pending: Pending, pause: Duration) {
        let due = Instant::now() + pause;
        self.failures.waiting.lock().add(due, pending);
        self.failures.ready.notify_one();
        if self.flow.abort().is_cancelled() {
            self.abandon_replays();
        }
    }
}

/// The pause before the next attempt; none before the messages are given up.
fn pause(retry: &mut Retry, policy: &ReplayPolicy, gives_up: bool) -> Duration {
    if gives_up && !retry.given_up {
        warn!(
            messages = retry.indices.len(),
            attempts = policy.max_attempts,
            "messages were sent again too often and go to `replay.exhausted`"
        );
        retry.given_up = true;
        retry.backoff = None;
        return Duration::ZERO;
    }
    retry.attempts += 1;
    let backoff = retry.backoff.get_or_insert_with(|| policy.backoff());
    backoff.pause()
}
