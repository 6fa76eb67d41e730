//! A thread of its own for signals and for the time of a stop: what processors compute may keep every
//! thread of the runtime busy, and then nobody there hears a signal or looks at a clock.

use std::sync::Arc;
use std::time::Duration;

use millrace_message::Error;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// The thread, which ends when the last copy is dropped.
#[derive(Clone)]
pub(crate) struct Control {
    handle: Handle,
    _lives: Arc<oneshot::Sender<()>>,
}

impl Control {
    /// # Errors
    /// The operating system refuses another thread.
    pub fn start() -> Result<Self, Error> {
        let failed = |error| Error::fatal(format!("start the thread for signals: {error}"));
        let mut runtime = Builder::new_current_thread();
        let runtime = runtime.enable_all().build().map_err(failed)?;
        let handle = runtime.handle().clone();
        let (lives, ended) = oneshot::channel();
        let thread = std::thread::Builder::new().name("signals".to_owned());
        let run = move || {
            // Nothing is ever sent.
            let _ended = runtime.block_on(ended);
        };
        thread.spawn(run).map_err(failed)?;
        Ok(Self {
            handle,
            _lives: Arc::new(lives),
        })
    }

    /// Runs what registers itself with the runtime of the thread.
    pub fn within<T>(&self, register: impl FnOnce() -> T) -> T {
        let _entered = self.handle.enter();
        register()
    }

    /// Waits, whatever the threads of the runtime do.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub async fn sleep(&self, duration: Duration) {
        let slept = self.handle.spawn(async move {
            tokio::time::sleep(duration).await;
        });
        // It cannot panic, and nobody aborts it while this copy lives.
        let _slept = slept.await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_time_for_a_runtime_whose_threads_are_all_busy() {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let (release, released) = std::sync::mpsc::channel::<()>();
        let (begins, begun) = oneshot::channel();
        runtime.spawn(async move {
            begins.send(()).expect("the test waits");
            // As a processor that computes: it blocks the one worker.
            let _released = released.recv();
        });
        runtime.block_on(async {
            begun.await.expect("it begins");
            let control = Control::start().expect("a thread");
            control.sleep(Duration::from_millis(1)).await;
        });
        release.send(()).expect("it still waits");
    }
}
