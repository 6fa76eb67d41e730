//! Errors of Redis over a connection that holds: what asked tries again by itself, and the engine is
//! told. An error that waited to be read could be older than the entries behind it.

use std::time::Duration;

use millrace_component::Backoff;
use millrace_message::Error;
use tokio::sync::watch;

/// The pauses between attempts.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Why Redis gives nothing.
pub struct Trouble {
    told: watch::Sender<Option<Error>>,
    backoff: Backoff,
}

impl Trouble {
    /// None yet, and who hears of it.
    pub fn new() -> (Self, watch::Receiver<Option<Error>>) {
        let (told, outage) = watch::channel(None);
        let backoff = Backoff::new(PAUSE.0, PAUSE.1);
        (Self { told, backoff }, outage)
    }

    /// Tells of an error, unless that was told already, and waits before the next attempt.
    pub async fn pause(&mut self, error: Error) {
        self.told.send_if_modified(|told| {
            let is_new = told.as_ref().is_none_or(|it| it.text() != error.text());
            if is_new {
                *told = Some(error);
            }
            is_new
        });
        tokio::time::sleep(self.backoff.pause()).await;
    }

    /// Redis has answered.
    pub fn end(&mut self) {
        self.backoff.reset();
        self.told.send_if_modified(|told| told.take().is_some());
    }
}
