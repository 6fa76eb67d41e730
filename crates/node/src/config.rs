//! The root of a config file.

mod error_handling;
mod log;
mod logger;
mod metrics;
mod tracer;

use millrace_bloblang::Allowance;
use millrace_spec::{ByteSize, Duration, Spanned, Spec};
use millrace_stream::StreamConfig;

use crate::unit_test::Case;

pub use error_handling::{ErrorHandlingConfig, ErrorLogConfig, ErrorStrategy};
pub use log::LogConfig;
pub(crate) use log::told;
pub use logger::{LogFileConfig, LogFormat, LoggerConfig};
pub(crate) use metrics::exporters;
pub use metrics::{
    JsonApiConfig, LogMetricsConfig, MetricsConfig, MetricsExporter, Naming, NoMetrics,
    PrometheusConfig, PushAuthConfig, QuantileConfig,
};
pub use millrace_components_http::HttpConfig;
pub(crate) use tracer::tracers;
pub use tracer::{
    CollectorConfig, GrpcCollector, HttpCollector, NoTracer, SamplingConfig, TracerConfig,
};

/// What a mapping may take on one message.
///
/// A mapping is small, and what it asks for need not be: a `fold` can double a text with each element,
/// and ranges within ranges multiply. These bounds end it before it holds up the stream or uses up the
/// memory. The message goes on unchanged, with its error flag set.
#[derive(Clone, Debug, Spec)]
pub struct MappingLimitsConfig {
    /// Elements that it evaluates an expression for, calls of its maps, and 256 bytes each of what its
    /// methods look through or make. A hundred million steps take ten seconds or more.
    #[spec(default = 100000000, advanced)]
    pub steps: u64,
    /// Bytes of the values that it makes and holds at a time, and of the result as it is written.
    #[spec(default = "1GiB", advanced)]
    pub bytes: ByteSize,
}

impl MappingLimitsConfig {
    /// As the language takes it.
    pub(crate) fn allowance(&self) -> Allowance {
        Allowance {
            steps: self.steps,
            bytes: self.bytes.0,
        }
    }
}

/// Everything that a config file may hold.
#[derive(Clone, Debug, Spec)]
pub struct RootConfig {
    /// The HTTP server of the service.
    #[spec(advanced)]
    pub http: HttpConfig,
    /// The stream and its resources.
    #[spec(flatten)]
    pub stream: StreamConfig,
    /// The log of this process: a broker of Kafka's protocol that the components `log` use, with the
    /// keys of a broker's config file (`docs/reference/broker-config.md`); `{}` for its defaults. It
    /// serves no other process unless `listeners` says where. Its data are in `log.dirs`, by default
    /// `./millrace-log`: each config needs one of its own.
    #[spec(advanced, example = {"log.dirs": "./data", "listeners": "PLAINTEXT://127.0.0.1:9092"})]
    pub log: Option<LogConfig>,
    /// What is logged, and how.
    #[spec(advanced)]
    pub logger: LoggerConfig,
    /// Where metrics go.
    #[spec(default = {"prometheus": {}}, advanced)]
    pub metrics: MetricsConfig,
    /// Where traces go.
    #[spec(default = {"none": {}}, advanced)]
    pub tracer: TracerConfig,
    /// What becomes of messages that a processor failed on.
    #[spec(advanced)]
    pub error_handling: ErrorHandlingConfig,
    /// The payload bytes that may be in flight in the whole process; empty for half of the memory
    /// that the machine or its control group has. Nor may one message become a value that takes more
    /// when `avro`, `msgpack`, `protobuf` or `schema_registry_decode` reads it.
    #[spec(advanced)]
    pub memory_limit: Option<ByteSize>,
    /// What a mapping, or an interpolation, may take on one message; one that takes more fails.
    #[spec(advanced)]
    pub mapping_limits: MappingLimitsConfig,
    /// How long to go on working after the signal to stop; empty for not at all.
    #[spec(advanced)]
    pub shutdown_delay: Option<Duration>,
    /// How long an orderly end may take before what is left goes back to its source, or is dropped
    /// where that takes nothing back: then the exit code is 1.
    #[spec(default = "20s", advanced)]
    pub shutdown_timeout: Duration,
    /// Tests of parts of this config; a run takes no notice of them.
    #[spec(advanced)]
    pub tests: Option<Vec<Spanned<Case>>>,
}
