//! A series: a name, its labels, and what it holds at one moment.

use std::fmt;
use std::sync::Arc;

use super::name::valid_label_name;
use super::timer::TimerSnapshot;
use crate::redact::Redactor;

/// Label values from messages have no bound of their own.
const LABEL_VALUE_BYTES_MAX: usize = 512;

/// The kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    Counter,
    Gauge,
    Timer,
    /// `<side>_connection_up`: a gauge for us, a counter for Bento.
    Connection,
}

impl fmt::Display for MetricKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Timer => "timer",
            Self::Connection => "connection",
        })
    }
}

/// Why a series could not be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetricError {
    #[error(
        "register metric `{name}` as a {wanted}: it exists as a {existing}; give it another name"
    )]
    KindConflict {
        name: String,
        wanted: MetricKind,
        existing: MetricKind,
    },
    #[error(
        "register metric `{name}`: the limit of {limit} series is reached; use labels with fewer values"
    )]
    LimitReached { name: String, limit: usize },
}

/// Labels sorted by name; the names are valid and the values free of secrets and bounded.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(Arc<[(Arc<str>, Arc<str>)]>);

impl Labels {
    /// Later pairs win over earlier ones of the same name.
    pub fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut labels: Vec<(Arc<str>, Arc<str>)> = Vec::new();
        for (name, value) in pairs {
            let name = valid_label_name(name);
            let value = bounded(&Redactor::global().redact(value)).into();
            match labels.iter_mut().find(|it| *it.0 == *name) {
                Some(label) => label.1 = value,
                None => labels.push((name.into(), value)),
            }
        }
        labels.sort_unstable();
        Self(labels.into())
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|it| it.0 == name).map(|it| it.1)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A label value cut to what a label may hold.
pub(super) fn bounded(value: &str) -> &str {
    &value[..value.floor_char_boundary(LABEL_VALUE_BYTES_MAX)]
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SeriesKey {
    pub(super) name: Arc<str>,
    pub(super) labels: Labels,
}

/// One series as an exporter sees it.
#[derive(Clone, Debug)]
pub struct Series {
    /// Bento's name, or the name as the owner or `metrics.mapping` gave it.
    pub name: Arc<str>,
    /// No naming rule applies to the name.
    pub verbatim: bool,
    pub labels: Labels,
    pub value: SeriesValue,
}

/// What a series holds.
#[derive(Clone, Debug)]
pub enum SeriesValue {
    Counter(f64),
    Gauge(f64),
    Timer(TimerSnapshot),
    /// Up only when every owner of the series is.
    Connection {
        up: bool,
        established: u64,
    },
}

impl Series {
    pub fn kind(&self) -> MetricKind {
        match self.value {
            SeriesValue::Counter(_) => MetricKind::Counter,
            SeriesValue::Gauge(_) => MetricKind::Gauge,
            SeriesValue::Timer(_) => MetricKind::Timer,
            SeriesValue::Connection { .. } => MetricKind::Connection,
        }
    }
}
