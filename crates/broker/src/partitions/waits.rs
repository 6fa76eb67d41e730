//! Fetches that wait for records.
//!
//! A fetch notes at each of its partitions how many bytes it lacks; whoever makes bytes visible
//! pays them into it, and the last payment wakes it. Nobody looks whether there is something new.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// A fetch that waits.
#[derive(Debug, Default)]
pub struct Wait {
    missing: AtomicI64,
    paid: Notify,
}

impl Wait {
    /// For a fetch that lacks so many bytes, at least one.
    pub fn new(missing: usize) -> Arc<Self> {
        Arc::new(Self {
            missing: AtomicI64::new(i64::try_from(missing).unwrap_or(i64::MAX).max(1)),
            paid: Notify::new(),
        })
    }

    /// Waits until all was paid.
    ///
    /// # Cancel safety
    /// It may be called again.
    pub async fn done(&self) {
        self.paid.notified().await;
    }

    fn pay(&self, bytes: i64) {
        if self.missing.fetch_sub(bytes, Ordering::AcqRel) <= bytes {
            self.paid.notify_one();
        }
    }
}

/// The fetches that wait at one partition.
#[derive(Default)]
pub struct Waits(Mutex<Vec<Arc<Wait>>>);

impl Waits {
    pub fn add(&self, wait: &Arc<Wait>) {
        self.0.lock().push(Arc::clone(wait));
    }

    pub fn remove(&self, wait: &Arc<Wait>) {
        self.0.lock().retain(|it| !Arc::ptr_eq(it, wait));
    }

    /// So many bytes have become visible.
    pub(super) fn pay(&self, bytes: u64) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.0.lock().iter().for_each(|wait| wait.pay(bytes));
    }

    /// Something else has happened that each of them has to look at.
    pub(super) fn wake(&self) {
        self.0.lock().iter().for_each(|wait| wait.paid.notify_one());
    }
}
