//! Metrics: handles that are cheap to record into, and the registry that knows every series.
//!
//! A component asks its [`Scope`] for handles once, when it is built; recording through a handle is
//! one or a few relaxed atomic additions, without a lock and without a look-up. Each scope owns its
//! own cells, and the exporters add up the cells of one series, so pipeline threads that build the
//! same processor never share a cache line. Dropping a scope removes its series.

mod computed;
mod connection;
mod counter;
mod family;
mod gauge;
mod help;
mod name;
mod process;
mod registry;
mod scope;
mod series;
mod sketch;
mod standard;
mod timer;

pub use connection::Connection;
pub use counter::Counter;
pub use family::{CounterFamily, Family, GaugeFamily, TimerFamily};
pub use gauge::Gauge;
pub use help::explained;
pub use name::{MetricName, Naming, built_in};
pub use process::register_process_metrics;
pub use registry::{Mapped, MappingFn, Registry, RegistrySettings};
pub use scope::{ComponentLabels, Scope};
pub use series::{Labels, MetricError, MetricKind, Series, SeriesValue};
pub use sketch::SketchSnapshot;
pub use standard::{
    BatchMetrics, BufferMetrics, CacheMetrics, CacheOperationMetrics, HttpClientMetrics,
    InputMetrics, OutputMetrics, ProcessorMetrics, RateLimitMetrics, Side,
};
pub use timer::{DEFAULT_BOUNDS_SECONDS, Timer, TimerSnapshot};

pub(crate) use name::{Form, families_of, help_of};
