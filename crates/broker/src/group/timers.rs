//! What is due when. A deadline is set anew by setting it again; nothing here reads a clock.

use std::collections::{BTreeMap, BTreeSet};

use millrace_kafka_wire::Str;

/// What may become due.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The search for expired offsets and groups.
    Sweep,
    /// A rebalance of this group waits no longer for members.
    Join(Str),
    /// This group waits no longer for the SyncGroup of its members.
    Sync(Str),
    /// This member, or this member id that was given and not used yet, was silent for too long:
    /// group and member.
    Session(Str, Str),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Timers {
    queue: BTreeSet<(i64, Timer)>,
    due: BTreeMap<Timer, i64>,
}

impl Timers {
    /// Sets a deadline, at least a millisecond from now: what is due during a tick and set again
    /// in it comes in a later tick.
    pub fn set(&mut self, timer: Timer, now: i64, delay_ms: i64) {
        let at = now.saturating_add(delay_ms.max(1));
        self.cancel(&timer);
        self.queue.insert((at, timer.clone()));
        self.due.insert(timer, at);
    }

    pub fn cancel(&mut self, timer: &Timer) {
        if let Some((timer, at)) = self.due.remove_entry(timer) {
            self.queue.remove(&(at, timer));
        }
    }

    /// When the first one is due.
    pub fn first(&self) -> Option<i64> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// All that are set.
    #[cfg(test)]
    pub fn all(&self) -> impl Iterator<Item = &Timer> {
        self.due.keys()
    }

    /// Takes one that is due.
    pub fn pop(&mut self, now: i64) -> Option<Timer> {
        if self.first()? > now {
            return None;
        }
        let (_, timer) = self.queue.pop_first()?;
        self.due.remove(&timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_that_is_set_again_is_due_once_and_then() {
        let mut timers = Timers::default();
        timers.set(Timer::Sweep, 0, 10);
        timers.set(Timer::Join("g".into()), 0, 5);
        timers.set(Timer::Sweep, 0, 20);
        assert_eq!(timers.first(), Some(5));
        assert_eq!(timers.pop(15), Some(Timer::Join("g".into())));
        assert_eq!(timers.pop(15), None);
        assert_eq!(timers.pop(20), Some(Timer::Sweep));
        assert_eq!(timers.first(), None);
    }

    #[test]
    fn what_is_cancelled_is_never_due() {
        let mut timers = Timers::default();
        timers.set(Timer::Sync("g".into()), 0, 5);
        timers.cancel(&Timer::Sync("g".into()));
        assert_eq!(timers.pop(i64::MAX), None);
    }

    #[test]
    fn nothing_is_due_in_the_tick_that_sets_it() {
        let mut timers = Timers::default();
        timers.set(Timer::Sweep, 7, -100);
        assert_eq!(timers.pop(7), None);
        assert_eq!(timers.pop(8), Some(Timer::Sweep));
    }
}
