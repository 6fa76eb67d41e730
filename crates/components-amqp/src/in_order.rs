//! Starting futures in order and waiting for all of them.

use std::future::Future;
use std::pin::pin;

use futures::future::maybe_done;

/// Polls every future once, in this order, and then waits for all results.
///
/// The client library queues a frame when the future of its method is first polled. Unlike
/// `join_all`, which promises nothing about it, this keeps the frames in order.
pub async fn start_in_order<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let started = futures.into_iter().map(|it| Box::pin(maybe_done(it)));
    let mut started: Vec<_> = started.collect();
    for future in &mut started {
        // A result that is there already is kept in place.
        let _ = futures::poll!(future.as_mut());
    }
    let mut results = Vec::with_capacity(started.len());
    for future in started {
        let mut future = pin!(future);
        future.as_mut().await;
        results.extend(future.as_mut().get_mut().as_mut().take_output());
    }
    results
}
