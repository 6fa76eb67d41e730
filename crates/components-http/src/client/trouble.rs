//! How often a client tells that its requests fail.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Between two lines of the log.
const PAUSE: Duration = Duration::from_secs(10);

/// Lets the first failure be told, and then one in [`PAUSE`].
#[derive(Default)]
pub(super) struct Trouble {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    told: Option<Instant>,
    left_out: u64,
}

impl Trouble {
    /// Whether a failure is told; with how many were not before it.
    pub(super) fn may_be_told(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock();
        if state.told.is_some_and(|told| now < told + PAUSE) {
            state.left_out += 1;
            return None;
        }
        state.told = Some(now);
        Some(std::mem::take(&mut state.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_is_told_and_then_one_in_ten_seconds_with_the_number_of_the_others() {
        let (trouble, start) = (Trouble::default(), Instant::now());
        assert_eq!(trouble.may_be_told(start), Some(0));
        for millis in 0..9_999 {
            let at = start + Duration::from_millis(millis);
            assert_eq!(trouble.may_be_told(at), None);
        }
        assert_eq!(trouble.may_be_told(start + PAUSE), Some(9_999));
        assert_eq!(trouble.may_be_told(start + 2 * PAUSE), Some(0));
    }
}
