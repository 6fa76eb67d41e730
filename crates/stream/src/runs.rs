//! The loop of a pipeline thread: it takes what is ready, a run at a time.
//!
//! What is done goes on when the whole run is: runs save work where batches take microseconds, and
//! where they take long each one goes on, and hears of a stop, by itself.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use millrace_component::{Receiver, Weigh};
use tokio_util::sync::CancellationToken;

/// A run that takes longer is too long,
const LONG: Duration = Duration::from_millis(2);
/// and after one that takes so long, batches go one by one.
const FAR_TOO_LONG: Duration = Duration::from_millis(10);

/// Works until the input ends: `process` adds the results of one item, `hand_over` takes those of a
/// run. Once the stream has given up what it holds, nothing is handed over any more, and what is still
/// in the queue goes back.
pub(crate) fn work<T: Weigh, R>(
    input: &Receiver<T>,
    max: usize,
    abort: &CancellationToken,
    mut process: impl FnMut(T, &mut VecDeque<R>),
    mut hand_over: impl FnMut(&mut VecDeque<R>),
) {
    let mut length = RunLength::up_to(max);
    let mut run = Vec::with_capacity(max);
    let mut results = VecDeque::with_capacity(max);
    while input.pop_run_blocking(length.get(), &mut run) {
        if abort.is_cancelled() {
            run.clear();
            continue;
        }
        let (count, started) = (run.len(), Instant::now());
        for item in run.drain(..) {
            process(item, &mut results);
        }
        length.took(count, started.elapsed());
        // What a processor has given up may be missing in what another one made of it.
        if !abort.is_cancelled() {
            hand_over(&mut results);
        }
        results.clear();
    }
}

/// How many items are taken at once.
struct RunLength {
    now: usize,
    max: usize,
}

impl RunLength {
    /// One at first, and never more than `max`.
    fn up_to(max: usize) -> Self {
        Self { now: 1, max }
    }

    fn get(&self) -> usize {
        self.now
    }

    /// Notes how long a run of so many took.
    fn took(&mut self, count: usize, time: Duration) {
        self.now = match time {
            _ if time > FAR_TOO_LONG => 1,
            _ if time > LONG => (self.now / 2).max(1),
            _ if count == self.now => (self.now * 2).min(self.max),
            _ => self.now,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_grow_while_they_are_short_and_shrink_when_they_are_not() {
        let ms = Duration::from_millis;
        let mut length = RunLength::up_to(64);
        let lengths: Vec<_> = (0..8)
            .map(|_| {
                let now = length.get();
                length.took(now, Duration::ZERO);
                now
            })
            .collect();
        assert_eq!(lengths, [1, 2, 4, 8, 16, 32, 64, 64]);
        for (count, time, expected) in [
            (64, ms(3), 32),
            (5, ms(1), 32),
            (32, ms(300), 1),
            (1, ms(3), 1),
            (1, ms(0), 2),
        ] {
            length.took(count, time);
            assert_eq!(length.get(), expected, "{count} {time:?}");
        }
        let mut alone = RunLength::up_to(1);
        alone.took(1, Duration::ZERO);
        assert_eq!(alone.get(), 1);
    }
}
