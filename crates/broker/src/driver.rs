//! Where the loops of a broker run: threads here, one runtime in a simulator.

use std::future::Future;
use std::io;
use std::pin::Pin;

use millrace_log::{Dirty, SyncOutcome};

mod syncers;
mod threads;

pub use threads::Threads;

/// A loop that owns something.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Is told what became of a sync.
pub type OnSynced = Box<dyn FnOnce(SyncOutcome) + Send>;

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
}
