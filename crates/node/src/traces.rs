//! From the `tracer` block to the tracer of the process and its exporter.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use millrace_components_http::Poster;
use millrace_message::{Error, ErrorClass};
use millrace_telemetry::Scope;
use millrace_telemetry::metric::MetricName;
use millrace_telemetry::trace::{CONTENT_TYPE, ExportError, TraceSettings, Tracer};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::config::{CollectorConfig, TracerConfig};

/// How long a collector has to answer.
const POST_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the last spans have to be sent at the end.
const CLOSE_GRACE: Duration = Duration::from_secs(3);

/// The tracer of the process, and what sends its spans.
pub(crate) struct Traces {
    tracer: Tracer,
    stop: CancellationToken,
    exporter: Option<JoinHandle<()>>,
}

impl Traces {
    /// Starts to export when the config asks for it; call it on the asynchronous runtime.
    pub(crate) fn start(config: &TracerConfig, metrics: &Scope) -> Self {
        let stop = CancellationToken::new();
        let TracerConfig::Collector(config) = config else {
            return Self {
                tracer: Tracer::disabled(),
                stop,
                exporter: None,
            };
        };
        let (tracer, exporter) = Tracer::with_exporter(settings(config, metrics));
        let collectors = Arc::new(Collectors {
            urls: config.http.iter().map(|it| it.endpoint()).collect(),
            poster: Poster::new(POST_TIMEOUT),
        });
        let send = move |body: Vec<u8>| {
            let collectors = Arc::clone(&collectors);
            async move { collectors.send(body.into()).await }
        };
        let stopped = stop.clone();
        let exporter = exporter.run(send, async move { stopped.cancelled().await });
        Self {
            tracer,
            stop,
            exporter: Some(tokio::spawn(exporter)),
        }
    }

    /// The tracer, for the engine.
    pub(crate) fn tracer(&self) -> Tracer {
        self.tracer.clone()
    }

    /// Sends the spans that wait.
    pub(crate) async fn close(self) {
        self.stop.cancel();
        let Some(exporter) = self.exporter else {
            return;
        };
        if tokio::time::timeout(CLOSE_GRACE, exporter).await.is_err() {
            tracing::warn!(
                "the last traces are not exported: the collector does not answer in time"
            );
        }
    }
}

fn settings(config: &CollectorConfig, metrics: &Scope) -> TraceSettings {
    let mut tags = config.tags.clone();
    let service_name = tags.remove("service.name");
    if service_name.is_none() {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        tags.entry("service.version".to_owned()).or_insert(version);
    }
    let dropped = MetricName::verbatim("millrace_trace_spans_dropped_total");
    TraceSettings {
        service_name: service_name.unwrap_or_else(|| "millrace".to_owned()),
        resource: tags.into_iter().collect(),
        sampling_ratio: config.ratio(),
        dropped: metrics.counter(dropped, &[]),
        ..TraceSettings::default()
    }
}

/// Where spans are posted to.
struct Collectors {
    urls: Vec<String>,
    poster: Poster,
}

impl Collectors {
    /// Posts a body to every collector; the first failure is the result, after all were tried.
    async fn send(&self, body: Bytes) -> Result<(), ExportError> {
        let mut result = Ok(());
        for url in &self.urls {
            if let Err(error) = self.post(url, body.clone()).await {
                debug!(%error, "export traces");
                result = result.and(Err(error));
            }
        }
        result
    }

    async fn post(&self, url: &str, body: Bytes) -> Result<(), ExportError> {
        let refused = |error: Error| match error.class() {
            ErrorClass::Rejected => ExportError::Rejected(format!("post to {url}: {error}")),
            _ => ExportError::Retry(format!("post to {url}: {error}")),
        };
        let status = self.poster.post(url, CONTENT_TYPE, body).await;
        let status = status.map_err(refused)?;
        let text = || format!("post to {url}: the collector answers {status}");
        match status.as_u16() {
            200..=299 => Ok(()),
            429 | 502 | 503 | 504 => Err(ExportError::Retry(text())),
            _ => Err(ExportError::Rejected(text())),
        }
    }
}
