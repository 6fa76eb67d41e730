//! Messages that fail again and again, and how long each is held before it goes back.

use std::collections::HashMap;
use std::time::Duration;

const PAUSE_INITIAL: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// How many messages are remembered. Beyond that all are forgotten: their pauses start over,
/// which costs a few deliveries and nothing else.
const REMEMBERED_MAX: usize = 4096;

/// How often messages have failed that the broker had delivered before.
#[derive(Debug, Default)]
pub struct Repeats {
    pauses: HashMap<u64, Duration>,
}

impl Repeats {
    /// The message has failed again: how long it is held.
    pub fn failed(&mut self, fingerprint: u64) -> Duration {
        if self.pauses.len() >= REMEMBERED_MAX && !self.pauses.contains_key(&fingerprint) {
            self.pauses.clear();
        }
        let pause = self.pauses.entry(fingerprint).or_default();
        *pause = (*pause * 2).clamp(PAUSE_INITIAL, PAUSE_MAX);
        *pause
    }

    /// The message has gone its way.
    pub fn forget(&mut self, fingerprint: u64) {
        self.pauses.remove(&fingerprint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_of_a_message_doubles_up_to_its_maximum_and_starts_over_once_it_has_succeeded() {
        let mut repeats = Repeats::default();
        let pauses: Vec<_> = (0..12).map(|_| repeats.failed(1).as_millis()).collect();
        assert_eq!(pauses[..3], [10, 20, 40]);
        assert_eq!(pauses[11], 5000);
        assert_eq!(repeats.failed(2), PAUSE_INITIAL);
        repeats.forget(1);
        assert_eq!(repeats.failed(1), PAUSE_INITIAL);
    }

    #[test]
    fn the_memory_is_bounded() {
        let mut repeats = Repeats::default();
        for fingerprint in 0..3 * REMEMBERED_MAX as u64 {
            repeats.failed(fingerprint);
        }
        assert!(repeats.pauses.len() <= REMEMBERED_MAX);
    }
}
