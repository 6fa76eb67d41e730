//! A metric whose label values come from messages, with a bounded number of series.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;

use super::counter::Counter;
use super::gauge::Gauge;
use super::name::MetricName;
use super::scope::Scope;
use super::series::{MetricError, bounded};
use super::timer::Timer;

pub type CounterFamily = Family<Counter>;
pub type GaugeFamily = Family<Gauge>;
pub type TimerFamily = Family<Timer>;

/// The label value of the series that takes what exceeds the bound.
const OVERFLOW: &str = "overflow";

/// The series of one name by their label values. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Family<H: Handle> {
    inner: Arc<Inner<H>>,
}

#[derive(Debug)]
struct Inner<H> {
    scope: Scope,
    name: MetricName,
    label_names: Vec<String>,
    handles: RwLock<HashMap<Box<[Box<str>]>, H>>,
    overflow: RwLock<Option<H>>,
}

/// A handle that a family can hand out.
pub trait Handle: Clone + sealed::Register {}

impl<H: Clone + sealed::Register> Handle for H {}

mod sealed {
    use super::{Counter, Gauge, MetricError, MetricName, Scope, Timer};

    pub trait Register: Sized {
        fn detached() -> Self;

        fn register(
            scope: &Scope,
            name: &MetricName,
            labels: &[(&str, &str)],
            bounded: bool,
        ) -> Result<Self, MetricError>;
    }

    impl Register for Counter {
        fn detached() -> Self {
            Self::detached()
        }

        fn register(
            scope: &Scope,
            name: &MetricName,
            labels: &[(&str, &str)],
            bounded: bool,
        ) -> Result<Self, MetricError> {
            scope.try_counter(name, labels, bounded)
        }
    }

    impl Register for Gauge {
        fn detached() -> Self {
            Self::detached()
        }

        fn register(
            scope: &Scope,
            name: &MetricName,
            labels: &[(&str, &str)],
            bounded: bool,
        ) -> Result<Self, MetricError> {
            scope.try_gauge(name, labels, bounded)
        }
    }

    impl Register for Timer {
        fn detached() -> Self {
            Self::detached()
        }

        fn register(
            scope: &Scope,
            name: &MetricName,
            labels: &[(&str, &str)],
            bounded: bool,
        ) -> Result<Self, MetricError> {
            scope.try_timer(name, labels, bounded)
        }
    }
}

impl<H: Handle> Family<H> {
    pub(super) fn new(
        scope: Scope,
        name: MetricName,
        label_names: &[&str],
    ) -> Result<Self, MetricError> {
        let family = Self {
            inner: Arc::new(Inner {
                scope,
                name,
                label_names: label_names.iter().map(|it| (*it).to_owned()).collect(),
                handles: RwLock::default(),
                overflow: RwLock::default(),
            }),
        };
        if label_names.is_empty() {
            let handle = family.register(&[], true)?;
            family.inner.handles.write().insert(Box::default(), handle);
        }
        Ok(family)
    }

    /// The handle for these label values, in the order of the family's label names; a missing value
    /// is empty. One read lock and one hash: keep the handle where the values do not change.
    ///
    /// When the family has reached its bound, all further values share one series whose label
    /// values are `overflow`, so that sums stay right.
    pub fn with(&self, values: &[&str]) -> H {
        let inner = &*self.inner;
        let key: Box<[Box<str>]> = (0..inner.label_names.len())
            .map(|index| Box::from(bounded(values.get(index).copied().unwrap_or_default())))
            .collect();
        if let Some(handle) = inner.handles.read().get(&key) {
            return handle.clone();
        }
        let values: Vec<&str> = key.iter().map(|it| &**it).collect();
        match self.register(&values, true) {
            Ok(handle) => {
                inner.handles.write().insert(key, handle.clone());
                handle
            }
            Err(error) => self.overflow(&error),
        }
    }

    fn overflow(&self, error: &MetricError) -> H {
        let inner = &*self.inner;
        if let Some(handle) = &*inner.overflow.read() {
            return handle.clone();
        }
        let mut overflow = inner.overflow.write();
        if let Some(handle) = &*overflow {
            return handle.clone();
        }
        tracing::warn!(%error, "metric has too many series");
        let values = vec![OVERFLOW; inner.label_names.len()];
        let handle = self.register(&values, false);
        let handle = handle.unwrap_or_else(|_| H::detached());
        overflow.insert(handle).clone()
    }

    fn register(&self, values: &[&str], bounded: bool) -> Result<H, MetricError> {
        let inner = &*self.inner;
        let labels: Vec<(&str, &str)> = inner
            .label_names
            .iter()
            .map(String::as_str)
            .zip(values.iter().copied())
            .collect();
        H::register(&inner.scope, &inner.name, &labels, bounded)
    }
}
