//! Holds requests for components back while the stream behind them is replaced by another.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};

/// How long a request waits for the new stream.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Shared by all servers of the process. Cloning copies a pointer.
#[derive(Clone, Default)]
pub(crate) struct Hold {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    held: watch::Sender<bool>,
    under_way: AtomicUsize,
    left: Notify,
}

/// A request that has reached its component.
pub(super) struct Entered {
    shared: Arc<Shared>,
    /// Whether it had to wait: then its component may be another one now.
    pub(super) has_waited: bool,
}

impl Hold {
    /// Whether requests are held back.
    pub(crate) fn is_held(&self) -> bool {
        *self.shared.held.borrow()
    }

    /// From now on, requests wait before they reach a component.
    pub(crate) fn begin(&self) {
        self.shared.held.send_replace(true);
    }

    /// Lets the requests that wait go on.
    pub(crate) fn end(&self) {
        self.shared.held.send_replace(false);
    }

    /// Waits until the requests that have reached a component are answered, at most `limit`.
    pub(crate) async fn drained(&self, limit: Duration) {
        let drained = async {
            loop {
                let left = self.shared.left.notified();
                tokio::pin!(left);
                left.as_mut().enable();
                if self.shared.under_way.load(Ordering::Acquire) == 0 {
                    return;
                }
                left.await;
            }
        };
        // What is not answered by then is answered by the input when it stops.
        let _answered = tokio::time::timeout(limit, drained).await;
    }

    /// Counts a request in, after waiting while requests are held back; `None` when that takes
    /// too long.
    pub(super) async fn enter(&self) -> Option<Entered> {
        let mut has_waited = false;
        loop {
            self.shared.under_way.fetch_add(1, Ordering::AcqRel);
            let entered = Entered {
                shared: Arc::clone(&self.shared),
                has_waited,
            };
            if !self.is_held() {
                return Some(entered);
            }
            drop(entered);
            has_waited = true;
            let mut held = self.shared.held.subscribe();
            let released = held.wait_for(|held| !held);
            tokio::time::timeout(WAIT_MAX, released).await.ok()?.ok()?;
        }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        if self.shared.under_way.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.left.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_waits_while_held_and_knows_that_it_did() {
        let hold = Hold::default();
        let first = hold.enter().await.unwrap();
        assert!(!first.has_waited);
        hold.begin();
        let second = tokio::spawn({
            let hold = hold.clone();
            async move { hold.enter().await.unwrap().has_waited }
        });
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        drop(first);
        hold.drained(Duration::from_secs(60)).await;
        hold.end();
        assert!(second.await.unwrap());
    }
}
