//! Keeps a line of the log that hostile data can cause from becoming a flood.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long a window lasts, and how many lines pass in it.
const WINDOW: Duration = Duration::from_secs(10);
const PASSING: u64 = 5;

/// Lets a few lines of one kind pass in each window, and counts the rest.
pub(crate) struct Flood {
    started: Instant,
    /// The window that is counted, from 1 on.
    window: AtomicU64,
    passed: AtomicU64,
    left_out: AtomicU64,
}

impl Flood {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            window: AtomicU64::new(0),
            passed: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
        }
    }

    /// Whether a line may be written, and how many were left out before it. Threads that race at
    /// the start of a window may let one line more pass.
    pub(crate) fn passes(&self) -> Option<u64> {
        let window = self.started.elapsed().as_secs() / WINDOW.as_secs() + 1;
        if self.window.swap(window, Ordering::Relaxed) != window {
            self.passed.store(0, Ordering::Relaxed);
        }
        if self.passed.fetch_add(1, Ordering::Relaxed) < PASSING {
            return Some(self.left_out.swap(0, Ordering::Relaxed));
        }
        self.left_out.fetch_add(1, Ordering::Relaxed);
        None
    }

    /// How many lines were left out since the last one that passed.
    pub(crate) fn left_out(&self) -> u64 {
        self.left_out.swap(0, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_lines_pass_and_the_rest_is_counted_once() {
        let flood = Flood::new();
        let passed = (0..100).filter(|_| flood.passes().is_some()).count() as u64;
        // A slow machine may see more than one window; nothing is lost either way.
        assert!(passed >= PASSING);
        assert!(passed + flood.left_out() <= 100);
        assert_eq!(flood.left_out(), 0);
    }
}
