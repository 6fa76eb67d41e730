//! Where in a write an output has taken its batch over: what composite outputs make
//! [`Sink::hand_over`](crate::Sink::hand_over) of.

use std::future::{poll_fn, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use futures::future::BoxFuture;
use millrace_message::{MessageBatch, Outcomes};

use crate::Sink;

/// Counts the children that have not taken their part of a batch yet: one, unless it is said how many
/// there are. Cloning copies a pointer.
#[derive(Clone, Debug)]
pub struct Intake(Arc<AtomicUsize>);

impl Default for Intake {
    fn default() -> Self {
        Self(Arc::new(AtomicUsize::new(1)))
    }
}

impl Intake {
    /// Says how many children take a part of the batch; call it before the first of them does.
    pub fn among(&self, children: usize) {
        self.0.store(children, Ordering::Release);
    }

    /// One of them has taken its part.
    pub fn taken(&self) {
        let one_less = |left: usize| left.checked_sub(1);
        // Who writes again takes nothing that is still waited for.
        let _none_left = (self.0).fetch_update(Ordering::AcqRel, Ordering::Acquire, one_less);
    }

    fn is_over(&self) -> bool {
        self.0.load(Ordering::Acquire) == 0
    }

    /// Has a child write a part of the batch, and says when it has taken it.
    ///
    /// # Cancel safety
    /// As of [`Sink::write`].
    pub async fn through(&self, child: &dyn Sink, part: MessageBatch) -> Outcomes {
        let write = child.hand_over(part).await;
        self.taken();
        write.await
    }

    /// Drives a write until every child has taken its part, as the write itself says; what is returned
    /// is the rest of it. All that has been taken goes on meanwhile.
    ///
    /// # Cancel safety
    /// The write is dropped with it.
    pub async fn wait<'a, T: Send + 'a>(self, mut write: BoxFuture<'a, T>) -> BoxFuture<'a, T> {
        let ended = poll_fn(|cx| match write.as_mut().poll(cx) {
            Poll::Ready(written) => Poll::Ready(Some(written)),
            Poll::Pending if self.is_over() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        match ended.await {
            Some(written) => Box::pin(ready(written)),
            None => write,
        }
    }
}
