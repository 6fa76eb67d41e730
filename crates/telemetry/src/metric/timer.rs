//! The timer: durations in nanoseconds as a histogram with fixed bounds and as quantiles.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::sketch::{Sketch, SketchSnapshot};

/// Upper bounds of the histogram in seconds, 100 µs to 30 s. 0.5 is the threshold that operators
/// alert on, so a bound lies exactly there.
pub const DEFAULT_BOUNDS_SECONDS: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 30.0,
];

/// A handle to a timer series. Cloning is cheap and shares the cell.
#[derive(Clone, Debug)]
pub struct Timer(Arc<TimerCell>);

#[derive(Debug)]
#[repr(align(128))]
struct TimerCell {
    /// Nanoseconds; wraps after 584 years of observed time.
    sum: AtomicU64,
    bounds: Arc<[u64]>,
    /// One per bound, and one for what is above the last.
    buckets: Box<[AtomicU64]>,
    sketch: Sketch,
}

/// The content of a timer at one moment. All values are nanoseconds, or the user's own unit.
#[derive(Clone, Debug, Default)]
pub struct TimerSnapshot {
    pub sum: u64,
    /// Upper bounds, inclusive.
    pub bounds: Arc<[u64]>,
    /// Observations per bound (not cumulative), and last those above all bounds.
    pub buckets: Vec<u64>,
    pub sketch: SketchSnapshot,
}

impl Timer {
    pub(super) fn new(bounds: Arc<[u64]>) -> Self {
        let buckets = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(TimerCell {
            sum: AtomicU64::new(0),
            bounds,
            buckets,
            sketch: Sketch::new(),
        }))
    }

    /// A timer that no exporter shows.
    pub fn detached() -> Self {
        Self::new(Arc::default())
    }

    /// Whether an exporter shows it: when not, callers save themselves the reading of the clock.
    #[inline]
    pub fn is_observed(&self) -> bool {
        !self.0.bounds.is_empty()
    }

    #[inline]
    pub fn observe(&self, elapsed: Duration) {
        self.observe_nanos(nanos(elapsed), 1);
    }

    /// Observes a drained run of `count` messages: `elapsed_per_message`, `count` times.
    #[inline]
    pub fn observe_many(&self, elapsed_per_message: Duration, count: u64) {
        self.observe_nanos(nanos(elapsed_per_message), count);
    }

    /// Like [`observe_many`](Self::observe_many), in nanoseconds (or the user's own unit).
    #[inline]
    pub fn observe_nanos(&self, value: u64, count: u64) {
        let cell = &*self.0;
        let bucket = cell.bounds.partition_point(|&bound| bound < value);
        cell.buckets[bucket].fetch_add(count, Relaxed);
        cell.sum.fetch_add(value.wrapping_mul(count), Relaxed);
        cell.sketch.add(value, count);
    }

    pub fn snapshot(&self) -> TimerSnapshot {
        let cell = &*self.0;
        TimerSnapshot {
            sum: cell.sum.load(Relaxed),
            bounds: cell.bounds.clone(),
            buckets: cell.buckets.iter().map(|it| it.load(Relaxed)).collect(),
            sketch: cell.sketch.snapshot(),
        }
    }

    /// Takes over what another cell of the same series observed, when its owner goes away.
    pub(super) fn absorb(&self, other: &Self) {
        let other = other.snapshot();
        self.0.sum.fetch_add(other.sum, Relaxed);
        for (bucket, count) in self.0.buckets.iter().zip(&other.buckets) {
            bucket.fetch_add(*count, Relaxed);
        }
        self.0.sketch.absorb(&other.sketch);
    }
}

impl TimerSnapshot {
    /// How many observations the histogram holds.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    pub(super) fn merge(&mut self, other: &Self) {
        if self.buckets.is_empty() {
            *self = other.clone();
            return;
        }
        self.sum = self.sum.wrapping_add(other.sum);
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.sketch.merge(&other.sketch);
    }
}

/// Nanoseconds that fit 64 bits; longer durations (584 years) saturate.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_on_a_bound_counts_below_it() {
        let timer = Timer::new(Arc::from([10, 20]));
        for value in [0, 10, 11, 20, 21, u64::MAX] {
            timer.observe_nanos(value, 1);
        }
        assert_eq!(timer.snapshot().buckets, [2, 2, 2]);
    }

    #[test]
    fn a_run_counts_each_of_its_messages() {
        let timer = Timer::new(Arc::from([1_000]));
        timer.observe_many(Duration::from_nanos(500), 64);
        let snapshot = timer.snapshot();
        assert_eq!((snapshot.count(), snapshot.sum), (64, 32_000));
        assert_eq!(snapshot.sketch.count(), 64);
    }

    #[test]
    fn observations_of_many_threads_are_all_counted() {
        let timer = Timer::new(Arc::from([100, 200]));
        std::thread::scope(|threads| {
            for thread in 0..4u64 {
                let timer = &timer;
                threads.spawn(move || (0..5_000).for_each(|_| timer.observe_nanos(thread * 80, 2)));
            }
        });
        let snapshot = timer.snapshot();
        assert_eq!(snapshot.count(), 40_000);
        assert_eq!(snapshot.sketch.count(), 40_000);
        assert_eq!(snapshot.sum, 10_000 * (80 + 160 + 240));
    }
}
