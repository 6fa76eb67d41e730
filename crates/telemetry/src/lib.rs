//! What a running Millrace says about itself: metrics, logs, traces, and none of them with a secret.
//!
//! | module | what it is |
//! |---|---|
//! | [`metric`] | counters, gauges, timers; the registry that knows every series and who owns it |
//! | [`export`] | the registry as Prometheus text and as JSON |
//! | [`log`] | `tracing` events as JSON or logfmt lines, with the fields of the component that speaks |
//! | [`redact`] | the set of known secrets, which all of these pass before they leave the process |
//! | [`trace`] | spans of messages, W3C context, OTLP export |
//!
//! Nothing here opens a socket: `api` serves the texts, `node` owns the HTTP client of traces.
//!
//! # For the author of a component
//!
//! The wrapper around a component records the standard metrics of its kind; a component that has more
//! asks its [`Scope`] for handles when it is built and keeps them. Recording is a few relaxed atomic
//! additions, and the series exist with 0 from that moment:
//!
//! ```
//! use millrace_telemetry::{ComponentLabels, ComponentLogger, Registry};
//! use millrace_telemetry::metric::OutputMetrics;
//! use std::time::Duration;
//!
//! # let registry = Registry::default();
//! let labels = ComponentLabels { label: "q1".into(), path: "root.output".into(), stream: None };
//! let scope = registry.scope(labels.clone());
//! let log = ComponentLogger::new("amqp_0_9", &labels);
//!
//! let metrics = OutputMetrics::new(&scope);                    // the standard ones
//! let returned = scope.counter("amqp_returned", &[]);          // one of its own
//!
//! metrics.connection.up();
//! metrics.latency.observe_many(Duration::from_micros(80), 64); // a drained run: once, not 64 times
//! metrics.sent.add(64);
//! returned.inc();
//! tracing::warn!(parent: log.span(), queue = "q1", "message returned: no such queue");
//! ```
//!
//! Label values that come from messages go through a [family](metric::Family), which bounds them:
//!
//! ```
//! # use millrace_telemetry::{ComponentLabels, Registry, metric::MetricName};
//! # let scope = Registry::default().scope(ComponentLabels::default());
//! let family = scope.counter_family(MetricName::verbatim("Foos"), &["topic"])?;
//! family.with(&["cities"]).inc();
//! # Ok::<(), millrace_telemetry::metric::MetricError>(())
//! ```
//!
//! # For the author of an engine
//!
//! Read the config, register its secrets, install the logs, make the registry; then build. One scope
//! per component: when it is dropped, with the component, its series disappear. Scopes with the same
//! labels (one processor built once per pipeline thread) share their series and no cache line.
//!
//! ```
//! use millrace_telemetry::export::{PrometheusExporter, PrometheusSettings, stats_json};
//! use millrace_telemetry::log::{LogSettings, LogSink};
//! use millrace_telemetry::metric::RegistrySettings;
//! use millrace_telemetry::{ComponentLabels, Redactor, Registry};
//!
//! Redactor::global().add("the value of a secret field");
//! Redactor::global().add_url("amqp://worker:tr0ub4dor@rabbitmq:5672/");
//! let (_dispatch, log) = LogSettings::default().build(LogSink::Stderr); // `install()` in `main`
//!
//! let registry = Registry::new(RegistrySettings::default());
//! let pipeline = registry.scope(ComponentLabels { stream: Some("cities".into()), ..Default::default() });
//! pipeline.gauge_fn("millrace_queue_depth", &[("edge", "input")], || 3.0);
//! log.count_suppressed(pipeline.counter("millrace_log_lines_suppressed_total", &[]));
//!
//! let exporter = PrometheusExporter::new(registry.clone(), PrometheusSettings::default());
//! assert!(exporter.text().contains("millrace_queue_depth{edge=\"input\",stream=\"cities\"} 3"));
//! assert!(stats_json(&registry).starts_with('{'));
//! log.flush(); // before the exit
//! ```

pub mod export;
mod json;
pub mod log;
pub mod metric;
pub mod redact;
pub mod trace;

pub use log::ComponentLogger;
pub use metric::{ComponentLabels, Registry, Scope};
pub use redact::Redactor;
pub use trace::Tracer;
