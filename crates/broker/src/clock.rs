//! What time it is: an argument of everything that writes times, so that a simulator can say it.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time of day. Waiting goes by the runtime's timer.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> i64 + Send + Sync>);

impl Clock {
    /// That of this machine.
    pub fn system() -> Self {
        Self::new(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH);
            // A clock before 1970 is wrong in any case.
            since.map_or(0, |it| i64::try_from(it.as_millis()).unwrap_or(i64::MAX))
        })
    }

    /// One that says what the function returns: milliseconds since 1970.
    pub fn new(now: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// In milliseconds since 1970.
    pub fn now(&self) -> i64 {
        (self.0)()
    }
}
