//! Traces: spans of messages with W3C context, sampled, exported in the background as OTLP.
//!
//! The exporter writes the OTLP protobuf itself and hands finished bodies to a function of the
//! caller, which owns the HTTP client. The `opentelemetry` crates would cost some thirty CPU-seconds
//! of every build and a dozen crates, for one message type that has been stable for years.
//!
//! A disabled [`Tracer`] does nothing: starting a span is a test for `None`, and no clock is read.
//!
//! ```
//! use millrace_telemetry::trace::{SpanKind, TraceContext, Tracer};
//!
//! let tracer = Tracer::disabled();
//! let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
//! let mut span = tracer.start("amqp_0_9", SpanKind::Producer, TraceContext::parse(header));
//! span.set("messaging.system", "rabbitmq");
//! if let Some(context) = span.context() {
//!     // goes out as the header `traceparent`
//!     let _ = context.traceparent();
//! }
//! span.end();
//! ```

mod context;
mod exporter;
mod otlp;
mod span;

pub use context::{TRACEPARENT, TRACESTATE, TraceContext};
pub use exporter::{CONTENT_TYPE, ExportError, TraceExporter, TraceSettings};
pub use span::{AttributeValue, SpanKind, TraceSpan, Tracer};

#[cfg(test)]
mod tests;
