//! What a buffer that sends again itself does with the outcomes of a batch.

use std::time::Duration;

use millrace_component::Flow;
use millrace_message::{MessageBatch, Origin, Outcome, Outcomes};
use smallvec::SmallVec;

/// Waits before a batch is sent again; not any more when the stream is given up.
pub(super) async fn rest(pause: Duration, flow: &Flow) {
    tokio::select! {
        () = tokio::time::sleep(pause) => {}
        () = flow.abort().cancelled() => {}
    }
}

/// Settles the origins of what has its final outcome. What has failed is returned, with its origins:
/// it is to be sent again.
pub(super) fn take_failed(
    batch: MessageBatch,
    origins: SmallVec<[Origin; 1]>,
    outcomes: &Outcomes,
) -> MessageBatch {
    let mut failed = MessageBatch::new();
    for (index, (mut message, origin)) in batch.into_iter().zip(origins).enumerate() {
        match outcomes.get(index) {
            Outcome::Failed(_) => {
                message.set_origin(origin);
                failed.push(message);
            }
            outcome => origin.settle(outcome),
        }
    }
    failed
}
