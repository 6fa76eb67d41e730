//! Spans: started for a message, given attributes, ended once.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use tokio::sync::mpsc;

use super::context::TraceContext;
use crate::metric::Counter;

/// Most attributes and links of one span: a loop that sets them must not grow it without bound.
const ATTRIBUTES_MAX: usize = 64;
const LINKS_MAX: usize = 128;

/// Starts spans. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Tracer {
    inner: Option<Arc<Inner>>,
}

#[derive(Debug)]
struct Inner {
    /// A trace without a parent is sampled when the low half of its id is below it.
    threshold: u64,
    queue: mpsc::Sender<SpanRecord>,
    dropped: Counter,
}

/// What a span does, in OpenTelemetry's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    Internal = 1,
    Server = 2,
    Client = 3,
    Producer = 4,
    Consumer = 5,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeValue {
    Text(Cow<'static, str>),
    Bool(bool),
    Integer(i64),
    Float(f64),
}

/// A span that runs. It ends when it is dropped.
#[derive(Debug, Default)]
#[must_use = "a span that is dropped at once measures nothing"]
pub struct TraceSpan {
    context: Option<TraceContext>,
    recording: Option<Box<Recording>>,
}

struct Recording {
    tracer: Arc<Inner>,
    started: Instant,
    record: SpanRecord,
}

/// A span as it is exported.
#[derive(Debug)]
pub(super) struct SpanRecord {
    pub(super) context: TraceContext,
    pub(super) parent: Option<[u8; 8]>,
    pub(super) name: Cow<'static, str>,
    pub(super) kind: SpanKind,
    pub(super) start: SystemTime,
    pub(super) duration_nanos: u64,
    pub(super) attributes: Vec<(&'static str, AttributeValue)>,
    pub(super) links: Vec<TraceContext>,
    pub(super) error: Option<String>,
}

impl Tracer {
    /// A tracer whose spans are nothing.
    pub fn disabled() -> Self {
        Self::default()
    }

    pub(super) fn new(
        sampling_ratio: f64,
        queue: mpsc::Sender<SpanRecord>,
        dropped: Counter,
    ) -> Self {
        // The cast saturates: a ratio of 1 takes all but one of 2^64 ids.
        let threshold = (sampling_ratio.clamp(0.0, 1.0) * u64::MAX as f64) as u64;
        Self {
            inner: Some(Arc::new(Inner {
                threshold,
                queue,
                dropped,
            })),
        }
    }

    #[inline]
    pub fn is_enabled(&self) -> bool {
        self.inner.is_some()
    }

    /// Starts a span as a child of `parent`, or as the root of a new trace. A child is sampled when
    /// its parent is; a root by the ratio of the settings. A span that is not sampled has a context
    /// to pass on, and records nothing.
    #[inline]
    pub fn start(
        &self,
        name: impl Into<Cow<'static, str>>,
        kind: SpanKind,
        parent: Option<TraceContext>,
    ) -> TraceSpan {
        match &self.inner {
            None => TraceSpan::default(),
            Some(inner) => start(inner, name.into(), kind, parent),
        }
    }
}

fn start(
    tracer: &Arc<Inner>,
    name: Cow<'static, str>,
    kind: SpanKind,
    parent: Option<TraceContext>,
) -> TraceSpan {
    let span_id = rand::random::<u64>().max(1).to_be_bytes();
    let context = match parent {
        Some(parent) => TraceContext { span_id, ..parent },
        None => {
            let trace_id = rand::random::<u128>().max(1);
            TraceContext {
                trace_id: trace_id.to_be_bytes(),
                span_id,
                sampled: (trace_id as u64) < tracer.threshold,
            }
        }
    };
    let recording = context.sampled.then(|| {
        Box::new(Recording {
            tracer: tracer.clone(),
            started: Instant::now(),
            record: SpanRecord {
                context,
                parent: parent.map(|it| it.span_id),
                name,
                kind,
                start: SystemTime::now(),
                duration_nanos: 0,
                attributes: Vec::new(),
                links: Vec::new(),
                error: None,
            },
        })
    });
    TraceSpan {
        context: Some(context),
        recording,
    }
}

impl TraceSpan {
    /// The context to pass on with what the span sends; `None` when tracing is off.
    #[inline]
    pub fn context(&self) -> Option<TraceContext> {
        self.context
    }

    /// Whether attributes are kept; ask before computing a costly one.
    #[inline]
    pub fn is_recording(&self) -> bool {
        self.recording.is_some()
    }

    /// Sets an attribute, such as `messaging.destination.name`. At most 64 are kept.
    #[inline]
    pub fn set(&mut self, name: &'static str, value: impl Into<AttributeValue>) {
        if let Some(recording) = &mut self.recording {
            let attributes = &mut recording.record.attributes;
            if attributes.len() < ATTRIBUTES_MAX {
                attributes.push((name, value.into()));
            }
        }
    }

    /// Names another span that led to this one, such as those of the messages of a batch. At most
    /// 128 are kept.
    pub fn link(&mut self, context: TraceContext) {
        if let Some(recording) = &mut self.recording {
            let links = &mut recording.record.links;
            if links.len() < LINKS_MAX {
                links.push(context);
            }
        }
    }

    /// The span ends in an error; the last one told is kept.
    #[inline]
    pub fn error(&mut self, error: &dyn fmt::Display) {
        if let Some(recording) = &mut self.recording {
            recording.record.error = Some(error.to_string());
        }
    }

    /// Ends the span now. It never waits: when the exporter is behind, the span is dropped and
    /// counted.
    #[inline]
    pub fn end(self) {}
}

impl Drop for Recording {
    fn drop(&mut self) {
        let record = SpanRecord {
            duration_nanos: u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX),
            attributes: std::mem::take(&mut self.record.attributes),
            links: std::mem::take(&mut self.record.links),
            error: self.record.error.take(),
            name: std::mem::take(&mut self.record.name),
            ..self.record
        };
        if self.tracer.queue.try_send(record).is_err() {
            self.tracer.dropped.inc();
        }
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.record.fmt(f)
    }
}

impl From<&'static str> for AttributeValue {
    fn from(value: &'static str) -> Self {
        Self::Text(Cow::Borrowed(value))
    }
}

impl From<String> for AttributeValue {
    fn from(value: String) -> Self {
        Self::Text(Cow::Owned(value))
    }
}

impl From<bool> for AttributeValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for AttributeValue {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<usize> for AttributeValue {
    fn from(value: usize) -> Self {
        Self::Integer(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<f64> for AttributeValue {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}
