//! The exporter: takes ended spans from a bounded queue and sends them in batches.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::sync::mpsc;

use super::otlp;
use super::span::{SpanRecord, Tracer};
use crate::metric::Counter;
use crate::redact::Redactor;

/// The content type of an export's body.
pub const CONTENT_TYPE: &str = "application/x-protobuf";

/// Sending is tried so often, with growing pauses from the first on.
const ATTEMPTS_MAX: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// How spans are sampled and exported.
#[derive(Clone, Debug)]
pub struct TraceSettings {
    /// The resource attribute `service.name`.
    pub service_name: String,
    /// Further resource attributes.
    pub resource: Vec<(String, String)>,
    /// The share of new traces that are recorded, 0 to 1.
    pub sampling_ratio: f64,
    /// Ended spans that wait for export; more are dropped and counted.
    pub queue_spans_max: usize,
    pub batch_spans_max: usize,
    /// The longest time an ended span waits for its batch to fill.
    pub interval: Duration,
    /// Counts dropped spans (`millrace_trace_spans_dropped_total`).
    pub dropped: Counter,
}

impl Default for TraceSettings {
    fn default() -> Self {
        Self {
            service_name: "millrace".into(),
            resource: Vec::new(),
            sampling_ratio: 1.0,
            queue_spans_max: 8192,
            batch_spans_max: 512,
            interval: Duration::from_secs(5),
            dropped: Counter::detached(),
        }
    }
}

/// Why a body could not be sent; the text is logged.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ExportError {
    /// Worth another attempt: no connection, a status of 429, 502, 503 or 504.
    #[error("{0}")]
    Retry(String),
    /// The collector will never take it.
    #[error("{0}")]
    Rejected(String),
}

/// The background side of a [`Tracer`]. Nothing is exported before it [runs](Self::run).
#[derive(Debug)]
pub struct TraceExporter {
    settings: TraceSettings,
    queue: mpsc::Receiver<SpanRecord>,
    resource: Vec<(String, String)>,
}

impl Tracer {
    /// A tracer and the exporter that sends its spans.
    pub fn with_exporter(settings: TraceSettings) -> (Self, TraceExporter) {
        let (sender, queue) = mpsc::channel(settings.queue_spans_max.max(1));
        let tracer = Self::new(settings.sampling_ratio, sender, settings.dropped.clone());
        let mut resource = vec![("service.name".to_owned(), settings.service_name.clone())];
        resource.extend(settings.resource.iter().cloned());
        let exporter = TraceExporter {
            settings,
            queue,
            resource,
        };
        (tracer, exporter)
    }
}

impl TraceExporter {
    /// Sends batches with `send` until `stop` completes or all tracers are dropped; then sends what
    /// is left, each batch once. `send` gets a whole OTLP/HTTP body, to be posted with
    /// [`CONTENT_TYPE`] to `/v1/traces`.
    ///
    /// # Cancel safety
    /// When the future is dropped, spans that wait are lost and not counted.
    pub async fn run<S, F>(mut self, mut send: S, stop: impl Future<Output = ()>)
    where
        S: FnMut(Vec<u8>) -> F,
        F: Future<Output = Result<(), ExportError>>,
    {
        let mut stop = pin!(stop);
        let most = self.settings.batch_spans_max.max(1);
        let mut batch = Vec::new();
        let mut stopped = false;
        while !stopped {
            batch.clear();
            stopped = self.fill(&mut batch, most, stop.as_mut()).await;
            if !batch.is_empty() {
                stopped |= self
                    .deliver(&batch, &mut send, stop.as_mut(), stopped)
                    .await;
            }
        }
        self.queue.close();
        loop {
            batch.clear();
            while batch.len() < most
                && let Ok(span) = self.queue.try_recv()
            {
                batch.push(span);
            }
            if batch.is_empty() {
                return;
            }
            self.deliver(&batch, &mut send, stop.as_mut(), true).await;
        }
    }

    /// Collects a batch; whether this was the last.
    async fn fill(
        &mut self,
        batch: &mut Vec<SpanRecord>,
        most: usize,
        mut stop: impl Future<Output = ()> + Unpin,
    ) -> bool {
        tokio::select! {
            received = self.queue.recv_many(batch, most) => if received == 0 { return true },
            () = &mut stop => return true,
        }
        let mut full_or_due = pin!(tokio::time::sleep(self.settings.interval));
        while batch.len() < most {
            tokio::select! {
                received = self.queue.recv_many(batch, most - batch.len()) => {
                    if received == 0 { return true }
                }
                () = &mut full_or_due => return false,
                () = &mut stop => return true,
            }
        }
        false
    }

    /// Sends a batch, with pauses between attempts unless it is the last chance; whether `stop`
    /// completed meanwhile.
    async fn deliver<S, F>(
        &self,
        batch: &[SpanRecord],
        send: &mut S,
        mut stop: impl Future<Output = ()> + Unpin,
        mut stopped: bool,
    ) -> bool
    where
        S: FnMut(Vec<u8>) -> F,
        F: Future<Output = Result<(), ExportError>>,
    {
        let version = env!("CARGO_PKG_VERSION");
        let body = otlp::encode(&self.resource, version, batch, Redactor::global());
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            let error = match send(body.clone()).await {
                Ok(()) => break,
                Err(error) => error,
            };
            let is_last = matches!(error, ExportError::Rejected(_)) || attempt == ATTEMPTS_MAX;
            if is_last || stopped {
                self.settings.dropped.add(batch.len() as u64);
                let spans = batch.len();
                tracing::warn!(%error, spans, attempt, "export traces: the batch is dropped");
                break;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => pause *= 2,
                () = &mut stop => stopped = true,
            }
        }
        stopped
    }
}
