//! A chain of processors, compiled into maximal segments that never wait and segments that may.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use millrace_component::{AsyncProcessor, Batches, BuiltProcessor, Processor, TextFlood};
use millrace_message::{Fault, MessageBatch};
use millrace_telemetry::metric::ProcessorMetrics;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::spans::{OpenSpans, SpanSource};

use crate::on_error::OnError;

/// How long processors may compute on a thread of the runtime before others have their turn.
const TURN: Duration = Duration::from_millis(1);

/// One processor with what is observed of it.
pub(crate) struct Observed<P: ?Sized> {
    processor: Arc<P>,
    metrics: ProcessorMetrics,
    spans: SpanSource,
    path: Arc<str>,
    failures: TextFlood,
}

/// A built processor and where it stands.
pub struct ChainLink {
    /// The processor.
    pub processor: BuiltProcessor,
    /// Its metrics.
    pub metrics: ProcessorMetrics,
    /// Its spans.
    pub(crate) spans: SpanSource,
    /// Its path in the config, by which its own faults are told from those of others.
    pub path: Arc<str>,
}

/// A chain of processors.
pub struct Chain {
    segments: Vec<Segment>,
    on_error: Arc<OnError>,
    /// When a processor that waits is given up: what it holds goes back to its source.
    abort: CancellationToken,
    /// Whether it is no part of a processor: what fails in one is that processor's to judge.
    is_whole: bool,
}

enum Segment {
    /// Runs without a task switch.
    Sync(Vec<Observed<dyn Processor>>),
    /// Waits.
    Async(Observed<dyn AsyncProcessor>),
}

impl Chain {
    /// Compiles the processors of an input, an output or the pipeline, in order.
    pub(crate) fn whole(
        links: impl IntoIterator<Item = ChainLink>,
        on_error: Arc<OnError>,
        abort: CancellationToken,
    ) -> Self {
        Self {
            is_whole: true,
            ..Self::part(links, on_error, abort)
        }
    }

    /// Compiles the children of a processor, in order.
    pub(crate) fn part(
        links: impl IntoIterator<Item = ChainLink>,
        on_error: Arc<OnError>,
        abort: CancellationToken,
    ) -> Self {
        let mut segments: Vec<Segment> = Vec::new();
        for ChainLink {
            processor,
            metrics,
            spans,
            path,
        } in links
        {
            match processor {
                BuiltProcessor::Sync(processor) => {
                    let observed = Observed {
                        processor,
                        metrics,
                        spans,
                        path,
                        failures: TextFlood::new(),
                    };
                    match segments.last_mut() {
                        Some(Segment::Sync(run)) => run.push(observed),
                        _ => segments.push(Segment::Sync(vec![observed])),
                    }
                }
                BuiltProcessor::Async(processor) => {
                    segments.push(Segment::Async(Observed {
                        processor,
                        metrics,
                        spans,
                        path,
                        failures: TextFlood::new(),
                    }));
                }
            }
        }
        Self {
            segments,
            on_error,
            abort,
            is_whole: false,
        }
    }

    /// Whether it has no processors.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Whether no processor of the chain ever waits.
    pub fn is_sync(&self) -> bool {
        self.segments
            .iter()
            .all(|segment| matches!(segment, Segment::Sync(_)))
    }

    /// Runs a batch through a chain that never waits. Asynchronous segments are passed over: call
    /// it only when [`Chain::is_sync`].
    ///
    /// A batch goes through the whole chain before the next one begins: what its processors leave
    /// in a cache or a counter is what the next batch finds there.
    pub fn run_sync(&self, batch: MessageBatch) -> Batches {
        let mut batches: Batches = smallvec::smallvec![batch];
        for segment in &self.segments {
            if let Segment::Sync(run) = segment {
                batches = self.run_segment(run, batches);
            }
        }
        batches
    }

    /// Runs a batch through the chain on a pipeline thread. What a processor holds that panics goes
    /// back to its source.
    pub(crate) fn run_on_thread(&self, batch: MessageBatch, runtime: &Handle) -> Batches {
        let run = || match self.is_sync() {
            true => self.run_sync(batch),
            false => runtime.block_on(self.run(batch)),
        };
        catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
            error!("a processor panicked; its messages go back to their source");
            Batches::new()
        })
    }

    /// Runs a batch through the chain. Nothing comes out once the stream has given up what it holds:
    /// what one processor has let go of may be missing in what another one made of it.
    pub async fn run(&self, batch: MessageBatch) -> Batches {
        if self.abort.is_cancelled() {
            return Batches::new();
        }
        let batches = self.run_all(smallvec::smallvec![batch]).await;
        match self.abort.is_cancelled() {
            true => Batches::new(),
            false => batches,
        }
    }

    /// Runs what became of one batch through the chain, one processor after the other.
    pub(crate) async fn run_all(&self, mut batches: Batches) -> Batches {
        for segment in &self.segments {
            batches = match segment {
                Segment::Sync(run) => {
                    let started = Instant::now();
                    let batches = self.run_segment(run, batches);
                    if started.elapsed() > TURN {
                        // Whom this task has woken waits for this thread, and no other one takes it.
                        tokio::task::yield_now().await;
                    }
                    batches
                }
                Segment::Async(observed) => {
                    let run = observed.run_all(batches, &self.on_error);
                    let batches = self.abort.run_until_cancelled(run).await;
                    let batches = batches.unwrap_or_default();
                    self.judge(batches)
                }
            };
        }
        batches
    }

    fn run_segment(&self, run: &[Observed<dyn Processor>], mut batches: Batches) -> Batches {
        for observed in run {
            if batches.is_empty() {
                break;
            }
            batches = self.judge(observed.run_all(batches, &self.on_error));
        }
        batches
    }

    fn judge(&self, batches: Batches) -> Batches {
        if self.is_whole {
            self.on_error.reject(batches)
        } else {
            batches
        }
    }

    /// Closes every processor, in order.
    pub async fn close(&self) {
        for segment in &self.segments {
            match segment {
                Segment::Sync(run) => run.iter().for_each(|it| {
                    it.processor.close();
                    it.tell_left_out();
                }),
                Segment::Async(observed) => {
                    observed.processor.close().await;
                    observed.tell_left_out();
                }
            }
        }
    }
}

impl<P: ?Sized> Observed<P> {
    fn received(&self, batches: &Batches) -> usize {
        let messages: usize = batches.iter().map(|batch| batch.len()).sum();
        self.metrics.received.add(messages as u64);
        self.metrics.batch_received.add(batches.len() as u64);
        messages
    }

    fn sent(
        &self,
        batches: &Batches,
        received: usize,
        started: Option<Instant>,
        on_error: &OnError,
    ) {
        let messages: usize = batches.iter().map(|batch| batch.len()).sum();
        self.metrics.sent.add(messages as u64);
        self.metrics.batch_sent.add(batches.len() as u64);
        let failed = batches
            .iter()
            .flat_map(|batch| batch.iter())
            .filter(|message| message.fault().is_some_and(|fault| self.caused(fault)))
            .count();
        if failed > 0 {
            self.metrics.error.add(failed as u64);
            on_error.note_fault();
            self.tell_failure(batches);
            on_error.log(batches, |fault| self.caused(fault));
        }
        if let Some(started) = started {
            let each = started.elapsed() / u32::try_from(received.max(1)).unwrap_or(u32::MAX);
            self.metrics.latency.observe_many(each, received as u64);
        }
    }

    /// Logs the failures of a run, as far as they differ; the messages go on with their error flag.
    #[cold]
    fn tell_failure(&self, batches: &Batches) {
        let messages = batches.iter().flat_map(|batch| batch.iter());
        let faults = messages.filter_map(|it| it.fault().filter(|fault| self.caused(fault)));
        for (fault, left_out) in self.failures.passing(faults, |it| it.cause.text()) {
            warn!(
                component = &*fault.component,
                path = &*fault.path,
                label = &*fault.label,
                left_out = (left_out > 0).then_some(left_out),
                "process message: {}",
                fault.cause
            );
        }
    }

    /// Tells how many failures [`Observed::tell_failure`] has left out.
    fn tell_left_out(&self) {
        let left_out = self.failures.left_out();
        if left_out > 0 {
            warn!(
                path = &*self.path,
                left_out, "process message: more messages failed"
            );
        }
    }

    /// Ends the spans of what came out: in an error where this processor failed.
    fn close_spans(&self, spans: OpenSpans, batches: &mut Batches) {
        spans.close(batches, |message| {
            let fault = message.fault().filter(|fault| self.caused(fault))?;
            Some(fault.cause.to_string())
        });
    }

    fn caused(&self, fault: &Fault) -> bool {
        Arc::ptr_eq(&fault.path, &self.path) || fault.path == self.path
    }
}

impl Observed<dyn Processor> {
    fn run_all(&self, mut batches: Batches, on_error: &OnError) -> Batches {
        let received = self.received(&batches);
        let started = self.metrics.latency.is_observed().then(Instant::now);
        let spans = self.spans.open(&mut batches);
        let mut next = self.processor.process_run(batches);
        self.close_spans(spans, &mut next);
        self.sent(&next, received, started, on_error);
        next
    }
}

impl Observed<dyn AsyncProcessor> {
    async fn run_all(&self, mut batches: Batches, on_error: &OnError) -> Batches {
        let received = self.received(&batches);
        let started = self.metrics.latency.is_observed().then(Instant::now);
        let spans = self.spans.open(&mut batches);
        let mut next = Batches::new();
        for batch in batches {
            next.extend(self.processor.process(batch).await);
        }
        self.close_spans(spans, &mut next);
        self.sent(&next, received, started, on_error);
        next
    }
}
