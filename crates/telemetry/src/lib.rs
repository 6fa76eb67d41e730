//! Metric registry, log layer, redaction and trace set-up.

pub mod export;
mod json;
pub mod log;
pub mod metric;
pub mod redact;

pub use log::ComponentLogger;
pub use metric::{ComponentLabels, Registry, Scope};
pub use redact::Redactor;
