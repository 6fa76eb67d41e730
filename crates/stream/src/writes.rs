//! The writes of an output that are under way, of which one at a time is being handed over.

use std::future::Future;

use futures::future::{BoxFuture, OptionFuture};
use futures::stream::FuturesUnordered;
use futures::{Stream, StreamExt};
use millrace_component::{Flow, Sink};

/// A write, which settles its batch.
pub(crate) type Write<'a> = BoxFuture<'a, ()>;

/// A batch is handed over when the one before has been taken over, so that batches keep their order.
#[derive(Default)]
pub(crate) struct Writes<'a> {
    handing: Option<BoxFuture<'a, Write<'a>>>,
    under_way: FuturesUnordered<Write<'a>>,
}

impl<'a> Writes<'a> {
    /// Whether there is nothing that goes on.
    pub(crate) fn is_empty(&self) -> bool {
        self.handing.is_none() && self.under_way.is_empty()
    }

    /// Whether as many are under way as the output has places for.
    pub(crate) fn are_full(&self, output: &dyn Sink) -> bool {
        self.under_way.len() >= output.capacity()
    }

    /// Whether nothing is being handed over, so that another batch may be.
    pub(crate) fn are_free(&self) -> bool {
        self.handing.is_none()
    }

    /// Hands a batch over; call it while they are [free](Self::are_free).
    pub(crate) fn hand_over(&mut self, batch: impl Future<Output = Write<'a>> + Send + 'a) {
        self.handing = Some(Box::pin(batch));
    }

    /// Goes on until a write has ended or a batch has been taken over; call it unless they are
    /// [empty](Self::is_empty).
    ///
    /// # Cancel safety
    /// What was going on goes on with the next call.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            biased;
            Some(()) = self.under_way.next(), if !self.under_way.is_empty() => {}
            Some(write) = OptionFuture::from(self.handing.as_mut()) => {
                self.handing = None;
                self.under_way.push(write);
            }
        }
    }

    /// Ends them at the end of the stream: what is not taken over yet is not delivered.
    pub(crate) async fn end(self, flow: &Flow) {
        drop(self.handing);
        end_writes(self.under_way, flow).await;
    }
}

/// Drives writes to their end, until the stream gives them up: what is dropped then counts as not
/// written, which nobody knows.
pub(crate) async fn end_writes(mut writes: impl Stream + Unpin, flow: &Flow) {
    let ended = async { while writes.next().await.is_some() {} };
    tokio::select! {
        () = ended => {}
        () = flow.writes_given_up() => {}
    }
}
