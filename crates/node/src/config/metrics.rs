//! The `metrics` block: where metrics go, and under which names.

use millrace_component::{Mapping, Registry, check_not_built};
use millrace_spec::catalog::{check_reserved, infer};
use millrace_spec::{
    ComponentKind, ComponentSpec, Duration, FieldKind, FieldType, Node, ReadContext, Secret, Spec,
    codes,
};

/// Where metrics go.
#[derive(Clone, Debug)]
pub struct MetricsConfig {
    /// The exporter.
    pub exporter: MetricsExporter,
    /// Renames or drops series when they are created.
    pub mapping: Option<Mapping>,
}

/// The exporter of metrics.
#[derive(Clone, Debug)]
pub enum MetricsExporter {
    /// Served for Prometheus to scrape.
    Prometheus(PrometheusConfig),
    /// Served as one JSON object.
    JsonApi(JsonApiConfig),
    /// Written to the logs.
    Logger(LogMetricsConfig),
    /// Nowhere: nothing is counted.
    None(NoMetrics),
}

/// Serves metrics for Prometheus to scrape, at `/metrics` and `/stats`.
#[derive(Clone, Debug, Spec)]
#[spec(metrics = "prometheus")]
pub struct PrometheusConfig {
    /// Under which names.
    #[spec(default = "prefixed", advanced)]
    pub naming: Naming,
    /// Write timers as histograms in seconds instead of summaries, where names are Bento's own.
    #[spec(default = false, advanced)]
    pub use_histogram_timing: bool,
    /// Upper bounds of histograms in seconds, rising; empty for those from 100 µs to 30 s.
    #[spec(default = [], advanced, lint = rising)]
    pub histogram_buckets: Vec<f64>,
    /// Quantiles of summaries.
    #[spec(default = [
        {"quantile": 0.5, "error": 0.05},
        {"quantile": 0.9, "error": 0.01},
        {"quantile": 0.99, "error": 0.001},
    ], advanced)]
    pub summary_quantiles_objectives: Vec<QuantileConfig>,
    /// Metrics of the process: CPU, memory, open files. They are always there.
    #[spec(default = false, advanced)]
    pub add_process_metrics: bool,
    /// Metrics of the Go runtime.
    #[spec(
        default = false,
        advanced,
        unsupported = "there is no Go runtime in this process"
    )]
    pub add_go_metrics: bool,
    /// A push gateway.
    #[spec(advanced, unsupported = "metrics are scraped, not pushed")]
    pub push_url: Option<String>,
    /// How often metrics are pushed.
    #[spec(advanced, unsupported = "metrics are scraped, not pushed")]
    pub push_interval: Option<String>,
    /// The job under which metrics are pushed.
    #[spec(
        default = "bento_push",
        advanced,
        unsupported = "metrics are scraped, not pushed"
    )]
    pub push_job_name: String,
    /// Who pushes metrics.
    #[spec(advanced, unsupported = "metrics are scraped, not pushed")]
    pub push_basic_auth: PushAuthConfig,
    /// A file to write metrics to at the end.
    #[spec(
        default = "",
        advanced,
        unsupported = "metrics are scraped, not written to a file"
    )]
    pub file_output_path: String,
    /// A registry shared with other Go code.
    #[spec(default = false, advanced, unsupported = "there is one registry")]
    pub use_default_registry: bool,
}

/// A quantile of a summary.
#[derive(Clone, Copy, Debug, Spec)]
pub struct QuantileConfig {
    /// Which, from 0 to 1.
    #[spec(default = 0.0)]
    pub quantile: f64,
    /// How far off it may be. Ours are exact to a hundredth of their value.
    #[spec(default = 0.0)]
    pub error: f64,
}

/// The user of a push gateway.
#[derive(Clone, Debug, Spec)]
pub struct PushAuthConfig {
    /// The name.
    #[spec(default = "")]
    pub username: String,
    /// The password.
    #[spec(default = "")]
    pub password: Secret<String>,
}

/// Under which names metrics are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Spec)]
pub enum Naming {
    /// `bento_input_received_total`: what dashboards and alerts ask for.
    Prefixed,
    /// `input_received`: Bento's own names.
    Upstream,
}

/// Serves metrics as one JSON object, at `/metrics` and `/stats`.
#[derive(Clone, Copy, Debug, Spec)]
#[spec(metrics = "json_api")]
pub struct JsonApiConfig {}

/// Writes every metric to the logs, at the level `INFO`: when the process ends, and again and again
/// when there is a `push_interval`.
///
/// A counter or gauge is a line with its `name`, its `value` and its labels; a timer has `p50`, `p90`
/// and `p99` in nanoseconds.
#[derive(Clone, Debug, Spec)]
#[spec(metrics = "logger")]
pub struct LogMetricsConfig {
    /// How often metrics are written while the process runs; unset for not at all.
    #[spec(optional, lint = positive, example = "10s")]
    pub push_interval: Option<Duration>,
    /// Whether counters and timers show what was counted since they were written last.
    #[spec(default = false)]
    pub flush_metrics: bool,
}

/// Counts nothing.
#[derive(Clone, Copy, Debug, Spec)]
#[spec(metrics = "none")]
pub struct NoMetrics {}

impl FieldType for MetricsConfig {
    fn kind() -> FieldKind {
        FieldKind::Component(ComponentKind::Metrics)
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        let registry = cx.extension::<Registry>();
        let registry = registry.expect("the reader of a config lends its registry");
        let named = infer(ComponentKind::Metrics, node, &*registry, cx)?;
        check_reserved(ComponentKind::Metrics, &named, node, cx);
        let mapping = node.get("mapping").filter(|it| !Mapping::means_absent(it));
        let mapping = match mapping {
            Some(mapping) => Some(cx.within("mapping", |cx| Mapping::read(mapping, cx))?),
            None => None,
        };
        let empty = Node::empty_mapping(node.span);
        let body = named.body.unwrap_or(&empty);
        let exporter = cx.within(named.name, |cx| match named.name {
            "prometheus" => PrometheusConfig::read(body, cx).map(MetricsExporter::Prometheus),
            "json_api" => JsonApiConfig::read(body, cx).map(MetricsExporter::JsonApi),
            "logger" => LogMetricsConfig::read(body, cx).map(MetricsExporter::Logger),
            "none" => NoMetrics::read(body, cx).map(MetricsExporter::None),
            _ => None,
        });
        if !named.spec.built {
            check_not_built(ComponentKind::Metrics, &named, cx);
        }
        Some(Self {
            exporter: exporter?,
            mapping,
        })
    }
}

/// What is known of the exporters of this build.
pub(crate) fn exporters() -> impl Iterator<Item = ComponentSpec> {
    let specs = [
        ComponentSpec::of::<PrometheusConfig>(),
        ComponentSpec::of::<JsonApiConfig>(),
        ComponentSpec::of::<LogMetricsConfig>(),
        ComponentSpec::of::<NoMetrics>(),
    ];
    specs.into_iter().flatten()
}

fn positive(interval: &Option<Duration>, node: &Node, cx: &mut ReadContext) {
    if interval.as_ref().is_some_and(|it| it.get().is_zero()) {
        let message = "push_interval must be longer than nothing";
        cx.error(codes::INVALID_VALUE, node.span, message);
    }
}

fn rising(bounds: &Vec<f64>, node: &Node, cx: &mut ReadContext) {
    if !bounds.is_sorted_by(|a, b| a < b) {
        let message = "histogram_buckets must rise";
        cx.error(codes::INVALID_VALUE, node.span, message);
    }
}
