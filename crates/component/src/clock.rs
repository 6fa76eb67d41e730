//! Time for components that wait for it or let things expire. Where a test of a config has set the
//! clock, they see that time and wait for nothing.

use std::time::Duration;

pub use millrace_message::clock::{instant, now};

/// Waits so long. Where the clock is set, the time passes at once.
///
/// # Cancel safety
/// Nothing is lost by dropping the future.
pub async fn sleep(duration: Duration) {
    let deadline = instant().checked_add(duration);
    if deadline.is_some_and(millrace_message::clock::pass_until) {
        return tokio::task::yield_now().await;
    }
    tokio::time::sleep(duration).await;
}
