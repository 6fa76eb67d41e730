//! Exporters: how the registry's series are written for others.

mod log;
mod prometheus;
mod stats;

pub use log::LogExporter;
pub use prometheus::{CONTENT_TYPE, PrometheusExporter, PrometheusSettings};
pub use stats::stats_json;
