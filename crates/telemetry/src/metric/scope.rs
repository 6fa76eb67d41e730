//! The scope: who owns series. A component has one, resolves its handles at construction, and its
//! series disappear with it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use super::computed::Computed;
use super::connection::{Connection, ConnectionState};
use super::counter::Counter;
use super::family::{CounterFamily, GaugeFamily, TimerFamily};
use super::gauge::Gauge;
use super::name::MetricName;
use super::registry::{Cell, MappingFn, OwnerId, Registry};
use super::series::{Labels, MetricError, MetricKind, SeriesKey};
use super::standard::Side;
use super::timer::Timer;

/// The labels that identify a component in metrics and logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ComponentLabels {
    /// The component's label, or empty.
    pub label: String,
    /// Its place in the config: `root.pipeline.processors.0`.
    pub path: String,
    /// The stream's name in streams mode.
    pub stream: Option<String>,
}

/// The owner of series. Cloning shares it; when the last clone is dropped its series are removed,
/// and handles that still exist record into nothing.
#[derive(Clone, Debug)]
pub struct Scope {
    inner: Arc<Inner>,
}

struct Inner {
    /// `None`: nothing is exported.
    registry: Option<Registry>,
    owner: OwnerId,
    component: ComponentLabels,
    labels: Labels,
    mappings: Mappings,
    keys: Mutex<BTreeSet<SeriesKey>>,
    kept: Mutex<Vec<Scope>>,
}

/// The mappings of a scope, which run before that of the registry: the innermost first.
type Mappings = Arc<[Arc<MappingFn>]>;

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("component", &self.component)
            .finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(registry) = &self.registry {
            registry.detach(self.owner, self.keys.get_mut());
        }
    }
}

impl Scope {
    pub(super) fn new(registry: Registry, component: ComponentLabels) -> Self {
        let owner = registry.new_owner();
        Self::with(Some(registry), owner, component, Mappings::default())
    }

    /// A scope whose handles record into nothing: `metrics: none`, and tests.
    pub fn detached() -> Self {
        Self::with(None, 0, ComponentLabels::default(), Mappings::default())
    }

    fn with(
        registry: Option<Registry>,
        owner: OwnerId,
        component: ComponentLabels,
        mappings: Mappings,
    ) -> Self {
        let mut pairs = vec![("label", &*component.label), ("path", &*component.path)];
        // A scope without a path is no component, such as the process itself.
        if component.path.is_empty() && component.label.is_empty() {
            pairs.clear();
        }
        pairs.extend(component.stream.as_deref().map(|it| ("stream", it)));
        let labels = Labels::new(pairs);
        Self {
            inner: Arc::new(Inner {
                registry,
                owner,
                component,
                labels,
                mappings,
                keys: Mutex::default(),
                kept: Mutex::default(),
            }),
        }
    }

    /// The scope of another component of the same stream, which lives as long as this one whoever
    /// else has it. A component that is built again finds its series again. `mapping` is for its series
    /// and those of its children; it runs before the mappings of this scope.
    #[must_use]
    pub fn kept_child(
        &self,
        label: impl Into<String>,
        path: impl Into<String>,
        mapping: Option<Arc<MappingFn>>,
    ) -> Self {
        let (label, path) = (label.into(), path.into());
        let mut kept = self.inner.kept.lock();
        let is_same = |it: &&Self| it.component().path == path && it.component().label == label;
        if let Some(child) = kept.iter().find(is_same) {
            return child.clone();
        }
        let child = self.mapped_child(label, path, mapping);
        kept.push(child.clone());
        child
    }

    /// A scope of its own for another component of the same stream.
    pub fn child(&self, label: impl Into<String>, path: impl Into<String>) -> Self {
        self.mapped_child(label.into(), path.into(), None)
    }

    fn mapped_child(&self, label: String, path: String, mapping: Option<Arc<MappingFn>>) -> Self {
        let component = ComponentLabels {
            label,
            path,
            stream: self.inner.component.stream.clone(),
        };
        let mappings = match mapping {
            Some(mapping) => {
                let outer = self.inner.mappings.iter().cloned();
                [mapping].into_iter().chain(outer).collect()
            }
            None => Arc::clone(&self.inner.mappings),
        };
        let registry = self.inner.registry.clone();
        let owner = registry.as_ref().map_or(0, Registry::new_owner);
        Self::with(registry, owner, component, mappings)
    }

    pub fn component(&self) -> &ComponentLabels {
        &self.inner.component
    }

    /// The counter of this name; it exists with 0 from now on. `labels` are its own, beside those of
    /// the component. A series that cannot be registered is logged once and counted in
    /// `millrace_metric_series_refused_total`; its handle works and is exported nowhere.
    pub fn counter(&self, name: impl Into<MetricName>, labels: &[(&str, &str)]) -> Counter {
        or_detached(
            self.try_counter(&name.into(), labels, false),
            Counter::detached,
        )
    }

    /// The gauge of this name; see [`counter`](Self::counter).
    pub fn gauge(&self, name: impl Into<MetricName>, labels: &[(&str, &str)]) -> Gauge {
        or_detached(self.try_gauge(&name.into(), labels, false), Gauge::detached)
    }

    /// A gauge that is computed when an exporter asks. `value` may be called from any thread; it must
    /// not block and not use the registry. Several owners of one series add up.
    pub fn gauge_fn(
        &self,
        name: impl Into<MetricName>,
        labels: &[(&str, &str)],
        value: impl Fn() -> f64 + Send + Sync + 'static,
    ) {
        let cell = Cell::GaugeFn(Computed::new(value));
        self.attach_computed(&name.into(), labels, MetricKind::Gauge, cell);
    }

    /// A counter that something else keeps, under the rules of [`gauge_fn`](Self::gauge_fn). The value
    /// must never fall.
    pub fn counter_fn(
        &self,
        name: impl Into<MetricName>,
        labels: &[(&str, &str)],
        value: impl Fn() -> f64 + Send + Sync + 'static,
    ) {
        let cell = Cell::CounterFn(Computed::new(value));
        self.attach_computed(&name.into(), labels, MetricKind::Counter, cell);
    }

    /// The timer of this name; see [`counter`](Self::counter).
    pub fn timer(&self, name: impl Into<MetricName>, labels: &[(&str, &str)]) -> Timer {
        or_detached(self.try_timer(&name.into(), labels, false), Timer::detached)
    }

    /// `<side>_connection_up`, `_failed` and `_lost`.
    pub fn connection(&self, side: Side) -> Connection {
        let [up, failed, lost] = side.connection_names();
        let state = self
            .attach(&up.into(), &[], false, MetricKind::Connection, || {
                Cell::Connection(ConnectionState::default())
            })
            .map(|cell| match cell {
                Some(Cell::Connection(state)) => state,
                _ => ConnectionState::default(),
            });
        Connection {
            state: or_detached(state, ConnectionState::default),
            failed: self.counter(failed, &[]),
            lost: self.counter(lost, &[]),
        }
    }

    /// A counter with label values that are known only when it counts, such as those of the
    /// `metric` processor. Without label names the series exists at once.
    ///
    /// # Errors
    /// The name exists as another kind of metric, or there are too many series.
    pub fn counter_family(
        &self,
        name: impl Into<MetricName>,
        label_names: &[&str],
    ) -> Result<CounterFamily, MetricError> {
        CounterFamily::new(self.clone(), name.into(), label_names)
    }

    /// As [`counter_family`](Self::counter_family), for gauges.
    ///
    /// # Errors
    /// The name exists as another kind of metric, or there are too many series.
    pub fn gauge_family(
        &self,
        name: impl Into<MetricName>,
        label_names: &[&str],
    ) -> Result<GaugeFamily, MetricError> {
        GaugeFamily::new(self.clone(), name.into(), label_names)
    }

    /// As [`counter_family`](Self::counter_family), for timers.
    ///
    /// # Errors
    /// The name exists as another kind of metric, or there are too many series.
    pub fn timer_family(
        &self,
        name: impl Into<MetricName>,
        label_names: &[&str],
    ) -> Result<TimerFamily, MetricError> {
        TimerFamily::new(self.clone(), name.into(), label_names)
    }

    pub(super) fn try_counter(
        &self,
        name: &MetricName,
        labels: &[(&str, &str)],
        bounded_family: bool,
    ) -> Result<Counter, MetricError> {
        let new = || Cell::Counter(Counter::detached());
        let cell = self.attach(name, labels, bounded_family, MetricKind::Counter, new)?;
        Ok(match cell {
            Some(Cell::Counter(counter)) => counter,
            _ => Counter::detached(),
        })
    }

    pub(super) fn try_gauge(
        &self,
        name: &MetricName,
        labels: &[(&str, &str)],
        bounded_family: bool,
    ) -> Result<Gauge, MetricError> {
        let new = || Cell::Gauge(Gauge::detached());
        let cell = self.attach(name, labels, bounded_family, MetricKind::Gauge, new)?;
        Ok(match cell {
            Some(Cell::Gauge(gauge)) => gauge,
            _ => Gauge::detached(),
        })
    }

    pub(super) fn try_timer(
        &self,
        name: &MetricName,
        labels: &[(&str, &str)],
        bounded_family: bool,
    ) -> Result<Timer, MetricError> {
        let new = || Cell::Timer(Timer::new(self.bounds()));
        let cell = self.attach(name, labels, bounded_family, MetricKind::Timer, new)?;
        Ok(match cell {
            Some(Cell::Timer(timer)) => timer,
            _ => Timer::detached(),
        })
    }

    fn attach_computed(
        &self,
        name: &MetricName,
        labels: &[(&str, &str)],
        kind: MetricKind,
        cell: Cell,
    ) {
        let attached = self.attach(name, labels, false, kind, || cell);
        or_detached(attached.map(|_| ()), || ());
    }

    fn bounds(&self) -> Arc<[u64]> {
        self.inner
            .registry
            .as_ref()
            .map(Registry::bounds)
            .unwrap_or_default()
    }

    /// The cell of this scope in a series; `None` when the series is not exported by choice.
    fn attach(
        &self,
        name: &MetricName,
        labels: &[(&str, &str)],
        bounded_family: bool,
        kind: MetricKind,
        new_cell: impl FnOnce() -> Cell,
    ) -> Result<Option<Cell>, MetricError> {
        let inner = &*self.inner;
        let Some(registry) = &inner.registry else {
            return Ok(None);
        };
        let Some((key, verbatim)) =
            registry.key(name, kind, &inner.labels, labels, &inner.mappings)
        else {
            return Ok(None);
        };
        let cell = registry
            .attach(inner.owner, &key, verbatim, bounded_family, kind, new_cell)
            .inspect_err(|_| registry.count_refused())?;
        inner.keys.lock().insert(key);
        Ok(Some(cell))
    }
}

fn or_detached<T>(handle: Result<T, MetricError>, detached: impl FnOnce() -> T) -> T {
    handle.unwrap_or_else(|error| {
        tracing::warn!(%error, "metric is not exported");
        detached()
    })
}
