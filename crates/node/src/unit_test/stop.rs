//! Ends tests when the process is asked to stop.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use millrace_components_io::kill_commands;
use tokio_util::sync::CancellationToken;

use crate::run::Signals;

/// How long a test that computes, and does not hear that it is to stop, may go on.
const GRACE: Duration = Duration::from_secs(2);

/// Whether the tests are to stop. Cloning copies a pointer.
#[derive(Clone, Default)]
pub struct Stop {
    token: CancellationToken,
    signal: Arc<OnceLock<&'static str>>,
}

impl Stop {
    /// Nothing stops the tests.
    pub fn never() -> Self {
        Self::default()
    }

    /// SIGINT and SIGTERM stop the tests from now on; `heard` is told the name of the first one. When a
    /// test does not hear it, `give_up` is called, after two seconds or at another signal: it has to end
    /// the process. The commands that tests have started are killed before.
    ///
    /// # Errors
    /// The system gives no thread, or no signals.
    pub fn at_signals(
        heard: impl FnOnce(&'static str) + Send + 'static,
        give_up: impl FnOnce(&'static str) + Send + 'static,
    ) -> Result<Self, String> {
        let stop = Self::default();
        let told = stop.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("start the runtime: {error}"))?;
        // Here, and not in the thread: a signal that comes at once is heard.
        let mut signals = {
            let _context = runtime.enter();
            Signals::listen().map_err(|error| error.text().to_owned())?
        };
        let listen = move || {
            runtime.block_on(async {
                let name = signals.next().await;
                // It is the first one.
                let _first = told.signal.set(name);
                heard(name);
                told.token.cancel();
                signals.give_up(GRACE).await;
                kill_commands();
                give_up(name);
            });
        };
        // It ends with the process: nobody waits for it.
        let listener = std::thread::Builder::new().name("signals".to_owned());
        let spawned = listener.spawn(listen);
        spawned.map_err(|error| format!("start a thread: {error}"))?;
        Ok(stop)
    }

    /// The signal that stops the tests.
    pub fn signal(&self) -> Option<&'static str> {
        self.signal.get().copied()
    }

    pub(super) fn is_asked(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Waits until the tests are to stop.
    ///
    /// # Cancel safety
    /// May be called again.
    pub(super) async fn asked(&self) {
        self.token.cancelled().await;
    }
}
