//! What time it is.

use jiff::Timestamp;
#[cfg(test)]
use tokio::time::Instant;

/// The longest wait without a look at the clock, which somebody may set.
const LOOK: std::time::Duration = std::time::Duration::from_secs(60);

/// A clock.
#[derive(Clone, Copy, Debug)]
pub(super) enum Clock {
    /// The system's.
    System,
    /// One that goes on from a point in time with the timers of the runtime.
    #[cfg(test)]
    From(Timestamp, Instant),
}

impl Clock {
    /// Nanoseconds since 1970.
    pub fn now(&self) -> i128 {
        match self {
            Self::System => Timestamp::now().as_nanosecond(),
            #[cfg(test)]
            Self::From(begin, instant) => {
                begin.as_nanosecond() + instant.elapsed().as_nanos().cast_signed()
            }
        }
    }

    /// Returns when it is `at`, or somewhat earlier.
    pub async fn until(&self, at: i128) {
        let left = u64::try_from(at - self.now()).unwrap_or(0);
        let left = std::time::Duration::from_nanos(left);
        tokio::time::sleep(left.min(LOOK)).await;
    }
}
