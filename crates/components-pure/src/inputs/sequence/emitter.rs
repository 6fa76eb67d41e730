//! Emits messages that an input has made itself, until each of them is delivered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use millrace_component::{Backoff, Charge, Flow, Kind, ReplayPolicy, STOPPED, Sender};
use millrace_message::{Error, Message, MessageBatch, Origin, Outcome, Settle, Transaction};
use smallvec::SmallVec;
use tokio::runtime::Handle;
use tokio::sync::Notify;

/// Emits messages, and one that was not delivered again after a growing pause.
///
/// One that was made from a source message tells that one what becomes of it in the end. One that
/// nobody waits for is a source message of its own: it takes part in the byte budget and in the
/// accounting.
#[derive(Clone)]
pub(super) struct Emitter {
    batches: Sender<MessageBatch>,
    flow: Flow,
    runtime: Handle,
    unsettled: Arc<Unsettled>,
}

#[derive(Default)]
struct Unsettled {
    count: AtomicUsize,
    settled: Notify,
}

/// A message that is under way.
struct UnderWay {
    emitter: Emitter,
    copy: Message,
    /// Who hears what becomes of it.
    origin: Origin,
    /// The part of the budget of a source message of its own.
    charge: Option<Charge>,
    backoff: Backoff,
}

impl Emitter {
    /// Emits into `batches`; called on the asynchronous runtime.
    pub(super) fn new(batches: Sender<MessageBatch>, flow: Flow) -> Self {
        Self {
            batches,
            flow,
            runtime: Handle::current(),
            unsettled: Arc::default(),
        }
    }

    /// Emits a message, waiting for the byte budget and for room; false when nobody reads any more.
    pub(super) async fn emit(&self, message: Message, origin: Origin) -> bool {
        let mut charge = None;
        if origin.is_detached() {
            charge = Some(self.flow.budget().charge(message.size()).await);
            self.flow.ledger().receive(1);
        }
        self.unsettled.count.fetch_add(1, Ordering::AcqRel);
        let under_way = UnderWay {
            emitter: self.clone(),
            copy: message,
            origin,
            charge,
            backoff: ReplayPolicy::default().backoff(),
        };
        under_way.send().await
    }

    /// Waits until everything emitted has settled. A stream that is given up settles what is left.
    pub(super) async fn finish(&self) {
        loop {
            let settled = self.unsettled.settled.notified();
            tokio::pin!(settled);
            settled.as_mut().enable();
            if self.unsettled.count.load(Ordering::Acquire) == 0 {
                return;
            }
            settled.await;
        }
    }

    fn settle(&self, origin: Origin, outcome: Outcome) {
        if !origin.is_detached() {
            origin.settle(outcome);
        } else if outcome.error().is_some() {
            // Nobody can give it again.
            self.flow.ledger().count(Kind::Dropped, &STOPPED.into());
        } else {
            self.flow.ledger().settle(&outcome);
        }
        self.unsettled.count.fetch_sub(1, Ordering::AcqRel);
        self.unsettled.settled.notify_waiters();
    }
}

impl UnderWay {
    /// Sends it; false when nobody reads any more.
    async fn send(self) -> bool {
        let mut message = self.copy.detached();
        let batches = self.emitter.batches.clone();
        let mut origins = Transaction::open(1, Box::new(self));
        if let Some(origin) = origins.pop() {
            message.set_origin(origin);
        }
        batches.push(message.into()).await.is_ok()
    }

    fn end(self, outcome: Outcome) {
        let Self {
            emitter,
            origin,
            charge,
            ..
        } = self;
        drop(charge);
        emitter.settle(origin, outcome);
    }

    async fn send_again(mut self) {
        let pause = self.backoff.pause();
        let abort = self.emitter.flow.abort().clone();
        tokio::select! {
            () = tokio::time::sleep(pause) => {
                self.emitter.flow.ledger().replay(1);
                self.send().await;
            }
            () = abort.cancelled() => self.end(Outcome::Failed(Error::retry(
                "the stream was stopped before the message could be sent again",
            ))),
        }
    }
}

impl Settle for UnderWay {
    fn settle(self: Box<Self>, mut outcomes: SmallVec<[Outcome; 1]>) {
        let outcome = outcomes.pop().unwrap_or_else(|| {
            Outcome::Failed(Error::retry("nobody says what became of the message"))
        });
        match outcome {
            Outcome::Failed(_) if !self.emitter.flow.abort().is_cancelled() => {
                let runtime = self.emitter.runtime.clone();
                runtime.spawn(self.send_again());
            }
            outcome => self.end(outcome),
        }
    }
}
