//! Emits messages that an input has made itself, until each of them is delivered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use millrace_component::{Backoff, Charge, Flow, ReplayPolicy, Sender};
use millrace_message::{Error, Message, MessageBatch, Outcome, Settle, Transaction};
use smallvec::SmallVec;
use tokio::runtime::Handle;
use tokio::sync::Notify;

/// Emits messages as source messages of their own: they take part in the byte budget and in the
/// accounting, and one that was not delivered is sent again after a growing pause.
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
    charge: Charge,
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
    pub(super) async fn emit(&self, message: Message) -> bool {
        let charge = self.flow.budget().charge(message.size()).await;
        self.flow.ledger().receive(1);
        self.unsettled.count.fetch_add(1, Ordering::AcqRel);
        let under_way = UnderWay {
            emitter: self.clone(),
            copy: message,
            charge,
            backoff: ReplayPolicy::default().backoff(),
        };
        under_way.send().await
    }

    /// Waits until everything emitted has settled, or the time for it is over.
    ///
    /// # Errors
    /// How many messages were not delivered.
    pub(super) async fn finish(&self) -> Result<(), Error> {
        loop {
            let settled = self.unsettled.settled.notified();
            tokio::pin!(settled);
            settled.as_mut().enable();
            let left = self.unsettled.count.load(Ordering::Acquire);
            if left == 0 {
                return Ok(());
            }
            tokio::select! {
                () = settled => {}
                () = self.flow.abort().cancelled() => {
                    return Err(Error::retry(format!("{left} joined messages are not delivered")));
                }
            }
        }
    }

    fn settle(&self, outcome: &Outcome) {
        self.flow.ledger().settle(outcome);
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

    async fn send_again(mut self) {
        let pause = self.backoff.pause();
        let abort = self.emitter.flow.abort().clone();
        tokio::select! {
            () = tokio::time::sleep(pause) => {
                self.emitter.flow.ledger().replay(1);
                self.send().await;
            }
            () = abort.cancelled() => {}
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
            outcome => {
                let Self {
                    emitter, charge, ..
                } = *self;
                drop(charge);
                emitter.settle(&outcome);
            }
        }
    }
}
