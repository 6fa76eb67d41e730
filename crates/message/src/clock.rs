//! The time as mappings and processors see it: that of the host, unless a test of a config sets
//! another one.
//!
//! A clock that was set belongs to its thread, so tests on different threads do not see each
//! other's. It stands still while messages are processed, and goes on only where a processor waits:
//! by as long as that one waits, at once. What measures, logs or talks to servers reads the host's
//! clock as ever.

use std::cell::Cell;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use jiff::Timestamp;

thread_local! {
    static SET: Cell<Option<Set>> = const { Cell::new(None) };
}

/// A clock that somebody has set.
#[derive(Clone, Copy)]
struct Set {
    /// What it showed first.
    start: Timestamp,
    /// When that was, for those who measure spans of time.
    base: Instant,
    /// How far it has gone since.
    passed: Duration,
}

/// The time of day.
pub fn now() -> Timestamp {
    SET.get().map_or_else(Timestamp::now, |set| {
        // Beyond the range of a timestamp it stands still.
        set.start.saturating_add(set.passed).unwrap_or(set.start)
    })
}

/// A moment to measure from; it agrees with [`now`].
pub fn instant() -> Instant {
    SET.get().map_or_else(Instant::now, |set| set.at())
}

/// Lets the time up to `deadline` pass at once, where the clock is set; false where it is the
/// host's, which passes by itself.
pub fn pass_until(deadline: Instant) -> bool {
    let Some(mut set) = SET.get() else {
        return false;
    };
    set.passed += deadline.saturating_duration_since(set.at());
    SET.set(Some(set));
    true
}

/// Sets the clock of this thread until the guard is dropped.
pub fn set(start: Timestamp) -> SetClock {
    let earlier = SET.replace(Some(Set {
        start,
        base: Instant::now(),
        passed: Duration::ZERO,
    }));
    SetClock {
        earlier,
        of_this_thread: PhantomData,
    }
}

impl Set {
    fn at(self) -> Instant {
        self.base.checked_add(self.passed).unwrap_or(self.base)
    }
}

/// The clock is set while this lives.
#[must_use = "the clock is that of the host again when this is dropped"]
pub struct SetClock {
    earlier: Option<Set>,
    /// Another thread has another clock.
    of_this_thread: PhantomData<*const ()>,
}

impl Drop for SetClock {
    fn drop(&mut self) {
        SET.set(self.earlier);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_stands_still_until_somebody_waits() {
        let start: Timestamp = "2024-02-29T23:59:59Z".parse().unwrap();
        let set = set(start);
        let (began, later) = (instant(), instant() + Duration::from_secs(2));
        assert_eq!((now(), instant()), (start, began));
        assert!(pass_until(later));
        assert_eq!(now().to_string(), "2024-03-01T00:00:01Z");
        assert_eq!(instant(), later);
        // What is over already takes no time.
        assert!(pass_until(began));
        assert_eq!(instant(), later);
        drop(set);
        assert!(now() > start && !pass_until(instant()));
    }

    #[test]
    fn other_threads_keep_the_clock_of_the_host() {
        let _set = set(Timestamp::UNIX_EPOCH);
        let elsewhere = std::thread::spawn(now).join().unwrap();
        assert!(elsewhere > Timestamp::UNIX_EPOCH);
        assert_eq!(now(), Timestamp::UNIX_EPOCH);
    }
}
