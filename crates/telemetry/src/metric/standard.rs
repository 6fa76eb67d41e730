//! The metrics that every component of a kind has: one struct per kind, so that all of a kind's
//! series exist with 0 from construction and no name is written twice.

use super::connection::Connection;
use super::counter::Counter;
use super::scope::Scope;
use super::timer::Timer;

/// Which end of a pipeline a connection belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Input,
    Output,
}

impl Side {
    pub(super) fn connection_names(self) -> [&'static str; 3] {
        match self {
            Self::Input => [
                "input_connection_up",
                "input_connection_failed",
                "input_connection_lost",
            ],
            Self::Output => [
                "output_connection_up",
                "output_connection_failed",
                "output_connection_lost",
            ],
        }
    }
}

/// Metrics of a leaf input.
#[derive(Clone, Debug)]
pub struct InputMetrics {
    pub received: Counter,
    /// From reading a message to its settlement.
    pub latency: Timer,
    pub connection: Connection,
}

impl InputMetrics {
    pub fn new(scope: &Scope) -> Self {
        Self {
            received: scope.counter("input_received", &[]),
            latency: scope.timer("input_latency_ns", &[]),
            connection: scope.connection(Side::Input),
        }
    }
}

/// Metrics of a leaf output.
#[derive(Clone, Debug)]
pub struct OutputMetrics {
    pub sent: Counter,
    pub batch_sent: Counter,
    /// One for each failed write, whatever the size of its batch.
    pub error: Counter,
    /// Of successful writes.
    pub latency: Timer,
    pub connection: Connection,
}

impl OutputMetrics {
    pub fn new(scope: &Scope) -> Self {
        Self {
            sent: scope.counter("output_sent", &[]),
            batch_sent: scope.counter("output_batch_sent", &[]),
            error: scope.counter("output_error", &[]),
            latency: scope.timer("output_latency_ns", &[]),
            connection: scope.connection(Side::Output),
        }
    }
}

/// Metrics of a processor.
#[derive(Clone, Debug)]
pub struct ProcessorMetrics {
    pub received: Counter,
    pub batch_received: Counter,
    pub sent: Counter,
    pub batch_sent: Counter,
    pub error: Counter,
    pub latency: Timer,
}

impl ProcessorMetrics {
    pub fn new(scope: &Scope) -> Self {
        Self {
            received: scope.counter("processor_received", &[]),
            batch_received: scope.counter("processor_batch_received", &[]),
            sent: scope.counter("processor_sent", &[]),
            batch_sent: scope.counter("processor_batch_sent", &[]),
            error: scope.counter("processor_error", &[]),
            latency: scope.timer("processor_latency_ns", &[]),
        }
    }
}

/// Metrics of a buffer.
#[derive(Clone, Debug)]
pub struct BufferMetrics {
    pub received: Counter,
    pub batch_received: Counter,
    pub sent: Counter,
    pub batch_sent: Counter,
    /// From leaving the buffer to settlement.
    pub latency: Timer,
}

impl BufferMetrics {
    pub fn new(scope: &Scope) -> Self {
        Self {
            received: scope.counter("buffer_received", &[]),
            batch_received: scope.counter("buffer_batch_received", &[]),
            sent: scope.counter("buffer_sent", &[]),
            batch_sent: scope.counter("buffer_batch_sent", &[]),
            latency: scope.timer("buffer_latency_ns", &[]),
        }
    }
}

/// `batch_created` of a batching policy, by what triggered the batch.
#[derive(Clone, Debug)]
pub struct BatchMetrics {
    pub count: Counter,
    pub size: Counter,
    pub period: Counter,
    pub check: Counter,
}

impl BatchMetrics {
    pub fn new(scope: &Scope) -> Self {
        let by = |mechanism| scope.counter("batch_created", &[("mechanism", mechanism)]);
        Self {
            count: by("count"),
            size: by("size"),
            period: by("period"),
            check: by("check"),
        }
    }
}

/// Metrics of one operation of a cache.
#[derive(Clone, Debug)]
pub struct CacheOperationMetrics {
    pub success: Counter,
    pub error: Counter,
    pub latency: Timer,
}

/// Metrics of a cache.
#[derive(Clone, Debug)]
pub struct CacheMetrics {
    pub get: CacheOperationMetrics,
    pub set: CacheOperationMetrics,
    pub add: CacheOperationMetrics,
    pub delete: CacheOperationMetrics,
    /// A `get` that found nothing.
    pub not_found: Counter,
    /// An `add` whose key existed.
    pub duplicate: Counter,
}

impl CacheMetrics {
    pub fn new(scope: &Scope) -> Self {
        let operation = |name| {
            let labels = [("operation", name)];
            CacheOperationMetrics {
                success: scope.counter("cache_success", &labels),
                error: scope.counter("cache_error", &labels),
                latency: scope.timer("cache_latency_ns", &labels),
            }
        };
        Self {
            get: operation("get"),
            set: operation("set"),
            add: operation("add"),
            delete: operation("delete"),
            not_found: scope.counter("cache_not_found", &[("operation", "get")]),
            duplicate: scope.counter("cache_duplicate", &[("operation", "add")]),
        }
    }
}

/// Metrics of a rate limit.
#[derive(Clone, Debug)]
pub struct RateLimitMetrics {
    pub checked: Counter,
    pub triggered: Counter,
    pub error: Counter,
}

impl RateLimitMetrics {
    pub fn new(scope: &Scope) -> Self {
        Self {
            checked: scope.counter("rate_limit_checked", &[]),
            triggered: scope.counter("rate_limit_triggered", &[]),
            error: scope.counter("rate_limit_error", &[]),
        }
    }
}

/// Metrics of a component that sends HTTP requests.
#[derive(Clone, Debug)]
pub struct HttpClientMetrics {
    pub latency: Timer,
    codes: [Counter; 5],
}

impl HttpClientMetrics {
    pub fn new(scope: &Scope) -> Self {
        Self {
            latency: scope.timer("http_request_latency_ns", &[]),
            codes: [
                "http_request_code_1xx",
                "http_request_code_2xx",
                "http_request_code_3xx",
                "http_request_code_4xx",
                "http_request_code_5xx",
            ]
            .map(|name| scope.counter(name, &[])),
        }
    }

    /// Counts a response by the class of its status.
    pub fn code(&self, status: u16) {
        let class = usize::from(status / 100).wrapping_sub(1);
        if let Some(counter) = self.codes.get(class) {
            counter.inc();
        }
    }
}
