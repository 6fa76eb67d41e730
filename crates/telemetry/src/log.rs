//! Logs: `tracing` events as one line each, JSON or logfmt, free of secrets, bounded, and without
//! floods of the same line.
//!
//! A component logs through the [`ComponentLogger`] it is given:
//!
//! ```
//! use millrace_telemetry::ComponentLabels;
//! use millrace_telemetry::log::ComponentLogger;
//!
//! let labels = ComponentLabels { label: "q1".into(), path: "root.output".into(), stream: None };
//! let log = ComponentLogger::new("amqp_0_9", &labels);
//! let error = "connection refused";
//! tracing::error!(parent: log.span(), %error, "connect to broker");
//! ```
//!
//! A disabled event costs one comparison. Fields keep their types; an error goes into the field
//! `error`. Lines are written where the event happens, so nothing is lost when the process dies.

mod component;
mod file;
mod layer;
mod level;
mod line;
mod repeat;
mod settings;
mod sink;
mod status;
mod timestamp;

pub use component::{ComponentLogger, FATAL_TARGET, LogValue, SUMMARY_TARGET, with_fields};
pub use layer::LogHandle;
pub use level::{LogLevel, ParseLogLevelError};
pub use settings::{FileSettings, LogError, LogFormat, LogSettings};
pub use sink::LogSink;
pub use status::show_status;

#[cfg(test)]
mod tests;
