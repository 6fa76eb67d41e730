//! The registry: every series of the process, who owns it, and how many there may be.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;

use super::computed::Computed;
use super::connection::ConnectionState;
use super::counter::Counter;
use super::gauge::Gauge;
use super::name::{MetricName, valid_metric_name};
use super::scope::{ComponentLabels, Scope};
use super::series::{Labels, MetricError, MetricKind, Series, SeriesKey, SeriesValue};
use super::timer::{DEFAULT_BOUNDS_SECONDS, Timer, TimerSnapshot};

/// What a metric mapping returns: the name and the labels to use instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapped {
    pub name: String,
    pub labels: Vec<(String, String)>,
}

/// A metric mapping: called once for each series that is created, with Bento's name and the labels
/// of the component (`label`, `path`, `stream`; not those of the metric itself, such as `mechanism`).
/// `None` drops the series.
pub type MappingFn = dyn Fn(&str, &[(&str, &str)]) -> Option<Mapped> + Send + Sync;

/// How a registry is made.
#[derive(Clone)]
pub struct RegistrySettings {
    /// Evaluated once per series; `None` leaves everything as it is.
    pub mapping: Option<Arc<MappingFn>>,
    /// Upper bounds of timer histograms in seconds, rising.
    pub histogram_bounds: Vec<f64>,
    /// Whether what was counted is shown after whoever counted it has gone.
    pub keep_series: bool,
    /// Most series in all; above it a handle records into nothing.
    pub series_max: usize,
    /// Most series of one user metric; above it they share one with the label value `overflow`.
    pub series_per_family_max: usize,
}

impl Default for RegistrySettings {
    fn default() -> Self {
        Self {
            mapping: None,
            histogram_bounds: DEFAULT_BOUNDS_SECONDS.to_vec(),
            keep_series: false,
            series_max: 50_000,
            series_per_family_max: 2_000,
        }
    }
}

/// The metrics of a process. Cloning shares it.
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

struct Inner {
    mapping: Option<Arc<MappingFn>>,
    bounds: Arc<[u64]>,
    keep_series: bool,
    series_max: usize,
    series_per_family_max: usize,
    next_owner: AtomicU64,
    refused: Counter,
    series: Mutex<BTreeMap<SeriesKey, Entry>>,
}

/// A series with the cells of all its owners.
struct Entry {
    verbatim: bool,
    cells: Vec<(OwnerId, Cell)>,
    /// What owners that are gone left behind, while others remain.
    retired: Option<Cell>,
}

pub(super) type OwnerId = u64;

#[derive(Clone, Debug)]
pub(super) enum Cell {
    Counter(Counter),
    CounterFn(Computed),
    Gauge(Gauge),
    GaugeFn(Computed),
    Timer(Timer),
    Connection(ConnectionState),
}

impl Registry {
    pub fn new(settings: RegistrySettings) -> Self {
        let mut bounds: Vec<u64> = settings
            .histogram_bounds
            .iter()
            .filter(|it| it.is_finite() && **it > 0.0)
            .map(|seconds| (seconds * 1e9).round() as u64)
            .collect();
        bounds.sort_unstable();
        bounds.dedup();
        let registry = Self {
            inner: Arc::new(Inner {
                mapping: settings.mapping,
                bounds: bounds.into(),
                keep_series: settings.keep_series,
                series_max: settings.series_max,
                series_per_family_max: settings.series_per_family_max,
                next_owner: AtomicU64::new(1),
                refused: Counter::detached(),
                series: Mutex::default(),
            }),
        };
        registry.register_refused();
        registry
    }

    /// A scope for one component, or for anything else that owns metrics.
    pub fn scope(&self, labels: ComponentLabels) -> Scope {
        Scope::new(self.clone(), labels)
    }

    /// Every series in a stable order (by name, then by labels).
    pub fn snapshot(&self) -> Vec<Series> {
        let entries: Vec<_> = {
            let series = self.inner.series.lock();
            series
                .iter()
                .map(|(key, entry)| {
                    let cells: Vec<Cell> = entry
                        .retired
                        .iter()
                        .chain(entry.cells.iter().map(|it| &it.1))
                        .cloned()
                        .collect();
                    (key.clone(), entry.verbatim, cells, entry.retired.is_some())
                })
                .collect()
        };
        entries
            .into_iter()
            .filter_map(|(key, verbatim, cells, first_is_retired)| {
                Some(Series {
                    name: key.name,
                    verbatim,
                    labels: key.labels,
                    value: combined(&cells, usize::from(first_is_retired))?,
                })
            })
            .collect()
    }

    pub(super) fn new_owner(&self) -> OwnerId {
        self.inner.next_owner.fetch_add(1, Relaxed)
    }

    pub(super) fn bounds(&self) -> Arc<[u64]> {
        self.inner.bounds.clone()
    }

    /// The key under which a series is kept, after the mappings of its scope and that of the registry;
    /// `None` when one of them drops it.
    pub(super) fn key(
        &self,
        name: &MetricName,
        kind: MetricKind,
        component: &Labels,
        own: &[(&str, &str)],
        of_scope: &[Arc<MappingFn>],
    ) -> Option<(SeriesKey, bool)> {
        let pairs: Vec<_> = component.iter().collect();
        let own = own
            .iter()
            .map(|(name, value)| (unreserved(kind, name), *value));
        let mut mappings = of_scope.iter().chain(&self.inner.mapping);
        let Some(first) = mappings.next() else {
            let labels = Labels::new(pairs.into_iter().chain(own));
            return Some((new_key(&name.text, labels), name.verbatim));
        };
        let mut mapped = first(&name.text, &pairs)?;
        for mapping in mappings {
            let Mapped { name, labels } = &mapped;
            let pairs = labels.iter().map(|(name, value)| (&**name, &**value));
            mapped = mapping(name, &pairs.collect::<Vec<_>>())?;
        }
        let kept = mapped.labels.iter();
        let kept = kept.map(|(name, value)| (unreserved(kind, name), &**value));
        let labels = Labels::new(kept.chain(own));
        // A name that the mapping changed is the user's own.
        let verbatim = name.verbatim || mapped.name != name.text;
        Some((new_key(&mapped.name, labels), verbatim))
    }

    /// Adds the cell of an owner to a series, or returns the one that is already there.
    pub(super) fn attach(
        &self,
        owner: OwnerId,
        key: &SeriesKey,
        verbatim: bool,
        bounded_family: bool,
        kind: MetricKind,
        new_cell: impl FnOnce() -> Cell,
    ) -> Result<Cell, MetricError> {
        let mut series = self.inner.series.lock();
        if let Some(entry) = series.get_mut(key) {
            return entry.attach(owner, kind, &key.name, new_cell);
        }
        let from = new_key(&key.name, Labels::default());
        let mut family = series
            .range(from..)
            .take_while(|it| it.0.name == key.name)
            .map(|it| it.1)
            .peekable();
        // All series of a family are of one kind.
        if let Some(first) = family.peek() {
            first.check_kind(kind, &key.name)?;
        }
        let family_max = self.inner.series_per_family_max;
        // Only what is bounded is counted: a stream of thousands of outputs adds a series for each.
        let is_full = bounded_family && family.take(family_max).count() >= family_max;
        let limit = match is_full {
            true => Some(family_max),
            false => (series.len() >= self.inner.series_max).then_some(self.inner.series_max),
        };
        if let Some(limit) = limit {
            let name = key.name.to_string();
            return Err(MetricError::LimitReached { name, limit });
        }
        let cell = new_cell();
        let entry = Entry {
            verbatim,
            cells: vec![(owner, cell.clone())],
            retired: None,
        };
        series.insert(key.clone(), entry);
        Ok(cell)
    }

    /// Takes an owner away from its series; a series without owners disappears.
    pub(super) fn detach(&self, owner: OwnerId, keys: &BTreeSet<SeriesKey>) {
        let mut series = self.inner.series.lock();
        for key in keys {
            let Some(entry) = series.get_mut(key) else {
                continue;
            };
            if entry.detach(owner, self.inner.keep_series) {
                series.remove(key);
            }
        }
    }

    pub(super) fn count_refused(&self) {
        self.inner.refused.inc();
    }

    fn register_refused(&self) {
        let key = new_key("millrace_metric_series_refused_total", Labels::default());
        let entry = Entry {
            verbatim: true,
            cells: vec![(0, Cell::Counter(self.inner.refused.clone()))],
            retired: None,
        };
        self.inner.series.lock().insert(key, entry);
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new(RegistrySettings::default())
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").finish_non_exhaustive()
    }
}

/// A label that the exporters need for themselves on timers, under the name that Prometheus gives to
/// labels it has to move aside.
fn unreserved(kind: MetricKind, label: &str) -> &str {
    match label {
        "le" if kind == MetricKind::Timer => "exported_le",
        "quantile" if kind == MetricKind::Timer => "exported_quantile",
        other => other,
    }
}

fn new_key(name: &str, labels: Labels) -> SeriesKey {
    SeriesKey {
        name: valid_metric_name(name).into(),
        labels,
    }
}

impl Entry {
    fn attach(
        &mut self,
        owner: OwnerId,
        kind: MetricKind,
        name: &str,
        new_cell: impl FnOnce() -> Cell,
    ) -> Result<Cell, MetricError> {
        self.check_kind(kind, name)?;
        if let Some((_, cell)) = self.cells.iter().find(|it| it.0 == owner) {
            return Ok(cell.clone());
        }
        let cell = match &self.cells[..] {
            // All owners of a gauge share one cell: the last value set is the value.
            [(_, Cell::Gauge(gauge)), ..] => Cell::Gauge(gauge.clone()),
            _ => new_cell(),
        };
        self.cells.push((owner, cell.clone()));
        Ok(cell)
    }

    fn check_kind(&self, wanted: MetricKind, name: &str) -> Result<(), MetricError> {
        let cells = self.cells.iter().map(|it| &it.1);
        match cells.chain(&self.retired).next().map(Cell::kind) {
            Some(existing) if existing != wanted => Err(MetricError::KindConflict {
                name: name.to_owned(),
                wanted,
                existing,
            }),
            _ => Ok(()),
        }
    }

    /// Whether nothing of it remains: no owner, nor what one has counted where that is `kept`.
    fn detach(&mut self, owner: OwnerId, kept: bool) -> bool {
        let Some(position) = self.cells.iter().position(|it| it.0 == owner) else {
            return self.cells.is_empty() && self.retired.is_none();
        };
        let (_, cell) = self.cells.swap_remove(position);
        if self.cells.is_empty() && !kept {
            return true;
        }
        match &self.retired {
            Some(retired) => retired.absorb(&cell),
            None => self.retired = cell.retire(),
        }
        self.cells.is_empty() && self.retired.is_none()
    }
}

impl Cell {
    fn kind(&self) -> MetricKind {
        match self {
            Self::Counter(_) | Self::CounterFn(_) => MetricKind::Counter,
            Self::Gauge(_) | Self::GaugeFn(_) => MetricKind::Gauge,
            Self::Timer(_) => MetricKind::Timer,
            Self::Connection(_) => MetricKind::Connection,
        }
    }

    /// The cell to keep when its owner goes; what is a state and no count leaves nothing behind.
    fn retire(self) -> Option<Self> {
        match self {
            Self::Gauge(_) | Self::GaugeFn(_) => None,
            Self::CounterFn(count) => {
                let counter = Counter::detached();
                counter.add_f64(count.get());
                Some(Self::Counter(counter))
            }
            counted => Some(counted),
        }
    }

    fn absorb(&self, other: &Self) {
        match (self, other) {
            (Self::Counter(mine), Self::Counter(theirs)) => mine.absorb(theirs),
            (Self::Counter(mine), Self::CounterFn(theirs)) => mine.add_f64(theirs.get()),
            (Self::Timer(mine), Self::Timer(theirs)) => mine.absorb(theirs),
            (Self::Connection(mine), Self::Connection(theirs)) => mine.absorb(theirs),
            _ => {}
        }
    }
}

/// The value of a series from the cells of its owners. The first `retired` cells have no owner any
/// more: they count, but say nothing about the present.
fn combined(cells: &[Cell], retired: usize) -> Option<SeriesValue> {
    let sum = |value: fn(&Cell) -> f64| cells.iter().map(value).sum();
    match cells.first()? {
        Cell::Counter(_) | Cell::CounterFn(_) => Some(SeriesValue::Counter(sum(|it| match it {
            Cell::Counter(it) => it.get(),
            Cell::CounterFn(it) => it.get(),
            _ => 0.0,
        }))),
        Cell::Gauge(shared) => Some(SeriesValue::Gauge(shared.get())),
        Cell::GaugeFn(_) => Some(SeriesValue::Gauge(sum(|it| match it {
            Cell::GaugeFn(it) => it.get(),
            _ => 0.0,
        }))),
        Cell::Timer(_) => {
            let mut merged = TimerSnapshot::default();
            for cell in cells {
                if let Cell::Timer(it) = cell {
                    merged.merge(&it.snapshot());
                }
            }
            Some(SeriesValue::Timer(merged))
        }
        Cell::Connection(_) => {
            let states = || {
                cells.iter().filter_map(|cell| match cell {
                    Cell::Connection(it) => Some(it),
                    _ => None,
                })
            };
            Some(SeriesValue::Connection {
                up: states().skip(retired).all(ConnectionState::is_up),
                established: states().map(ConnectionState::established).sum(),
            })
        }
    }
}

#[cfg(test)]
mod tests;
