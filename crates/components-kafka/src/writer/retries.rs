//! How often a write tries again by itself.

use std::time::Duration;

use millrace_component::Backoff;
use tokio::time::Instant;

/// How often a write tries again by itself.
#[derive(Clone, Debug)]
pub struct Retries {
    /// None: as often as the time allows.
    pub max: Option<u64>,
    pub initial: Duration,
    pub max_pause: Duration,
    /// No attempt begins later than this after the first one.
    pub max_elapsed: Option<Duration>,
    /// Whether all messages of a batch are written again when one of them was not.
    pub as_batch: bool,
}

/// The attempts of one write.
pub struct Tries {
    backoff: Backoff,
    left: Option<u64>,
    until: Option<Instant>,
}

impl Retries {
    pub fn begin(&self) -> Tries {
        let elapsed = self.max_elapsed;
        Tries {
            backoff: Backoff::new(self.initial, self.max_pause),
            left: self.max,
            until: elapsed.and_then(|it| Instant::now().checked_add(it)),
        }
    }
}

impl Tries {
    /// The pause before the next attempt; none, when there is to be none.
    pub fn next_pause(&mut self) -> Option<Duration> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1)?;
        }
        let pause = self.backoff.pause();
        let is_late = self.until.is_some_and(|it| Instant::now() + pause > it);
        (!is_late).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(max: Option<u64>, max_elapsed: Option<u64>) -> Vec<u64> {
        let retries = Retries {
            max,
            initial: Duration::from_secs(3),
            max_pause: Duration::from_secs(10),
            max_elapsed: max_elapsed.map(Duration::from_secs),
            as_batch: false,
        };
        let mut tries = retries.begin();
        let pauses = std::iter::from_fn(|| tries.next_pause());
        pauses.take(5).map(|it| it.as_secs()).collect()
    }

    #[test]
    fn attempts_end_by_their_number_or_by_the_time_or_never() {
        assert_eq!(pauses(Some(2), None), [3, 6]);
        assert_eq!(pauses(None, None), [3, 6, 10, 10, 10]);
        assert_eq!(pauses(None, Some(5)), [3]);
        assert_eq!(pauses(Some(0), Some(5)), [0; 0]);
    }
}
