//! The time as mappings and processors see it: that of the host, unless a test of a config sets
//! another one.
//!
//! A clock that was set belongs to its thread, so tests on different threads do not see each
//! other's. It stands still while messages are processed, and goes on only where a component waits:
//! by as long as that one waits, at once. What measures, logs or waits for a server reads the host's
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
    pace: Pace,
}

/// How a clock goes that somebody has set.
#[derive(Clone, Copy)]
enum Pace {
    /// By waiting alone: so far.
    Waits(Duration),
    /// With another clock.
    Follows(fn() -> Instant),
}

/// The time of day.
pub fn now() -> Timestamp {
    SET.get().map_or_else(Timestamp::now, |set| {
        // Beyond the range of a timestamp it stands still.
        set.start.saturating_add(set.passed()).unwrap_or(set.start)
    })
}

/// A moment to measure from; it agrees with [`now`].
pub fn instant() -> Instant {
    SET.get().map_or_else(Instant::now, |set| set.at())
}

/// Lets the time up to `deadline` pass at once, where the clock is set and stands still; false where
/// it passes by itself.
pub fn pass_until(deadline: Instant) -> bool {
    let Some(set) = SET.get() else {
        return false;
    };
    let Pace::Waits(passed) = set.pace else {
        return false;
    };
    let passed = passed + deadline.saturating_duration_since(set.at());
    let pace = Pace::Waits(passed);
    SET.set(Some(Set { pace, ..set }));
    true
}

/// Sets the clock of this thread until the guard is dropped. It goes on only where somebody waits.
pub fn set(start: Timestamp) -> SetClock {
    let base = Instant::now();
    replace(Set {
        start,
        base,
        pace: Pace::Waits(Duration::ZERO),
    })
}

/// Sets the clock of this thread until the guard is dropped. It goes on as `other` does, such as the
/// timers of a runtime whose time a test controls.
pub fn set_following(start: Timestamp, other: fn() -> Instant) -> SetClock {
    let base = other();
    replace(Set {
        start,
        base,
        pace: Pace::Follows(other),
    })
}

fn replace(set: Set) -> SetClock {
    SetClock {
        earlier: SET.replace(Some(set)),
        of_this_thread: PhantomData,
    }
}

impl Set {
    fn passed(self) -> Duration {
        match self.pace {
            Pace::Waits(passed) => passed,
            Pace::Follows(other) => other().saturating_duration_since(self.base),
        }
    }

    fn at(self) -> Instant {
        self.base.checked_add(self.passed()).unwrap_or(self.base)
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
    fn a_clock_that_follows_another_goes_by_itself() {
        thread_local! {
            static OTHER: Cell<Option<Instant>> = const { Cell::new(None) };
        }
        fn other() -> Instant {
            OTHER.get().unwrap_or_else(|| {
                let now = Instant::now();
                OTHER.set(Some(now));
                now
            })
        }
        let start = Timestamp::UNIX_EPOCH;
        let _set = set_following(start, other);
        let began = instant();
        let later = began + Duration::from_secs(2);
        assert!(!pass_until(later));
        assert_eq!((now(), instant()), (start, began));
        OTHER.set(Some(later));
        assert_eq!((now().as_second(), instant()), (2, later));
    }

    #[test]
    fn other_threads_keep_the_clock_of_the_host() {
        let _set = set(Timestamp::UNIX_EPOCH);
        let elsewhere = std::thread::spawn(now).join().unwrap();
        assert!(elsewhere > Timestamp::UNIX_EPOCH);
        assert_eq!(now(), Timestamp::UNIX_EPOCH);
    }
}
