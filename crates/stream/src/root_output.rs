//! Drives the root output: takes batches from the pipeline's queue, writes them, settles them.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use millrace_component::{Receiver, Sink};
use millrace_message::{MessageBatch, settle_all};
use tokio_util::sync::CancellationToken;

/// Writes every batch of the queue, as many at a time as the sink has places for, and settles
/// each by its outcome. Ends when the queue has ended and every write has returned, or at
/// `abort`, which gives back what was under way.
pub(crate) async fn drive(
    batches: Receiver<MessageBatch>,
    sink: Arc<dyn Sink>,
    abort: CancellationToken,
) {
    let mut writes = FuturesUnordered::new();
    let mut open = true;
    while open || !writes.is_empty() {
        tokio::select! {
            biased;
            () = abort.cancelled() => break,
            Some(()) = writes.next(), if !writes.is_empty() => {}
            batch = batches.pop(), if open && writes.len() < sink.capacity() => match batch {
                Some(batch) => writes.push(write(&*sink, batch)),
                None => open = false,
            },
        }
    }
    drop(writes);
    // Whatever still arrives is dropped with the queue, and fails towards its source.
    drop(batches);
    sink.close().await;
}

async fn write(sink: &dyn Sink, mut batch: MessageBatch) {
    let origins = batch.take_origins();
    let outcomes = sink.write(batch).await;
    settle_all(origins, &outcomes);
}
