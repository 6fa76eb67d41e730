//! Where the loops of a broker run: threads here, one runtime in a simulator.

use std::future::Future;
use std::io;
use std::pin::Pin;

use millrace_log::{Dirty, SyncOutcome};
use tokio::sync::oneshot;

mod syncers;
mod threads;

pub use threads::Threads;

/// A loop that owns something.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Is told what became of a sync.
pub type OnSynced = Box<dyn FnOnce(SyncOutcome) + Send>;

/// What is done once.
pub type Work = Box<dyn FnOnce() + Send>;

/// Runs loops and waits for disks.
pub trait Driver: Send + Sync {
    /// Runs a loop that may wait for the disk, beside everything else, until it ends. Inside, the
    /// timers of tokio work.
    ///
    /// # Errors
    /// The system gives no thread.
    fn spawn(&self, name: String, task: Task) -> io::Result<()>;

    /// Syncs and tells; calls do not wait for one another, as far as there is room.
    fn sync(&self, dirty: Dirty, then: OnSynced);

    /// Does what waits for the disk, beside everything else.
    fn run(&self, work: Work);

    /// How many loops can work at the same time.
    fn parallelism(&self) -> usize;
}

/// Has a driver do what waits for the disk, and waits for what comes of it; `None` when the work
/// panicked.
///
/// # Cancel safety
/// It is done even if the call is dropped.
pub async fn apart<T: Send + 'static>(
    driver: &dyn Driver,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (done, result) = oneshot::channel();
    driver.run(Box::new(move || {
        // Who asked may be gone.
        let _ = done.send(work());
    }));
    result.await.ok()
}
