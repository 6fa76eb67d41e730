//! The real driver: a thread for each loop, and a few that wait for disks.

use std::io;
use std::thread;

use millrace_log::Dirty;

use super::syncers::Syncers;
use super::{Driver, OnSynced, Task, Work};

/// Threads of this process.
#[derive(Default)]
pub struct Threads {
    syncers: Syncers,
}

impl Driver for Threads {
    fn spawn(&self, name: String, task: Task) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()?;
        thread::Builder::new()
            .name(name)
            .spawn(move || runtime.block_on(task))?;
        Ok(())
    }

    fn sync(&self, dirty: Dirty, then: OnSynced) {
        self.syncers.add(dirty, then);
    }

    fn run(&self, work: Work) {
        tokio::task::spawn_blocking(work);
    }

    fn parallelism(&self) -> usize {
        thread::available_parallelism().map_or(1, usize::from)
    }
}
