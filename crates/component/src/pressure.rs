//! How urgent it is to flush what batching policies hold, as the most urgent of all that presses.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::watch;

/// Whether a stage may hold messages back to form larger batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Batching policies decide.
    Normal,
    /// A stage in front of the outputs can take nothing more before something settles: an output
    /// that has nothing under way flushes what it holds, because nobody else can go on.
    Stalled,
    /// Inputs wait for memory or for acknowledgements: flush what is held.
    Pressed,
    /// No new message will come, or none before what is under way has settled: what is held is
    /// flushed as soon as nothing more arrives.
    Draining,
}

/// The urgency of one stream. Cloning copies a pointer.
#[derive(Clone)]
pub(crate) struct Pressure {
    shared: Arc<Shared>,
}

struct Shared {
    reasons: Mutex<Reasons>,
    urgency: watch::Sender<Urgency>,
}

#[derive(Default)]
struct Reasons {
    stalled: usize,
    pressed: usize,
    draining: usize,
}

/// While it lives, the stream is at least this urgent.
#[must_use]
pub struct Pressing {
    pressure: Pressure,
    level: Urgency,
}

impl Pressure {
    pub(crate) fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                reasons: Mutex::default(),
                urgency: watch::Sender::new(Urgency::Normal),
            }),
        }
    }

    /// The urgency, as it changes.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Urgency> {
        self.shared.urgency.subscribe()
    }

    /// Makes the stream at least as urgent as `level` for a while.
    pub(crate) fn press(&self, level: Urgency) -> Pressing {
        self.change(|reasons| *reasons.of(level) += 1);
        Pressing {
            pressure: self.clone(),
            level,
        }
    }

    /// Raises the stream to `Draining` for good.
    pub(crate) fn drain(&self) {
        self.change(|reasons| reasons.draining += 1);
    }

    fn change(&self, change: impl FnOnce(&mut Reasons)) {
        let mut reasons = self.shared.reasons.lock();
        change(&mut reasons);
        let level = reasons.level();
        // Sent under the lock, so that a later change is not overtaken by an earlier one.
        self.shared.urgency.send_if_modified(|current| {
            let is_new = *current != level;
            *current = level;
            is_new
        });
    }
}

impl Reasons {
    fn of(&mut self, level: Urgency) -> &mut usize {
        match level {
            Urgency::Normal | Urgency::Stalled => &mut self.stalled,
            Urgency::Pressed => &mut self.pressed,
            Urgency::Draining => &mut self.draining,
        }
    }

    fn level(&self) -> Urgency {
        // At the end nobody waits for what is under way to make room.
        if self.pressed > 0 || (self.draining > 0 && self.stalled > 0) {
            Urgency::Pressed
        } else if self.draining > 0 {
            Urgency::Draining
        } else if self.stalled > 0 {
            Urgency::Stalled
        } else {
            Urgency::Normal
        }
    }
}

impl Drop for Pressing {
    fn drop(&mut self) {
        let level = self.level;
        self.pressure.change(|reasons| *reasons.of(level) -= 1);
    }
}

/// The streams that one cause presses together, now or as soon as they are there.
#[derive(Default)]
pub(crate) struct Streams {
    all: Vec<Weak<Shared>>,
    waiting: usize,
    pressing: Vec<Pressing>,
}

impl Streams {
    pub(crate) fn add(&mut self, stream: &Pressure) {
        self.all.retain(|stream| stream.strong_count() > 0);
        self.all.push(Arc::downgrade(&stream.shared));
        if self.waiting > 0 {
            self.pressing.push(stream.press(Urgency::Pressed));
        }
    }

    /// One more waits: the first one presses every stream.
    pub(crate) fn begin(&mut self) {
        self.waiting += 1;
        if self.waiting == 1 {
            let alive = self.all.iter().filter_map(Weak::upgrade);
            self.pressing = alive
                .map(|shared| Pressure { shared }.press(Urgency::Pressed))
                .collect();
        }
    }

    /// One less waits.
    pub(crate) fn end(&mut self) {
        self.waiting -= 1;
        if self.waiting == 0 {
            self.pressing.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_urgent_reason_that_lives_decides() {
        let pressure = Pressure::new();
        let seen = pressure.subscribe();
        let stalled = pressure.press(Urgency::Stalled);
        assert_eq!(*seen.borrow(), Urgency::Stalled);
        let first = pressure.press(Urgency::Pressed);
        let second = pressure.press(Urgency::Pressed);
        assert_eq!(*seen.borrow(), Urgency::Pressed);
        drop(first);
        assert_eq!(*seen.borrow(), Urgency::Pressed);
        drop(second);
        assert_eq!(*seen.borrow(), Urgency::Stalled);
        drop(stalled);
        assert_eq!(*seen.borrow(), Urgency::Normal);
        let draining = pressure.press(Urgency::Draining);
        assert_eq!(*seen.borrow(), Urgency::Draining);
        drop(draining);
        assert_eq!(*seen.borrow(), Urgency::Normal);
        pressure.drain();
        let stalled = pressure.press(Urgency::Stalled);
        assert_eq!(*seen.borrow(), Urgency::Pressed);
        drop(stalled);
        drop(pressure.press(Urgency::Pressed));
        assert_eq!(*seen.borrow(), Urgency::Draining);
    }

    #[test]
    fn a_stream_that_starts_while_somebody_waits_is_pressed_at_once() {
        let mut streams = Streams::default();
        streams.begin();
        let pressure = Pressure::new();
        streams.add(&pressure);
        assert_eq!(*pressure.subscribe().borrow(), Urgency::Pressed);
        streams.end();
        assert_eq!(*pressure.subscribe().borrow(), Urgency::Normal);
    }
}
