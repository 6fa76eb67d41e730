//! The spans of traces: one for each message and component, children of the message's span.
//!
//! A message is in the span of its input from admission to settlement. A processor or output adds
//! a span of its own around its work, and takes it off again: what stands behind it in the
//! config is its sibling, what it sends elsewhere (an HTTP request) is its child. Switched off, this
//! costs a test for `None` for each run of batches, and allocates nothing.

use std::sync::Arc;

use millrace_component::BuildContext;
use millrace_message::{Context, Message, MessageBatch, Outcome, Outcomes};
use millrace_telemetry::trace::{SpanKind, TraceContext, TraceSpan, Tracer};

/// Starts the spans of one component.
pub(crate) struct SpanSource {
    enabled: Option<Box<Enabled>>,
}

struct Enabled {
    tracer: Tracer,
    name: String,
    kind: SpanKind,
    path: String,
    label: String,
}

impl SpanSource {
    /// The spans of an input: `input_TYPE`.
    pub(crate) fn of_input(cx: &BuildContext) -> Self {
        Self::new("input_", SpanKind::Consumer, cx)
    }

    /// The spans of a processor, which have the name of its type.
    pub(crate) fn of_processor(cx: &BuildContext) -> Self {
        Self::new("", SpanKind::Internal, cx)
    }

    /// The spans of an output: `output_TYPE`.
    pub(crate) fn of_output(cx: &BuildContext) -> Self {
        Self::new("output_", SpanKind::Producer, cx)
    }

    fn new(prefix: &str, kind: SpanKind, cx: &BuildContext) -> Self {
        let tracer = cx.service::<Tracer>().filter(|it| it.is_enabled());
        let enabled = tracer.map(|tracer| {
            Box::new(Enabled {
                tracer: Tracer::clone(&tracer),
                name: format!("{prefix}{}", cx.component()),
                kind,
                path: cx.path().to_owned(),
                label: cx.label().to_owned(),
            })
        });
        Self { enabled }
    }

    /// Puts every message of the batches into a span of this component.
    #[inline]
    pub(crate) fn open(&self, batches: &mut [MessageBatch]) -> OpenSpans {
        match &self.enabled {
            None => OpenSpans::default(),
            Some(enabled) => enabled.open(batches),
        }
    }
}

impl Enabled {
    #[cold]
    fn open(&self, batches: &mut [MessageBatch]) -> OpenSpans {
        let mut open = OpenSpans::default();
        for message in batches.iter_mut().flat_map(|batch| batch.iter_mut()) {
            let outer = message.context().cloned();
            let parent = outer.as_ref().and_then(|it| it.trace_parent.as_deref());
            let parent = parent.and_then(TraceContext::parse);
            let mut span = self.tracer.start(self.name.clone(), self.kind, parent);
            if span.is_recording() {
                span.set("millrace.path", self.path.clone());
                if !self.label.is_empty() {
                    span.set("millrace.label", self.label.clone());
                }
            }
            let Some(context) = span.context() else {
                continue;
            };
            let depth = outer.as_ref().map_or(0, |it| it.depth());
            open.depth = open.depth.max(depth);
            let context = Arc::new(Context::in_span(context.traceparent().into(), outer));
            message.set_context(Some(Arc::clone(&context)));
            open.spans.push((context, span));
        }
        open
    }
}

/// Spans that run; they end when they are closed or dropped.
#[derive(Default)]
pub(crate) struct OpenSpans {
    spans: Vec<(Arc<Context>, TraceSpan)>,
    /// How many spans the messages were in before.
    depth: usize,
}

impl OpenSpans {
    /// Takes the spans off the messages that came out, and ends them: in an error where `error`
    /// finds one.
    #[inline]
    pub(crate) fn close(
        self,
        batches: &mut [MessageBatch],
        error: impl Fn(&Message) -> Option<String>,
    ) {
        if !self.spans.is_empty() {
            self.close_all(batches, error);
        }
    }

    #[cold]
    fn close_all(
        mut self,
        batches: &mut [MessageBatch],
        error: impl Fn(&Message) -> Option<String>,
    ) {
        for message in batches.iter_mut().flat_map(|batch| batch.iter_mut()) {
            if let Some(error) = error(message)
                && let Some(context) = message.context()
                && let Some((_, span)) = self.spans.iter_mut().find(|it| is_in(context, &it.0))
            {
                span.error(&error);
            }
            while let Some(context) = message.context()
                && context.outer.is_some()
                && context.depth() > self.depth
            {
                let outer = context.outer.clone();
                message.set_context(outer);
            }
        }
    }

    /// Ends the spans of one batch by what became of its messages.
    #[inline]
    pub(crate) fn settle(mut self, mut outcome: impl FnMut(usize) -> Outcome) {
        for (index, (_, span)) in self.spans.iter_mut().enumerate() {
            if let Outcome::Failed(error) = outcome(index) {
                span.error(&error);
            }
        }
    }

    /// As [`OpenSpans::settle`], for the outcomes of a write.
    #[inline]
    pub(crate) fn settle_with(self, outcomes: &Outcomes) {
        self.settle(|index| outcomes.get(index));
    }
}

/// Whether a message with this context is in the span, or in one below it.
fn is_in(context: &Arc<Context>, span: &Arc<Context>) -> bool {
    let mut context = Some(context);
    while let Some(it) = context {
        if Arc::ptr_eq(it, span) {
            return true;
        }
        context = it.outer.as_ref();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switched_off_a_run_keeps_its_contexts_and_allocates_nothing() {
        let source = SpanSource { enabled: None };
        let mut message = Message::from("x");
        let context = Arc::new(Context::default());
        message.set_context(Some(Arc::clone(&context)));
        let mut batch = MessageBatch::new();
        batch.push(message);
        let open = source.open(std::slice::from_mut(&mut batch));
        assert_eq!(open.spans.capacity(), 0);
        let kept = batch.iter().next().and_then(Message::context);
        assert!(kept.is_some_and(|it| Arc::ptr_eq(it, &context)));
        open.close(std::slice::from_mut(&mut batch), |_| {
            panic!("no message is looked at")
        });
    }
}
