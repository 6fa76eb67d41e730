//! The windows that are open, and the messages in them. Times are nanoseconds since 1970.

use millrace_message::{Message, MessageBatch};

use super::calendar::{Calendar, Window};

/// The windows that are open.
pub(super) struct Windows {
    calendar: Calendar,
    lateness: i128,
    /// The last window that is closed.
    closed: Window,
    /// The last one that has left before its time, while others do: it is not closed, and what comes
    /// afterwards may be in it.
    early: Option<Window>,
    /// The messages of the windows that are open, in the order in which they came.
    pending: Vec<Pending>,
    /// The earliest of their times.
    earliest: i128,
}

struct Pending {
    at: i128,
    message: Message,
}

/// A window that leaves.
pub(super) struct Leaving {
    pub end: i128,
    pub batch: MessageBatch,
}

impl Windows {
    /// No messages. The windows that should have left before `now` are closed.
    pub fn new(calendar: Calendar, lateness: i64, now: i128) -> Self {
        let lateness = i128::from(lateness);
        Self {
            calendar,
            lateness,
            closed: calendar.last_until(now - lateness),
            early: None,
            pending: Vec::new(),
            earliest: i128::MAX,
        }
    }

    /// Adds a message of the time `at`, or gives it back when it comes too late: no window that it is
    /// in is open any more. Not to be called while windows leave early.
    pub fn add(&mut self, now: i128, at: i128, message: Message) -> Result<(), Message> {
        self.pass_empty(now);
        if at < self.calendar.next(self.closed).start {
            return Err(message);
        }
        self.earliest = self.earliest.min(at);
        self.pending.push(Pending { at, message });
        Ok(())
    }

    /// Lets go of all messages.
    pub fn clear(&mut self) {
        self.pending.clear();
        self.earliest = i128::MAX;
        self.early = None;
    }

    /// When the next window leaves, if a message is in one.
    pub fn due(&self) -> Option<i128> {
        Some(self.first()?.end + self.lateness)
    }

    /// The first window with messages, when it is time for it to leave.
    pub fn leave(&mut self, now: i128) -> Option<Leaving> {
        let window = self.first()?;
        (window.end + self.lateness <= now).then(|| {
            self.closed = window;
            self.take(window)
        })
    }

    /// The first window with messages, whatever the time.
    pub fn leave_early(&mut self) -> Option<Leaving> {
        let window = self.first()?;
        let leaving = self.take(window);
        self.early = (!self.pending.is_empty()).then_some(window);
        Some(leaving)
    }

    /// Whether some windows have left early, and others are to follow.
    pub fn is_leaving_early(&self) -> bool {
        self.early.is_some()
    }

    /// The first window that is open and has messages.
    fn first(&self) -> Option<Window> {
        let window = (!self.pending.is_empty()).then(|| self.calendar.first_from(self.earliest))?;
        let next = self.calendar.next(self.early.unwrap_or(self.closed));
        Some(if window.end < next.end { next } else { window })
    }

    /// Closes the windows whose time is over, up to the first one with messages.
    fn pass_empty(&mut self, now: i128) {
        let over = self.calendar.last_until(now - self.lateness);
        let over = match self.first() {
            Some(first) if first.end <= over.end => self.calendar.previous(first),
            _ => over,
        };
        if over.end > self.closed.end {
            self.closed = over;
        }
    }

    /// Takes the messages of a window; those that are in later ones, too, stay.
    fn take(&mut self, window: Window) -> Leaving {
        let next = self.calendar.next(window);
        let mut batch = MessageBatch::new();
        self.earliest = i128::MAX;
        for Pending { at, message } in std::mem::take(&mut self.pending) {
            let (leaves, stays) = (at <= window.end, at >= next.start);
            if leaves && stays {
                batch.push(message.clone());
            }
            if stays {
                self.earliest = self.earliest.min(at);
                self.pending.push(Pending { at, message });
            } else {
                batch.push(message);
            }
        }
        Leaving {
            end: window.end,
            batch,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i128 = 1_000_000_000;

    fn windows(size_ms: i64, step_ms: i64, lateness_ms: i64, now: f64) -> Windows {
        let calendar = Calendar::new(size_ms * 1_000_000, step_ms * 1_000_000, 0);
        Windows::new(calendar, lateness_ms * 1_000_000, nanos(now))
    }

    /// Exact for the fractions of these tests.
    fn nanos(seconds: f64) -> i128 {
        (seconds * 1000.0).round() as i128 * SECOND / 1000
    }

    /// Adds a message with its time as content; whether it was taken.
    fn add(windows: &mut Windows, now: f64, at: f64) -> bool {
        let message = Message::from(at.to_string().as_str());
        windows.add(nanos(now), nanos(at), message).is_ok()
    }

    fn leave(windows: &mut Windows, now: f64) -> Option<(f64, Vec<String>)> {
        let leaving = windows.leave(nanos(now))?;
        let text = |it: &Message| String::from_utf8_lossy(it.bytes()).into_owned();
        let end = leaving.end as f64 / SECOND as f64;
        Some((end, leaving.batch.iter().map(text).collect()))
    }

    fn window(end: f64, messages: &[f64]) -> Option<(f64, Vec<String>)> {
        Some((end, messages.iter().map(f64::to_string).collect()))
    }

    #[test]
    fn a_window_leaves_when_it_is_over_and_what_comes_later_is_too_late() {
        let mut windows = windows(1000, 1000, 0, 10.001);
        assert!(!add(&mut windows, 10.001, 9.5), "its window was over");
        assert!(
            !add(&mut windows, 10.001, 10.0),
            "an end belongs to its window"
        );
        assert!(add(&mut windows, 10.001, 10.5));
        assert!(add(&mut windows, 10.1, 11.0));
        assert!(add(&mut windows, 10.2, 12.5), "the future may be known");
        assert_eq!(windows.due(), Some(nanos(11.0)));
        assert_eq!(leave(&mut windows, 10.999), None);
        assert_eq!(leave(&mut windows, 11.0), window(11.0, &[10.5, 11.0]));
        assert!(!add(&mut windows, 11.1, 10.9));
        assert_eq!(leave(&mut windows, 12.9), None, "the next one is empty");
        assert!(!add(&mut windows, 12.9, 11.9), "it was over all the same");
        assert_eq!(leave(&mut windows, 13.0), window(13.0, &[12.5]));
        assert_eq!((leave(&mut windows, 20.0), windows.due()), (None, None));
    }

    #[test]
    fn a_window_that_could_not_leave_in_time_takes_messages_and_none_is_passed_over() {
        let mut windows = windows(1000, 1000, 0, 10.0);
        for at in [10.5, 11.5, 12.5] {
            assert!(add(&mut windows, at, at));
        }
        assert!(add(&mut windows, 14.0, 10.6));
        assert_eq!(leave(&mut windows, 14.0), window(11.0, &[10.5, 10.6]));
        assert_eq!(leave(&mut windows, 14.0), window(12.0, &[11.5]));
        assert_eq!(leave(&mut windows, 14.0), window(13.0, &[12.5]));
        assert_eq!(leave(&mut windows, 14.0), None);
    }

    #[test]
    fn a_window_waits_for_those_that_are_allowed_to_be_late() {
        let mut windows = windows(1000, 1000, 500, 10.2);
        assert!(
            add(&mut windows, 10.2, 9.9),
            "its window is over, and waits"
        );
        assert_eq!(leave(&mut windows, 10.4), None);
        assert_eq!(leave(&mut windows, 10.5), window(10.0, &[9.9]));
        assert!(!add(&mut windows, 10.5, 9.95));
        assert!(add(&mut windows, 11.4, 10.7));
        assert_eq!(windows.due(), Some(nanos(11.5)));
    }

    #[test]
    fn a_message_is_in_every_sliding_window_of_its_time() {
        let mut windows = windows(1000, 500, 0, 9.5);
        for at in [9.85, 9.9, 10.15, 10.3, 10.5, 10.7, 10.9, 11.1, 11.35] {
            assert!(add(&mut windows, 9.5, at));
        }
        for (now, messages) in [
            (10.0, &[9.85, 9.9][..]),
            (10.5, &[9.85, 9.9, 10.15, 10.3, 10.5]),
            (11.0, &[10.15, 10.3, 10.5, 10.7, 10.9]),
            (11.5, &[10.7, 10.9, 11.1, 11.35]),
            (12.0, &[11.1, 11.35]),
        ] {
            assert_eq!(leave(&mut windows, now), window(now, messages));
        }
        assert_eq!(windows.due(), None);
    }

    #[test]
    fn a_message_comes_too_late_only_when_none_of_its_windows_is_open() {
        let mut windows = windows(10_000, 2_000, 0, 11.0);
        assert!(
            add(&mut windows, 11.0, 6.0),
            "its windows end at 12 and 14, too"
        );
        assert!(add(&mut windows, 11.0, 2.5), "its last window ends at 12");
        assert!(!add(&mut windows, 11.0, 2.0), "its last one ended at 10");
        for (end, messages) in [(12.0, &[6.0, 2.5][..]), (14.0, &[6.0])] {
            assert_eq!(leave(&mut windows, end), window(end, messages));
        }
        assert_eq!(windows.due(), None);
    }

    #[test]
    fn sliding_windows_that_end_while_late_ones_are_waited_for_are_not_passed_over() {
        let mut windows = windows(60_000, 10_000, 25_000, 0.0);
        assert!(add(&mut windows, 1.0, 1.0));
        for end in [10.0, 20.0, 30.0, 40.0, 50.0, 60.0] {
            assert_eq!(leave(&mut windows, end + 24.9), None);
            assert_eq!(leave(&mut windows, end + 25.0), window(end, &[1.0]));
        }
        assert_eq!(windows.due(), None);
    }

    #[test]
    fn what_leaves_early_leaves_in_the_order_of_its_windows() {
        let mut windows = windows(1000, 1000, 0, 10.0);
        for at in [12.5, 10.5, 11.5, 10.6] {
            assert!(add(&mut windows, 10.0, at));
        }
        let mut ends = Vec::new();
        while let Some(leaving) = windows.leave_early() {
            ends.push((leaving.end / SECOND, leaving.batch.len()));
        }
        assert_eq!(ends, [(11, 2), (12, 1), (13, 1)]);
    }

    #[test]
    fn what_comes_after_windows_have_left_early_is_in_them_again() {
        let mut windows = windows(1000, 500, 0, 10.0);
        for at in [10.1, 10.6] {
            assert!(add(&mut windows, 10.0, at));
        }
        let leave_early = |windows: &mut Windows| {
            let leaving = windows.leave_early()?;
            Some((leaving.end as f64 / SECOND as f64, leaving.batch.len()))
        };
        for expected in [(10.5, 1), (11.0, 2), (11.5, 1)] {
            assert_eq!(leave_early(&mut windows), Some(expected));
        }
        assert!(!windows.is_leaving_early() && windows.due().is_none());
        assert!(add(&mut windows, 10.0, 10.2));
        assert_eq!(leave_early(&mut windows), Some((10.5, 1)));
        assert!(windows.is_leaving_early());
        assert_eq!(leave_early(&mut windows), Some((11.0, 1)));
        assert_eq!(leave_early(&mut windows), None);
    }
}
