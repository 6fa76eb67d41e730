//! How long a login holds.
//!
//! Source: KIP-368.

use millrace_sasl::Mechanism;
use tokio::time::{Duration, Instant};

/// A client logs in again no more often than this.
const SHORTEST: Duration = Duration::from_secs(1);

/// Who has logged in, and how long that holds.
#[derive(Debug)]
pub struct Session {
    pub user: String,
    pub mechanism: Mechanism,
    since: Instant,
    lasting: Option<Duration>,
}

impl Session {
    /// One that begins now.
    pub fn new(user: String, mechanism: Mechanism, lasting: Option<Duration>) -> Self {
        Self {
            user,
            mechanism,
            since: Instant::now(),
            lasting,
        }
    }

    /// Whether the client must log in again before it is heard.
    pub fn is_over(&self) -> bool {
        self.lasting.is_some_and(|it| self.since.elapsed() > it)
    }

    /// Whether the client may log in again.
    pub fn may_be_renewed(&self) -> bool {
        self.since.elapsed() >= SHORTEST
    }
}
