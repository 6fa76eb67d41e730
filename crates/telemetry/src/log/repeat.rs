//! Floods: the same warning or error again and again from a hot loop.
//!
//! The first few of a window pass; the rest is counted, and the count is written with the next line
//! of its kind, or on its own when the window has ended.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

/// How long lines count as repeated, and how many pass in that time.
pub(super) const WINDOW: Duration = Duration::from_secs(10);
pub(super) const PASSING: u32 = 5;

/// Different lines that are watched at once; each keeps one body.
const WATCHED_MAX: usize = 32;

/// What to do with a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Write it, with the number of its like that were left out before.
    Write {
        suppressed: u64,
    },
    Suppress,
}

#[derive(Debug, Default)]
pub(super) struct Repeats {
    watched: Vec<Watched>,
    next_due: Option<Instant>,
}

#[derive(Debug)]
struct Watched {
    hash: u64,
    since: Instant,
    passed: u32,
    suppressed: u64,
    /// Kept from the first line that was left out.
    body: String,
}

impl Repeats {
    pub(super) fn judge(&mut self, body: &str, now: Instant) -> Verdict {
        let hash = hash_of(body);
        let Some(watched) = self.watched.iter_mut().find(|it| it.hash == hash) else {
            self.watch(hash, now);
            return Verdict::Write { suppressed: 0 };
        };
        if now.saturating_duration_since(watched.since) >= WINDOW {
            let suppressed = std::mem::take(&mut watched.suppressed);
            watched.since = now;
            watched.passed = 1;
            return Verdict::Write { suppressed };
        }
        if watched.passed < PASSING {
            watched.passed += 1;
            return Verdict::Write { suppressed: 0 };
        }
        if watched.suppressed == 0 {
            body.clone_into(&mut watched.body);
            let due = watched.since + WINDOW;
            self.next_due = Some(self.next_due.map_or(due, |it| it.min(due)));
        }
        watched.suppressed += 1;
        Verdict::Suppress
    }

    /// Bodies whose window has ended, with how many were left out. Cheap when nothing is due.
    pub(super) fn due(&mut self, now: Instant) -> Vec<(String, u64)> {
        if self.next_due.is_none_or(|due| now < due) {
            return Vec::new();
        }
        self.take(|it| now.saturating_duration_since(it.since) >= WINDOW)
    }

    /// All that was left out and not yet told.
    pub(super) fn flush(&mut self) -> Vec<(String, u64)> {
        self.take(|_| true)
    }

    fn take(&mut self, is_due: impl Fn(&Watched) -> bool) -> Vec<(String, u64)> {
        let due = self
            .watched
            .iter_mut()
            .filter(|it| it.suppressed > 0 && is_due(it));
        let told = due
            .map(|it| {
                (
                    std::mem::take(&mut it.body),
                    std::mem::take(&mut it.suppressed),
                )
            })
            .collect();
        let open = self.watched.iter().filter(|it| it.suppressed > 0);
        self.next_due = open.map(|it| it.since + WINDOW).min();
        told
    }

    fn watch(&mut self, hash: u64, now: Instant) {
        if self.watched.len() >= WATCHED_MAX {
            // What still has a count to tell stays; of the others the oldest goes.
            let oldest = (0..self.watched.len()).min_by_key(|&index| {
                let it = &self.watched[index];
                (it.suppressed > 0, it.since)
            });
            if let Some(index) = oldest.filter(|&index| self.watched[index].suppressed == 0) {
                self.watched.swap_remove(index);
            } else {
                return;
            }
        }
        self.watched.push(Watched {
            hash,
            since: now,
            passed: 1,
            suppressed: 0,
            body: String::new(),
        });
    }
}

fn hash_of(body: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_passes_a_few_lines_and_tells_the_rest_as_a_number() {
        let (mut repeats, start) = (Repeats::default(), Instant::now());
        let write = |suppressed| Verdict::Write { suppressed };
        for _ in 0..PASSING {
            assert_eq!(repeats.judge("same", start), write(0));
        }
        for _ in 0..100 {
            assert_eq!(repeats.judge("same", start), Verdict::Suppress);
        }
        assert_eq!(
            repeats.judge("other", start),
            write(0),
            "others are not held back"
        );
    }

    #[test]
    fn the_next_line_after_the_window_carries_the_count() {
        let (mut repeats, start) = (Repeats::default(), Instant::now());
        for _ in 0..PASSING + 7 {
            repeats.judge("same", start);
        }
        let verdict = repeats.judge("same", start + WINDOW);
        assert_eq!(verdict, Verdict::Write { suppressed: 7 });
        assert_eq!(repeats.flush(), [], "told once");
    }

    #[test]
    fn a_flood_that_ends_is_told_when_its_window_has_passed() {
        let (mut repeats, start) = (Repeats::default(), Instant::now());
        for _ in 0..PASSING + 7 {
            repeats.judge("same", start);
        }
        assert_eq!(repeats.due(start + WINDOW / 2), []);
        assert_eq!(repeats.due(start + WINDOW), [("same".to_owned(), 7)]);
        assert_eq!(repeats.due(start + WINDOW * 2), []);
    }

    #[test]
    fn what_is_watched_is_bounded_and_no_count_is_lost() {
        let (mut repeats, start) = (Repeats::default(), Instant::now());
        for _ in 0..PASSING + 3 {
            repeats.judge("flood", start);
        }
        for line in 0..1000 {
            let verdict = repeats.judge(&format!("line {line}"), start);
            assert_eq!(verdict, Verdict::Write { suppressed: 0 });
        }
        assert_eq!(repeats.watched.len(), WATCHED_MAX);
        assert_eq!(repeats.flush(), [("flood".to_owned(), 3)]);
    }
}
