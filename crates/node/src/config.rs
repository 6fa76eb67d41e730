//! The root of a config file.

use std::collections::BTreeMap;

use millrace_spec::catalog::{ComponentTable, infer};
use millrace_spec::{
    ByteSize, ComponentKind, ComponentSpec, Duration, FieldKind, FieldSpec, FieldType, Node,
    ReadContext, Spec, Status,
};
use millrace_stream::StreamConfig;

/// Everything that a config file may hold.
#[derive(Clone, Debug, Spec)]
pub struct RootConfig {
    /// The HTTP server of the service.
    #[spec(advanced)]
    pub http: HttpConfig,
    /// The stream and its resources.
    #[spec(flatten)]
    pub stream: StreamConfig,
    /// What is logged, and how.
    #[spec(advanced)]
    pub logger: LoggerConfig,
    /// Where metrics go.
    #[spec(default = {"prometheus": {}}, advanced)]
    pub metrics: MetricsConfig,
    /// The payload bytes that may be in flight in the whole process; empty for half of the memory
    /// that the machine or its control group has.
    #[spec(advanced)]
    pub memory_limit: Option<ByteSize>,
    /// How long to go on working after the signal to stop.
    #[spec(default = "0s", advanced)]
    pub shutdown_delay: Duration,
    /// How long an orderly end may take before what is left goes back to its source.
    #[spec(default = "20s", advanced)]
    pub shutdown_timeout: Duration,
}

/// The HTTP server of the service.
#[derive(Clone, Debug, Spec)]
pub struct HttpConfig {
    /// Whether there is one.
    #[spec(default = true)]
    pub enabled: bool,
    /// Where it listens.
    #[spec(default = "0.0.0.0:4195")]
    pub address: String,
    /// A prefix under which every path can be reached too.
    #[spec(default = "/bento")]
    pub root_path: String,
}

/// What is logged, and how.
#[derive(Clone, Debug, Spec)]
pub struct LoggerConfig {
    /// The lowest level that is logged.
    #[spec(default = "INFO")]
    pub level: String,
    /// How lines are written: `json` or `logfmt`.
    #[spec(default = "json")]
    pub format: LogFormat,
    /// Whether lines carry the time.
    #[spec(default = true)]
    pub add_timestamp: bool,
    /// The name of the level.
    #[spec(default = "level", advanced)]
    pub level_name: String,
    /// The name of the time.
    #[spec(default = "timestamp", advanced)]
    pub timestamp_name: String,
    /// The name of the text.
    #[spec(default = "message", advanced)]
    pub message_name: String,
    /// Added to every line.
    #[spec(default = {"@service": "millrace"})]
    pub static_fields: BTreeMap<String, String>,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Spec)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// `name=value` pairs.
    Logfmt,
}

/// Where metrics go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricsConfig {
    /// Served for Prometheus to scrape.
    Prometheus,
    /// Nowhere: nothing is counted.
    None,
}

impl FieldType for MetricsConfig {
    fn kind() -> FieldKind {
        FieldKind::Component(ComponentKind::Metrics)
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        let mut table = ComponentTable::new();
        for name in ["prometheus", "none"] {
            table.insert(exporter(name));
        }
        match infer(ComponentKind::Metrics, node, &table, cx)?.name {
            "none" => Some(Self::None),
            _ => Some(Self::Prometheus),
        }
    }
}

fn exporter(name: &'static str) -> ComponentSpec {
    ComponentSpec {
        kind: ComponentKind::Metrics,
        name: name.into(),
        body: FieldKind::Object(Vec::<FieldSpec>::new()),
        status: Status::Stable,
        since: None,
        categories: Vec::new(),
        description: "".into(),
        examples: Vec::new(),
        built: true,
    }
}
