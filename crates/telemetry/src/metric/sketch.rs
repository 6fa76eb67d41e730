//! A log-linear histogram of `u64` values with atomic buckets, for quantiles.
//!
//! Every octave is cut into 32 equal buckets, and a quantile is reported as the middle of its
//! bucket, so the error is at most 1/64 of the value (1.6 %); below 32 it is exact. The range is all
//! of `u64`. An octave's buckets are allocated when the first value falls into it: a timer usually
//! touches about ten octaves, which is 2.5 KiB.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

const SUB_BITS: u32 = 5;
const SUB: usize = 1 << SUB_BITS;
const OCTAVES: usize = 64 - SUB_BITS as usize + 1;

type Octave = Box<[AtomicU64; SUB]>;

#[derive(Debug)]
pub(super) struct Sketch {
    octaves: [OnceLock<Octave>; OCTAVES],
}

impl Sketch {
    pub(super) fn new() -> Self {
        Self {
            octaves: [const { OnceLock::new() }; OCTAVES],
        }
    }

    #[inline]
    pub(super) fn add(&self, value: u64, count: u64) {
        let (octave, sub) = place(value);
        let buckets = match self.octaves[octave].get() {
            Some(buckets) => buckets,
            None => self.octaves[octave].get_or_init(new_octave),
        };
        buckets[sub].fetch_add(count, Relaxed);
    }

    pub(super) fn snapshot(&self) -> SketchSnapshot {
        let mut counts = Vec::new();
        for (octave, buckets) in self.octaves.iter().enumerate() {
            let Some(buckets) = buckets.get() else {
                continue;
            };
            for (sub, count) in buckets.iter().enumerate() {
                let count = count.load(Relaxed);
                if count > 0 {
                    counts.push(((octave * SUB + sub) as u16, count));
                }
            }
        }
        SketchSnapshot { counts }
    }

    /// Takes over the counts of another sketch.
    pub(super) fn absorb(&self, other: &SketchSnapshot) {
        for &(index, count) in &other.counts {
            self.add(lower_bound(index), count);
        }
    }
}

fn new_octave() -> Octave {
    Box::new([const { AtomicU64::new(0) }; SUB])
}

#[inline]
fn place(value: u64) -> (usize, usize) {
    if value < SUB as u64 {
        return (0, value as usize);
    }
    let shift = 63 - value.leading_zeros() - SUB_BITS;
    (shift as usize + 1, ((value >> shift) as usize) & (SUB - 1))
}

fn lower_bound(index: u16) -> u64 {
    let (octave, sub) = (usize::from(index) / SUB, usize::from(index) % SUB);
    match octave {
        0 => sub as u64,
        _ => ((SUB + sub) as u64) << (octave - 1),
    }
}

fn middle(index: u16) -> f64 {
    let octave = usize::from(index) / SUB;
    let width = if octave == 0 { 1 } else { 1u64 << (octave - 1) };
    lower_bound(index) as f64 + (width - 1) as f64 / 2.0
}

/// The counts of a sketch at one moment; only buckets that hold something, in rising order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SketchSnapshot {
    counts: Vec<(u16, u64)>,
}

impl SketchSnapshot {
    /// How many values it holds.
    pub fn count(&self) -> u64 {
        self.counts.iter().map(|&(_, count)| count).sum()
    }

    /// The value below which the share `quantile` (0 to 1) of the values lies, at most 1.6 % off;
    /// `None` when there are no values.
    pub fn quantile(&self, quantile: f64) -> Option<f64> {
        let total = self.count();
        let rank = ((quantile.clamp(0.0, 1.0) * total as f64).ceil() as u64).clamp(1, total.max(1));
        let mut seen = 0;
        for &(index, count) in &self.counts {
            seen += count;
            if seen >= rank {
                return Some(middle(index));
            }
        }
        None
    }

    /// Adds the counts of another snapshot.
    pub fn merge(&mut self, other: &Self) {
        self.combine(other, u64::saturating_add);
    }

    /// What was counted since an `earlier` snapshot of the same sketch.
    pub fn since(&self, earlier: &Self) -> Self {
        let mut difference = self.clone();
        difference.combine(earlier, u64::saturating_sub);
        difference.counts.retain(|&(_, count)| count > 0);
        difference
    }

    fn combine(&mut self, other: &Self, operation: fn(u64, u64) -> u64) {
        let mut combined = Vec::with_capacity(self.counts.len().max(other.counts.len()));
        let (mut left, mut right) = (
            self.counts.iter().copied().peekable(),
            other.counts.iter().copied().peekable(),
        );
        loop {
            let index = match (left.peek(), right.peek()) {
                (Some(a), Some(b)) => a.0.min(b.0),
                (Some(a), None) => a.0,
                (None, Some(b)) => b.0,
                (None, None) => break,
            };
            let a = left.next_if(|it| it.0 == index).map_or(0, |it| it.1);
            let b = right.next_if(|it| it.0 == index).map_or(0, |it| it.1);
            combined.push((index, operation(a, b)));
        }
        self.counts = combined;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn buckets_tile_the_whole_range() {
        let mut expected = 0u64;
        for index in 0..(OCTAVES * SUB) as u16 {
            assert_eq!(lower_bound(index), expected, "bucket {index}");
            let octave = usize::from(index) / SUB;
            let width = if octave == 0 { 1 } else { 1u64 << (octave - 1) };
            expected = expected.wrapping_add(width);
        }
        assert_eq!(expected, 0, "the last bucket ends at 2^64");
        assert_eq!(place(u64::MAX), (OCTAVES - 1, SUB - 1));
    }

    #[test]
    fn an_empty_sketch_has_no_quantile() {
        assert_eq!(Sketch::new().snapshot().quantile(0.5), None);
    }

    proptest! {
        #[test]
        fn quantiles_are_within_two_percent(
            values in prop::collection::vec(
                prop_oneof![0u64..1000, 0u64..10_000_000_000, any::<u64>()], 1..500),
            quantile in prop_oneof![Just(0.5), Just(0.9), Just(0.99), 0.0..=1.0f64],
        ) {
            let sketch = Sketch::new();
            for &value in &values {
                sketch.add(value, 1);
            }
            let mut sorted = values;
            sorted.sort_unstable();
            let rank = ((quantile * sorted.len() as f64).ceil() as usize).clamp(1, sorted.len());
            let exact = sorted[rank - 1] as f64;
            let estimate = sketch.snapshot().quantile(quantile).unwrap();
            prop_assert!((estimate - exact).abs() <= exact * 0.02, "{estimate} for {exact}");
        }

        #[test]
        fn a_difference_and_a_merge_undo_each_other(
            first in prop::collection::vec(any::<u64>(), 0..60),
            second in prop::collection::vec(any::<u64>(), 0..60),
        ) {
            let (sketch, later) = (Sketch::new(), Sketch::new());
            first.iter().for_each(|&value| sketch.add(value, 3));
            let before = sketch.snapshot();
            second.iter().for_each(|&value| { sketch.add(value, 1); later.add(value, 1); });
            prop_assert_eq!(sketch.snapshot().since(&before), later.snapshot());
            let mut merged = before.clone();
            merged.merge(&later.snapshot());
            prop_assert_eq!(merged, sketch.snapshot());
            let copy = Sketch::new();
            copy.absorb(&before);
            prop_assert_eq!(copy.snapshot(), before);
        }
    }
}
