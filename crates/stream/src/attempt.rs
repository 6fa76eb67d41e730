//! What is said of an attempt to connect that has failed.

use std::time::Duration;

use millrace_message::{Error, ErrorClass};
use tracing::{error, warn};

/// Logs that a leaf, which is an `input` or an `output`, is not connected, and that it tries again
/// after `pause`.
pub(crate) fn tell_failed_attempt(
    error: &Error,
    pause: Duration,
    leaf: &str,
    component: &str,
    path: &str,
) {
    let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
    // A server that is away comes back by itself; one that refuses this client does not change its
    // mind.
    match error.class() {
        ErrorClass::Rejected => {
            error!(
                component,
                path, pause_ms, "{leaf} is not connected: {error}"
            );
        }
        _ => warn!(
            component,
            path, pause_ms, "{leaf} is not connected: {error}"
        ),
    }
}
