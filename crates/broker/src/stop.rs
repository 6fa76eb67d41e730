//! That the broker stops: told once, to all who wait for it in the order in which they began to, so
//! that a simulated history is the same each time. A `watch` of tokio wakes them in a random order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Hears that the broker stops.
#[derive(Clone, Default)]
pub struct Stop(Arc<Shared>);

/// Tells it, at the latest when it is dropped.
#[derive(Default)]
pub struct Stopper(Stop);

#[derive(Default)]
struct Shared {
    is_told: AtomicBool,
    told: Notify,
}

impl Stop {
    /// Waits until the broker stops.
    ///
    /// # Cancel safety
    /// It may be called again.
    pub async fn told(&self) {
        let told = self.0.told.notified();
        // What is told from here on is heard.
        if !self.0.is_told.load(Ordering::SeqCst) {
            told.await;
        }
    }
}

impl Stopper {
    /// Who hears of it.
    pub fn stop(&self) -> Stop {
        self.0.clone()
    }

    /// Tells it.
    pub fn tell(&self) {
        let Shared { is_told, told } = &*self.0.0;
        is_told.store(true, Ordering::SeqCst);
        told.notify_waiters();
    }
}

impl Drop for Stopper {
    fn drop(&mut self) {
        self.tell();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_hear_of_it_whenever_they_ask() {
        let stopper = Stopper::default();
        let waiting: Vec<_> = (0..3).map(|_| stopper.stop()).collect();
        let waiting = waiting
            .into_iter()
            .map(|it| tokio::spawn(async move { it.told().await }));
        let waiting: Vec<_> = waiting.collect();
        tokio::task::yield_now().await;
        let late = stopper.stop();
        drop(stopper);
        late.told().await;
        for waiting in waiting {
            waiting.await.unwrap();
        }
    }
}
