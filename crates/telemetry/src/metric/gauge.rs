//! The gauge: a number that goes up and down.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::counter::add_to_bits;

/// A handle to a gauge series. All owners of one series share the cell: the last `set` wins.
#[derive(Clone, Debug)]
pub struct Gauge(Arc<GaugeCell>);

#[derive(Debug, Default)]
#[repr(align(128))]
struct GaugeCell(AtomicU64);

impl Gauge {
    /// A gauge that no exporter shows.
    pub fn detached() -> Self {
        Self(Arc::default())
    }

    #[inline]
    pub fn set(&self, value: f64) {
        self.0.0.store(value.to_bits(), Relaxed);
    }

    /// Adds to the value; give a negative amount to subtract.
    pub fn add(&self, amount: f64) {
        add_to_bits(&self.0.0, amount);
    }

    pub fn get(&self) -> f64 {
        f64::from_bits(self.0.0.load(Relaxed))
    }
}
