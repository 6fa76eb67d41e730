//! Threads for what blocks as long as its stream runs.
//!
//! The runtime's pool of threads is for work that ends soon: when all of them are taken for good,
//! whatever waits for one waits for ever, and says nothing.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// A thread that gives a `T` at its end.
pub(crate) struct OwnThread<T>(oneshot::Receiver<Result<T, String>>);

impl<T: Send + 'static> OwnThread<T> {
    /// Starts a thread of this name, within the current runtime.
    ///
    /// # Errors
    /// The operating system refuses another thread.
    pub(crate) fn spawn(
        name: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> std::io::Result<Self> {
        let (done, result) = oneshot::channel();
        let runtime = Handle::current();
        let thread = std::thread::Builder::new().name(name.to_owned());
        thread.spawn(move || {
            let _entered = runtime.enter();
            let result = catch_unwind(AssertUnwindSafe(work));
            // Nobody joins a thread whose stream was cut off.
            let _unheard = done.send(result.map_err(|panic| message(&*panic)));
        })?;
        Ok(Self(result))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// It has panicked, with this message.
    pub(crate) async fn join(self) -> Result<T, String> {
        let ended = self.0.await;
        ended.unwrap_or_else(|_| Err("the thread is gone".to_owned()))
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|it| (*it).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it says nothing".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_thread_gives_its_result_or_the_message_of_its_panic() {
        let made = OwnThread::spawn("adds", || 1 + 1).unwrap();
        assert_eq!(made.join().await, Ok(2));
        let failing = OwnThread::<()>::spawn("panics", || panic!("no way")).unwrap();
        assert_eq!(failing.join().await, Err("no way".to_owned()));
    }
}
