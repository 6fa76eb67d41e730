//! Values that are computed when an exporter asks.

use std::fmt;
use std::sync::Arc;

/// What a `gauge_fn` or `counter_fn` was given.
#[derive(Clone)]
pub(super) struct Computed(Arc<dyn Fn() -> f64 + Send + Sync>);

impl Computed {
    pub(super) fn new(value: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(value))
    }

    pub(super) fn get(&self) -> f64 {
        (self.0)()
    }
}

impl fmt::Debug for Computed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Computed")
    }
}
