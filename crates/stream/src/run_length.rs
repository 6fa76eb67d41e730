//! How many batches a pipeline thread takes at once.
//!
//! What is done goes on when the whole run is: runs save work where batches take microseconds, and
//! where they take long each one goes on, and hears of a stop, by itself.

use std::time::Duration;

/// A run that takes longer is too long,
const LONG: Duration = Duration::from_millis(2);
/// and after one that takes so long, batches go one by one.
const FAR_TOO_LONG: Duration = Duration::from_millis(10);

pub(crate) struct RunLength {
    now: usize,
    max: usize,
}

impl RunLength {
    /// One at first, and never more than `max`.
    pub fn up_to(max: usize) -> Self {
        Self { now: 1, max }
    }

    pub fn get(&self) -> usize {
        self.now
    }

    /// Notes how long a run of so many took.
    pub fn took(&mut self, count: usize, time: Duration) {
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
