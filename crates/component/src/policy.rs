//! Policies that many components share: the pause between attempts, and replay.

use std::time::Duration;

use millrace_spec::Spec;

/// A pause that doubles from `initial` to `max`.
#[derive(Clone, Debug)]
pub struct Backoff {
    initial: Duration,
    max: Duration,
    next: Duration,
}

impl Backoff {
    /// Starts at `initial` (at least a millisecond) and doubles up to `max`.
    pub fn new(initial: Duration, max: Duration) -> Self {
        let initial = initial.max(Duration::from_millis(1));
        Self {
            initial,
            max: max.max(initial),
            next: initial,
        }
    }

    /// The pause before the next attempt.
    pub fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.max);
        pause
    }

    /// The next pause is the first one again.
    pub fn reset(&mut self) {
        self.next = self.initial;
    }
}

/// How failed messages are sent again.
#[derive(Clone, Debug, Spec)]
pub struct ReplayPolicy {
    /// The pause before a message is sent again for the first time; it doubles each time.
    #[spec(default = "1ms")]
    pub initial_interval: millrace_spec::Duration,
    /// The longest pause.
    #[spec(default = "30s")]
    pub max_interval: millrace_spec::Duration,
    /// How often a message is sent again before it is given up; 0 for ever.
    #[spec(default = 0)]
    pub max_attempts: u64,
    /// Where messages go that were given up, with their last error as the metadata
    /// `replay_error`; they are acknowledged when they arrive there. What does not arrive goes
    /// back to its source, or is written there again when the source cannot take it back. Without
    /// this output, messages that were given up go back to their source, or are dropped when it
    /// cannot take them back.
    #[spec(advanced)]
    pub exhausted: Option<crate::OutputChild>,
}

impl ReplayPolicy {
    /// Whether a message may be sent again for the `attempt`th time, counted from 1.
    pub fn allows(&self, attempt: u64) -> bool {
        self.max_attempts == 0 || attempt <= self.max_attempts
    }

    /// The pauses before the attempts.
    pub fn backoff(&self) -> Backoff {
        Backoff::new(self.initial_interval.get(), self.max_interval.get())
    }
}

impl Default for ReplayPolicy {
    fn default() -> Self {
        Self {
            initial_interval: Duration::from_millis(1).into(),
            max_interval: Duration::from_secs(30).into(),
            max_attempts: 0,
            exhausted: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backoff_doubles_up_to_its_maximum_and_starts_over() {
        let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(35));
        let pauses: Vec<_> = (0..4).map(|_| backoff.pause().as_millis()).collect();
        assert_eq!(pauses, [10, 20, 35, 35]);
        backoff.reset();
        assert_eq!(backoff.pause().as_millis(), 10);
    }
}
