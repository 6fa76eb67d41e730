//! The `tracer` block: where traces go.

use std::collections::BTreeMap;

use millrace_component::{Registry, check_not_built};
use millrace_components_http::Poster;
use millrace_spec::catalog::{check_reserved, infer};
use millrace_spec::{
    ComponentKind, ComponentSpec, FieldKind, FieldType, Node, ReadContext, Spec, codes,
};

/// Where traces go.
#[derive(Clone, Debug)]
pub enum TracerConfig {
    /// Nowhere.
    None(NoTracer),
    /// To collectors that speak OTLP.
    Collector(CollectorConfig),
}

/// Records no traces. Trace context that messages bring along is still passed on.
#[derive(Clone, Copy, Debug, Spec)]
#[spec(tracer = "none")]
pub struct NoTracer {}

/// Sends traces to OpenTelemetry collectors, as OTLP over HTTP.
///
/// A message has a span `input_TYPE` from the moment it is read until it has settled, and below it
/// one for each processor (named by its type) and output (`output_TYPE`) it passes. W3C trace
/// context is taken from the headers of HTTP requests and AMQP messages, and passed on in them.
/// Spans carry `millrace.path` and `millrace.label`; a span ends in an error where its
/// component failed.
///
/// Spans are sent in batches of 512, or every 5 seconds; of at most 8192 that wait, more are dropped
/// and counted in `millrace_trace_spans_dropped_total`. Messages never wait for a collector.
#[derive(Clone, Debug, Spec)]
#[spec(tracer = "open_telemetry_collector", status = "experimental", check = check)]
pub struct CollectorConfig {
    /// Collectors that take OTLP over HTTP; each gets every span.
    #[spec(default = [])]
    pub http: Vec<HttpCollector>,
    /// Collectors that take OTLP over gRPC.
    #[spec(
        default = [],
        unsupported = "OTLP over gRPC is not built; collectors take OTLP over HTTP on port 4318 (field http)"
    )]
    pub grpc: Vec<GrpcCollector>,
    /// Attributes of the resource of every span. `service.name` is `millrace` unless given here.
    #[spec(default = {}, advanced)]
    pub tags: BTreeMap<String, String>,
    /// Which traces are recorded.
    pub sampling: SamplingConfig,
}

/// A collector that takes OTLP over HTTP.
#[derive(Clone, Debug, Spec)]
pub struct HttpCollector {
    /// Its `host:port`, such as `localhost:4318`, or a URL; without a path it is `/v1/traces`.
    #[spec(example = "localhost:4318")]
    pub address: Option<String>,
    /// The older name of `address`.
    #[spec(default = "localhost:4318", deprecated)]
    pub url: String,
    /// Whether to connect with TLS.
    #[spec(default = false)]
    pub secure: bool,
}

/// A collector that takes OTLP over gRPC.
#[derive(Clone, Debug, Spec)]
pub struct GrpcCollector {
    /// Its `host:port`.
    pub address: Option<String>,
    /// The older name of `address`.
    #[spec(default = "localhost:4317", deprecated)]
    pub url: String,
    /// Whether to connect with TLS.
    #[spec(default = false)]
    pub secure: bool,
}

/// Which traces are recorded.
#[derive(Clone, Debug, Spec)]
pub struct SamplingConfig {
    /// Whether only a share of the traces that begin here is recorded. A trace that a message
    /// brings along is recorded when its sender records it.
    #[spec(default = false)]
    pub enabled: bool,
    /// The share, from 0 to 1.
    #[spec(example = 0.85)]
    pub ratio: Option<f64>,
}

fn check(config: &mut CollectorConfig, node: &Node, cx: &mut ReadContext) {
    let sampling = node.get("sampling").unwrap_or(node);
    match config.sampling.ratio {
        Some(ratio) if !(0.0..=1.0).contains(&ratio) => {
            let span = sampling.field_span("ratio");
            cx.error(
                codes::INVALID_VALUE,
                span,
                "sampling.ratio is not in 0 to 1",
            );
        }
        None if config.sampling.enabled => {
            let message = "sampling is enabled without a ratio";
            cx.error(codes::MISSING_FIELD, sampling.span, message).help =
                Some("set `ratio` to the share of traces to record".to_owned());
        }
        _ => {}
    }
    let places = node.get("http").and_then(Node::as_sequence).unwrap_or(&[]);
    for (collector, place) in config.http.iter().zip(places) {
        if !Poster::takes(&collector.endpoint()) {
            let place = place.get("address").or(place.get("url")).unwrap_or(place);
            let message = "the address of the collector is neither `host:port` nor a URL";
            cx.error(codes::INVALID_VALUE, place.span, message).help =
                Some("write it as `localhost:4318`; escape what a password holds".to_owned());
        }
    }
}

impl HttpCollector {
    /// The URL that spans are posted to.
    pub fn endpoint(&self) -> String {
        let address = self.address.as_deref().filter(|it| !it.is_empty());
        let address = address.unwrap_or(&self.url).trim_end_matches('/');
        let (scheme, rest) = match address.split_once("://") {
            Some((scheme, rest)) => (scheme, rest),
            None if self.secure => ("https", address),
            None => ("http", address),
        };
        let path = if rest.contains('/') { "" } else { "/v1/traces" };
        format!("{scheme}://{rest}{path}")
    }
}

impl CollectorConfig {
    /// The share of traces that are recorded.
    pub fn ratio(&self) -> f64 {
        let SamplingConfig { enabled, ratio } = self.sampling;
        ratio.filter(|_| enabled).unwrap_or(1.0)
    }
}

impl FieldType for TracerConfig {
    fn kind() -> FieldKind {
        FieldKind::Component(ComponentKind::Tracer)
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        let registry = cx.extension::<Registry>();
        let registry = registry.expect("the reader of a config lends its registry");
        let named = infer(ComponentKind::Tracer, node, &*registry, cx)?;
        check_reserved(ComponentKind::Tracer, &named, node, cx);
        if !named.spec.built {
            check_not_built(ComponentKind::Tracer, &named, cx);
            return None;
        }
        let empty = Node::empty_mapping(node.span);
        let body = named.body.unwrap_or(&empty);
        cx.within(named.name, |cx| match named.name {
            "open_telemetry_collector" => CollectorConfig::read(body, cx).map(Self::Collector),
            _ => NoTracer::read(body, cx).map(Self::None),
        })
    }
}

/// What is known of the tracers of this build.
pub(crate) fn tracers() -> impl Iterator<Item = ComponentSpec> {
    let specs = [
        ComponentSpec::of::<NoTracer>(),
        ComponentSpec::of::<CollectorConfig>(),
    ];
    specs.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_becomes_the_url_of_the_collector() {
        for (address, secure, url) in [
            ("localhost:4318", false, "http://localhost:4318/v1/traces"),
            ("otel.example", true, "https://otel.example/v1/traces"),
            ("http://h:1/", true, "http://h:1/v1/traces"),
            ("https://h/own/path", false, "https://h/own/path"),
        ] {
            let collector = HttpCollector {
                address: Some(address.to_owned()),
                url: String::new(),
                secure,
            };
            assert_eq!(collector.endpoint(), url);
        }
    }
}
