//! Keeps lines of the log that hostile data can cause from becoming a flood.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How long a window lasts, and how many lines of one kind pass in it.
const WINDOW: Duration = Duration::from_secs(10);
const PASSING: u64 = 5;

/// How many different texts pass in a window.
const TEXTS_MAX: usize = 16;

/// Lets a few lines of one kind pass in each window, and counts the rest.
#[derive(Debug)]
pub struct Flood {
    started: Instant,
    /// The window that is counted, from 1 on.
    window: AtomicU64,
    passed: AtomicU64,
    left_out: AtomicU64,
}

impl Flood {
    /// Nothing has passed yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
            window: AtomicU64::new(0),
            passed: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
        }
    }

    /// Whether a line may be written, and how many were left out before it. Threads that race at
    /// the start of a window may let one line more pass.
    pub fn passes(&self) -> Option<u64> {
        let window = window_since(self.started);
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
    pub fn left_out(&self) -> u64 {
        self.left_out.swap(0, Ordering::Relaxed)
    }
}

/// Lets a few lines of each text pass in each window, so that a text that repeats does not hide
/// another one, and counts the rest. Texts may hold data, so it remembers no more than
/// [`TEXTS_MAX`] of them, by their hashes.
#[derive(Debug)]
pub struct TextFlood {
    started: Instant,
    state: Mutex<TextWindow>,
}

#[derive(Debug, Default)]
struct TextWindow {
    /// From 1 on.
    number: u64,
    /// The hashes of the texts that were seen, and how often each passed.
    texts: Vec<(u64, u64)>,
    left_out: u64,
}

impl TextFlood {
    /// Nothing has passed yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
            state: Mutex::default(),
        }
    }

    /// Whether a line of this text may be written, and how many were left out before it.
    pub fn passes(&self, text: &str) -> Option<u64> {
        self.passing(std::iter::once(text), |it| it)
            .pop()
            .map(|(_, left_out)| left_out)
    }

    /// Those of the items whose text may be written, each with how many were left out before it.
    pub fn passing<T>(
        &self,
        items: impl Iterator<Item = T>,
        text: impl Fn(&T) -> &str,
    ) -> Vec<(T, u64)> {
        let number = window_since(self.started);
        let mut state = self.state.lock();
        if state.number != number {
            state.number = number;
            state.texts.clear();
        }
        let mut passing = Vec::new();
        for item in items {
            match state.passes(text(&item)) {
                true => passing.push((item, std::mem::take(&mut state.left_out))),
                false => state.left_out += 1,
            }
        }
        passing
    }

    /// How many were left out since the last one that passed.
    pub fn left_out(&self) -> u64 {
        std::mem::take(&mut self.state.lock().left_out)
    }
}

impl Default for Flood {
    fn default() -> Self {
        Self::new()
    }
}

impl Default for TextFlood {
    fn default() -> Self {
        Self::new()
    }
}

impl TextWindow {
    fn passes(&mut self, text: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let hash = hasher.finish();
        if let Some((_, passed)) = self.texts.iter_mut().find(|(it, _)| *it == hash) {
            *passed += 1;
            return *passed <= PASSING;
        }
        let is_room = self.texts.len() < TEXTS_MAX;
        if is_room {
            self.texts.push((hash, 1));
        }
        is_room
    }
}

/// The number of the window that it is now, from 1 on.
fn window_since(started: Instant) -> u64 {
    started.elapsed().as_secs() / WINDOW.as_secs() + 1
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

    #[test]
    fn a_text_that_repeats_does_not_hide_another_one() {
        let flood = TextFlood::new();
        let texts = [vec!["same"; 100], vec!["other"], vec!["same"; 10]].concat();
        let passing = flood.passing(texts.into_iter(), |it| *it);
        let same = passing.iter().filter(|(text, _)| *text == "same").count() as u64;
        assert_eq!(same, PASSING);
        let other: Vec<_> = passing
            .iter()
            .filter(|(text, _)| *text == "other")
            .collect();
        assert_eq!(other, [&("other", 100 - PASSING)]);
        assert_eq!(flood.left_out(), 10);
        assert_eq!(flood.left_out(), 0);
    }

    #[test]
    fn texts_that_all_differ_are_bounded() {
        let flood = TextFlood::new();
        let texts: Vec<String> = (0..1000).map(|it| it.to_string()).collect();
        let passing = flood.passing(texts.iter(), |it| it);
        assert_eq!(passing.len(), TEXTS_MAX);
        assert_eq!(flood.left_out(), (1000 - TEXTS_MAX) as u64);
        assert_eq!(flood.state.lock().texts.len(), TEXTS_MAX);
    }
}
