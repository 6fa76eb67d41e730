//! Drives the root output: takes batches from the pipeline's queue, writes them, settles them.

use std::sync::Arc;

use millrace_component::{Flow, Receiver, Sink, Urgency};
use millrace_message::{MessageBatch, settle_all};

use crate::faulted::Faulted;
use crate::writes::{Write, Writes};

/// Writes every batch of the queue, as many at a time as the sink has places for, and settles
/// each by its outcome. A batch is handed over before the next one is taken: what the sink has no room
/// for waits in the queue, where it counts. Ends when the queue has ended and every write has returned.
/// At the stream's abort no more writes begin, and what is then under way is given up somewhat later.
///
/// While no more writes may be under way, the stream is stalled: a batching policy below the sink
/// may hold all of them back, and would wait for ever for more.
pub(crate) async fn drive(batches: Receiver<MessageBatch>, sink: Arc<dyn Sink>, flow: Flow) {
    let mut writes = Writes::default();
    let mut open = true;
    let mut stalled = None;
    while open || !writes.is_empty() {
        let is_full = writes.are_full(&*sink);
        if !is_full {
            stalled = None;
        } else if stalled.is_none() {
            stalled = Some(flow.press(Urgency::Stalled));
        }
        tokio::select! {
            biased;
            () = flow.abort().cancelled() => break,
            () = writes.next(), if !writes.is_empty() => {}
            batch = batches.pop(), if open && !is_full && writes.are_free() => match batch {
                Some(batch) => writes.hand_over(hand_over(&*sink, batch, &flow)),
                None => open = false,
            },
        }
    }
    // Whatever still arrives is dropped with the queue, and fails towards its source.
    drop((batches, stalled));
    writes.end(&flow).await;
    sink.close().await;
}

/// Hands a batch over; what comes then is its write, which settles it. When an output that it needs
/// cannot go on at all, neither can the stream: the same would come again for ever.
async fn hand_over<'a>(sink: &'a dyn Sink, mut batch: MessageBatch, flow: &'a Flow) -> Write<'a> {
    let origins = batch.take_origins();
    let faulted = Faulted::of(&batch, flow);
    let write = sink.hand_over(batch).await;
    Box::pin(async move {
        let outcomes = write.await;
        faulted.count(&outcomes, flow);
        flow.fail_if_fatal(&outcomes);
        settle_all(origins, &outcomes);
    })
}
