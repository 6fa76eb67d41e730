//! The contract of a rate limit: may this go now, and if not, when?

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use millrace_message::Error;

/// A limit on how many messages, or bytes, pass in an interval.
#[async_trait]
pub trait RateLimit: Send + Sync {
    /// Takes one place for a message of `bytes` bytes.
    ///
    /// Returns `None` when it may go now, else how long to wait before asking again.
    ///
    /// # Errors
    /// The limit could not be asked; nothing was taken.
    async fn acquire(&self, bytes: usize) -> Result<Option<Duration>, Error>;

    /// Closes the connection of a remote limit.
    async fn close(&self) {}
}

/// A rate limit, built.
pub type BuiltRateLimit = Arc<dyn RateLimit>;
