//! The help lines of the exporter.

use super::series::MetricKind;

/// What each metric means; the closed list of the names that we give ourselves.
pub(super) const HELP: &[(&str, &str)] = &[
    ("input_received", "Messages received by the input."),
    (
        "input_latency_ns",
        "Time from reading a message to its settlement.",
    ),
    (
        "input_connection_up",
        "Whether the input is connected (1) or not (0).",
    ),
    (
        "input_connection_failed",
        "Attempts of the input to connect that failed.",
    ),
    (
        "input_connection_lost",
        "Connections of the input that were lost.",
    ),
    ("buffer_received", "Messages written to the buffer."),
    ("buffer_batch_received", "Batches written to the buffer."),
    ("buffer_sent", "Messages read from the buffer."),
    ("buffer_batch_sent", "Batches read from the buffer."),
    (
        "buffer_latency_ns",
        "Time from reading a message from the buffer to its settlement.",
    ),
    ("buffer_active", "Bytes held by the buffer."),
    (
        "buffer_spillover",
        "Messages refused because the buffer was full.",
    ),
    (
        "processor_received",
        "Messages that the processor was executed upon.",
    ),
    (
        "processor_batch_received",
        "Batches that the processor was executed upon.",
    ),
    ("processor_sent", "Messages returned by the processor."),
    ("processor_batch_sent", "Batches returned by the processor."),
    (
        "processor_error",
        "Errors of the processor; an error of a whole batch counts once.",
    ),
    ("processor_latency_ns", "Time taken by the processor."),
    ("output_sent", "Messages sent by the output."),
    ("output_batch_sent", "Batches sent by the output."),
    (
        "output_error",
        "Failed writes of the output; a failed batch counts once.",
    ),
    (
        "output_latency_ns",
        "Time taken by successful writes of the output.",
    ),
    (
        "output_connection_up",
        "Whether the output is connected (1) or not (0).",
    ),
    (
        "output_connection_failed",
        "Attempts of the output to connect that failed.",
    ),
    (
        "output_connection_lost",
        "Connections of the output that were lost.",
    ),
    (
        "batch_created",
        "Batches created by a batching policy, by what triggered them.",
    ),
    ("cache_success", "Cache operations that succeeded."),
    ("cache_error", "Cache operations that failed."),
    ("cache_latency_ns", "Time taken by cache operations."),
    (
        "cache_not_found",
        "Reads of the cache whose key did not exist.",
    ),
    (
        "cache_duplicate",
        "Additions to the cache whose key existed already.",
    ),
    ("rate_limit_checked", "Times the rate limit was asked."),
    (
        "rate_limit_triggered",
        "Times the rate limit held a message back.",
    ),
    ("rate_limit_error", "Times the rate limit failed to answer."),
    ("http_request_latency_ns", "Time taken by HTTP requests."),
    (
        "http_request_code_1xx",
        "HTTP responses with an informational status.",
    ),
    (
        "http_request_code_2xx",
        "HTTP responses with a success status.",
    ),
    (
        "http_request_code_3xx",
        "HTTP responses with a redirection status.",
    ),
    (
        "http_request_code_4xx",
        "HTTP responses with a client error status.",
    ),
    (
        "http_request_code_5xx",
        "HTTP responses with a server error status.",
    ),
    (
        "circuit_state",
        "State of the circuit breaker: 0 closed, 1 half open, 2 open.",
    ),
    (
        "millrace_messages_received_total",
        "Source messages received by the inputs.",
    ),
    (
        "millrace_messages_settled_total",
        "Source messages settled, by outcome and reason.",
    ),
    (
        "millrace_messages_in_flight",
        "Source messages received and not yet settled.",
    ),
    (
        "millrace_buffer_messages_received_total",
        "Messages that a buffer took over from the inputs.",
    ),
    (
        "millrace_buffer_messages_settled_total",
        "Messages of the buffer settled, by outcome and reason.",
    ),
    (
        "millrace_buffer_messages_in_flight",
        "Messages that left the buffer, or wait in it, and are not settled.",
    ),
    (
        "millrace_bytes_in_flight",
        "Payload bytes that the byte budget has admitted and that are not settled.",
    ),
    (
        "millrace_blocked_seconds_total",
        "Time an edge waited for room downstream.",
    ),
    (
        "millrace_queue_depth",
        "Batches waiting in the queue of an edge.",
    ),
    (
        "millrace_oldest_unsettled_seconds",
        "Age of the oldest source message that is not settled.",
    ),
    (
        "millrace_metric_series_refused_total",
        "Metric series that were refused: too many, or a name of another kind.",
    ),
    (
        "millrace_log_lines_suppressed_total",
        "Repeated log lines that were left out.",
    ),
    (
        "millrace_trace_spans_dropped_total",
        "Trace spans dropped because they could not be exported in time.",
    ),
    (
        "process_cpu_seconds_total",
        "Total user and system CPU time spent in seconds.",
    ),
    (
        "process_resident_memory_bytes",
        "Resident memory size in bytes.",
    ),
    (
        "process_virtual_memory_bytes",
        "Virtual memory size in bytes.",
    ),
    ("process_open_fds", "Number of open file descriptors."),
    (
        "process_max_fds",
        "Maximum number of open file descriptors.",
    ),
    (
        "process_start_time_seconds",
        "Start time of the process since the epoch in seconds.",
    ),
];

/// Metrics of [`HELP`] that rise and fall, beside those of connections.
const GAUGES: &[&str] = &[
    "buffer_active",
    "circuit_state",
    "millrace_messages_in_flight",
    "millrace_buffer_messages_in_flight",
    "millrace_bytes_in_flight",
    "millrace_queue_depth",
    "millrace_oldest_unsettled_seconds",
];

/// The kind of a metric of [`HELP`].
pub(super) fn kind_of(name: &str) -> MetricKind {
    if name.ends_with("_latency_ns") {
        MetricKind::Timer
    } else if name.ends_with("_connection_up") {
        MetricKind::Connection
    } else if GAUGES.contains(&name) {
        MetricKind::Gauge
    } else {
        MetricKind::Counter
    }
}

/// Every metric that has a help line: its name and what it means.
pub fn explained() -> impl Iterator<Item = (&'static str, &'static str)> {
    HELP.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{
        BatchMetrics, BufferMetrics, CacheMetrics, ComponentLabels, HttpClientMetrics,
        InputMetrics, OutputMetrics, ProcessorMetrics, RateLimitMetrics, Registry,
        register_process_metrics,
    };

    #[test]
    fn every_standard_metric_is_explained_once() {
        let registry = Registry::default();
        let scope = registry.scope(ComponentLabels::default());
        InputMetrics::new(&scope);
        OutputMetrics::new(&scope);
        ProcessorMetrics::new(&scope);
        BufferMetrics::new(&scope);
        BatchMetrics::new(&scope);
        CacheMetrics::new(&scope);
        RateLimitMetrics::new(&scope);
        HttpClientMetrics::new(&scope).code(99);
        register_process_metrics(&scope);
        for series in registry.snapshot() {
            let count = HELP.iter().filter(|it| *it.0 == *series.name).count();
            assert_eq!(count, 1, "{}", series.name);
        }
    }
}
