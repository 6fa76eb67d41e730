//! A transaction inside a stage: what became of each message of a batch that is split, merged,
//! or written in several parts.

use std::future::Future;

use millrace_message::{Error, MessageBatch, Outcome, Outcomes, Settle, Transaction};
use smallvec::SmallVec;
use tokio::sync::oneshot;

/// Gives every message of the batch an origin of this stage, replacing an earlier one, and
/// returns what became of them, by index, when the last descendant has settled.
pub fn track(batch: &mut MessageBatch) -> impl Future<Output = Outcomes> + Send + use<> {
    let (done, outcomes) = oneshot::channel();
    let origins = Transaction::open(batch.len(), Box::new(Report(done)));
    for (message, origin) in batch.iter_mut().zip(origins) {
        message.set_origin(origin);
    }
    async move {
        outcomes.await.unwrap_or_else(|_| {
            Outcomes::failed(Error::retry(
                "the message was abandoned before it was delivered",
            ))
        })
    }
}

struct Report(oneshot::Sender<Outcomes>);

impl Settle for Report {
    fn settle(self: Box<Self>, outcomes: SmallVec<[Outcome; 1]>) {
        // Nobody waits any more after a cancelled write; its source has heard of that already.
        let _cancelled = self.0.send(Outcomes::Each(outcomes.into_vec()));
    }
}
