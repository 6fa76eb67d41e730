//! The counter: a number that only grows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A handle to a counter series. Cloning is cheap and shares the cell.
#[derive(Clone, Debug)]
pub struct Counter(Arc<CounterCell>);

/// Two cache lines wide, so that counters of different threads never share one (x86 prefetches
/// lines in pairs). Whole numbers, which is nearly everything, take the first word alone.
#[derive(Debug, Default)]
#[repr(align(128))]
struct CounterCell {
    whole: AtomicU64,
    /// Bits of an `f64`: what user counters added beyond whole numbers.
    fraction: AtomicU64,
}

impl Counter {
    /// A counter that no exporter shows, for tests and for series that were refused or mapped away.
    pub fn detached() -> Self {
        Self(Arc::default())
    }

    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    #[inline]
    pub fn add(&self, count: u64) {
        self.0.whole.fetch_add(count, Relaxed);
    }

    /// Adds a number with a fraction; a negative number, a NaN or an infinity is ignored.
    pub fn add_f64(&self, count: f64) {
        if !(count.is_finite() && count > 0.0) {
            return;
        }
        // The cast saturates, which is right for a counter that would overflow anyway.
        self.add(count.trunc() as u64);
        let fraction = count.fract();
        if fraction > 0.0 {
            add_to_bits(&self.0.fraction, fraction);
        }
    }

    /// The count so far in this cell. A series with several owners is the sum of their cells.
    pub fn get(&self) -> f64 {
        self.0.whole.load(Relaxed) as f64 + f64::from_bits(self.0.fraction.load(Relaxed))
    }

    /// Takes over what another cell of the same series counted, when its owner goes away.
    pub(super) fn absorb(&self, other: &Self) {
        self.add(other.0.whole.load(Relaxed));
        add_to_bits(
            &self.0.fraction,
            f64::from_bits(other.0.fraction.load(Relaxed)),
        );
    }
}

/// Adds to a word that holds the bits of an `f64`.
pub(super) fn add_to_bits(word: &AtomicU64, amount: f64) {
    let mut current = word.load(Relaxed);
    loop {
        let next = (f64::from_bits(current) + amount).to_bits();
        match word.compare_exchange_weak(current, next, Relaxed, Relaxed) {
            Ok(_) => return,
            Err(seen) => current = seen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn increments_of_many_threads_are_all_counted() {
        let counter = Counter::detached();
        std::thread::scope(|threads| {
            for _ in 0..8 {
                threads.spawn(|| {
                    for _ in 0..20_000 {
                        counter.inc();
                        counter.add_f64(0.5);
                    }
                });
            }
        });
        assert_eq!(counter.get(), 8.0 * 20_000.0 * 1.5);
    }

    #[test]
    fn what_is_no_growth_is_ignored() {
        let counter = Counter::detached();
        for bad in [-1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0] {
            counter.add_f64(bad);
        }
        assert_eq!(counter.get(), 0.0);
    }
}
