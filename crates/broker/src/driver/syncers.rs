//! Threads that wait for disks to sync.
//!
//! The syncs of many files at once share one commit of the file system's journal: 100 files take
//! about as long as one, where one after another they would take 100 times as long.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use millrace_log::Dirty;
use parking_lot::{Condvar, Mutex};

use super::OnSynced;

/// More threads make nothing faster.
const MOST: usize = 32;
/// A thread without work ends after this time.
const IDLE: Duration = Duration::from_secs(10);

/// Threads are started when there is more work than threads.
#[derive(Default)]
pub(super) struct Syncers(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<(Dirty, OnSynced)>,
    threads: usize,
    idle: usize,
}

impl Syncers {
    pub(super) fn add(&self, dirty: Dirty, then: OnSynced) {
        let mut state = self.0.state.lock();
        state.queue.push_back((dirty, then));
        if state.idle < state.queue.len() && state.threads < MOST {
            state.threads += 1;
            drop(state);
            self.start();
        } else {
            drop(state);
            self.0.work.notify_one();
        }
    }

    fn start(&self) {
        let shared = Arc::clone(&self.0);
        let started = thread::Builder::new()
            .name("sync".into())
            .spawn(move || shared.work());
        if started.is_err() {
            // Those that there are do it; when there is none, this one.
            let alone = {
                let mut state = self.0.state.lock();
                state.threads -= 1;
                match state.threads {
                    0 => std::mem::take(&mut state.queue),
                    _ => VecDeque::new(),
                }
            };
            alone
                .into_iter()
                .for_each(|(dirty, then)| then(dirty.sync()));
        }
    }
}

impl Shared {
    fn work(&self) {
        let mut state = self.state.lock();
        loop {
            if let Some((dirty, then)) = state.queue.pop_front() {
                drop(state);
                then(dirty.sync());
                state = self.state.lock();
                continue;
            }
            state.idle += 1;
            let waited = self.work.wait_for(&mut state, IDLE);
            state.idle -= 1;
            if waited.timed_out() && state.queue.is_empty() {
                state.threads -= 1;
                return;
            }
        }
    }
}
