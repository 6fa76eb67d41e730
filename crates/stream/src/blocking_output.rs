//! Runs a leaf output that has a thread of its own.
//!
//! As the root of a stream it takes runs of batches straight from the pipeline's queue and
//! settles them; as the child of a composite it is fed one write at a time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use millrace_component::{
    Backoff, BlockingOutput, BuildContext, Connection, Flow, Identity, Reads, Receiver, Sender,
    Side, Sink, Weigh, WriteError, queue,
};
use millrace_message::{Error, ErrorClass, MessageBatch, Outcome, Outcomes, settle_all};
use millrace_telemetry::metric::OutputMetrics;
use tokio::sync::oneshot;
use tracing::{error, info};

use crate::attempt::tell_failed_attempt;
use crate::faulted::Faulted;
use crate::leaf_output::Above;
use crate::own_thread::OwnThread;
use crate::spans::SpanSource;

/// Messages that are written in one step; a batch that is larger goes alone.
const RUN_MAX: usize = 64;
/// The pauses between attempts to open the output.
const PAUSE_INITIAL: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// The output with what is observed of it.
pub(crate) struct Writer {
    output: Box<dyn BlockingOutput>,
    metrics: OutputMetrics,
    spans: SpanSource,
    connection: Connection,
    flow: Flow,
    identity: Arc<Identity>,
    above: Above,
    results: Vec<Result<(), WriteError>>,
    open: bool,
}

impl Writer {
    pub(crate) fn new(output: Box<dyn BlockingOutput>, above: Above, cx: &BuildContext) -> Self {
        Self {
            output,
            metrics: OutputMetrics::new(cx.metrics()),
            spans: SpanSource::of_output(cx),
            connection: cx.connection(Side::Output),
            flow: cx.flow().clone(),
            identity: Arc::clone(cx.identity()),
            above,
            results: Vec::with_capacity(RUN_MAX),
            open: false,
        }
    }

    /// What the output reads of a payload.
    pub(crate) fn reads(&self) -> Reads {
        self.output.reads()
    }

    /// Opens the output, trying again until it works or the stream is given up.
    fn open(&mut self) -> Result<(), Error> {
        let mut backoff = Backoff::new(PAUSE_INITIAL, PAUSE_MAX);
        while !self.open {
            match self.output.connect() {
                Ok(()) => {
                    self.open = true;
                    self.connection.set_up(true);
                    self.metrics.connection.up();
                    info!(
                        component = &*self.identity.component,
                        path = &*self.identity.path,
                        "output is connected"
                    );
                }
                Err(error) => {
                    self.metrics.connection.failed();
                    self.connection.set_failed(&error);
                    if self.above.hears_of(&error) {
                        return Err(error);
                    }
                    if error.class() == ErrorClass::Fatal || self.flow.abort().is_cancelled() {
                        error!(
                            component = &*self.identity.component,
                            path = &*self.identity.path,
                            "output cannot be used: {error}"
                        );
                        return Err(error);
                    }
                    let pause = backoff.pause();
                    let (component, path, _) = self.identity.names();
                    tell_failed_attempt(&error, pause, "output", component, path);
                    std::thread::sleep(pause);
                }
            }
        }
        Ok(())
    }

    /// Writes a run of detached batches; one result for each stands in `self.results` after it.
    fn write(&mut self, run: &mut [MessageBatch]) {
        self.results.clear();
        if let Err(error) = self.open() {
            self.results
                .resize_with(run.len(), || Err(WriteError::all(error.clone())));
            return;
        }
        let observed = self
            .metrics
            .latency
            .is_observed()
            .then(std::time::Instant::now);
        let spans = self.spans.open(run);
        self.output.write(run, &mut self.results);
        self.results.resize_with(run.len(), || {
            Err(WriteError::all(Error::retry(
                "the output did not report on this batch",
            )))
        });
        let mut of_messages = run
            .iter()
            .zip(&self.results)
            .flat_map(|(batch, result)| std::iter::repeat_n(result, batch.len()));
        spans.settle(|_| match of_messages.next() {
            Some(Err(error)) => Outcome::Failed(error.error().clone()),
            _ => Outcome::Delivered,
        });
        let mut sent = 0;
        let mut batches = 0;
        for (batch, result) in run.iter().zip(&self.results) {
            match result {
                Ok(()) => {
                    sent += batch.len() as u64;
                    batches += 1;
                }
                Err(error) => {
                    self.metrics.error.inc();
                    if !self.above.hears_of(error.error()) {
                        let what = format_args!("send message: {}", error.error());
                        self.identity.log_warning(what);
                    }
                    if error.error().class() == ErrorClass::NotConnected {
                        self.open = false;
                        self.connection.set_up(false);
                        self.metrics.connection.lost();
                    }
                }
            }
        }
        self.metrics.sent.add(sent);
        self.metrics.batch_sent.add(batches);
        if let Some(started) = observed
            && batches > 0
        {
            let each = started.elapsed() / u32::try_from(run.len()).unwrap_or(u32::MAX);
            self.metrics.latency.observe_many(each, batches);
        }
    }

    fn close(&mut self) {
        if let Err(error) = self.output.close() {
            error!(
                component = &*self.identity.component,
                path = &*self.identity.path,
                "close: {error}"
            );
        }
    }

    /// Takes runs from the queue, writes them and settles them, until the queue ends. The stream
    /// cannot go on when the output cannot.
    pub(crate) fn run_root(mut self, batches: &Receiver<MessageBatch>) {
        let mut run = Vec::with_capacity(RUN_MAX);
        let mut origins = Vec::with_capacity(RUN_MAX);
        if let Err(error) = self.open() {
            // The writes below report why to every source.
            self.open = false;
            fail_if_fatal(&self.flow, &self.identity, &Outcomes::failed(error));
        }
        while batches.pop_run_blocking(RUN_MAX, &mut run) {
            origins.extend(run.iter_mut().map(MessageBatch::take_origins));
            self.write(&mut run);
            for ((origins, result), batch) in origins
                .drain(..)
                .zip(self.results.drain(..))
                .zip(run.drain(..))
            {
                let outcomes = match result {
                    Ok(()) => Outcomes::DELIVERED,
                    Err(error) => error.into_outcomes(batch.len()),
                };
                Faulted::of(&batch, &self.flow).count(&outcomes, &self.flow);
                fail_if_fatal(&self.flow, &self.identity, &outcomes);
                settle_all(origins, &outcomes);
            }
        }
        self.close();
    }
}

/// As [`Flow::fail_if_fatal`], with the place of the output.
fn fail_if_fatal(flow: &Flow, identity: &Identity, outcomes: &Outcomes) {
    if let Some(error) = outcomes.first_fatal() {
        flow.fail(identity.locate(error));
    }
}

/// A blocking output as the child of a composite.
pub(crate) struct BlockingSink {
    writes: parking_lot::Mutex<Option<Sender<Write>>>,
    thread: tokio::sync::Mutex<Option<OwnThread<()>>>,
}

struct Write {
    batch: MessageBatch,
    done: oneshot::Sender<Outcomes>,
}

impl BlockingSink {
    /// Starts its thread.
    ///
    /// # Errors
    /// The operating system refuses another thread.
    pub(crate) fn start(output: Box<dyn BlockingOutput>, cx: &BuildContext) -> Result<Self, Error> {
        let (sender, receiver) = queue::queue(RUN_MAX);
        let writer = Writer::new(output, Above::Output(Duration::ZERO), cx);
        let thread = OwnThread::spawn("output", move || serve(writer, &receiver))
            .map_err(|error| Error::fatal(format!("start its thread: {error}")))?;
        Ok(Self {
            writes: parking_lot::Mutex::new(Some(sender)),
            thread: tokio::sync::Mutex::new(Some(thread)),
        })
    }
}

impl Weigh for Write {
    fn weight(&self) -> usize {
        self.batch.weight()
    }
}

fn serve(mut writer: Writer, writes: &Receiver<Write>) {
    let mut run = Vec::with_capacity(RUN_MAX);
    if writer.open().is_err() {
        writer.open = false;
    }
    while writes.pop_run_blocking(RUN_MAX, &mut run) {
        // What a writer that was cancelled counts as not written is not written.
        run.retain(|write: &Write| !write.done.is_closed());
        let (mut batches, done): (Vec<_>, VecDeque<_>) = run
            .drain(..)
            .map(|write: Write| (write.batch, write.done))
            .unzip();
        writer.write(&mut batches);
        for ((done, result), batch) in done.into_iter().zip(writer.results.drain(..)).zip(batches) {
            let outcomes = match result {
                Ok(()) => Outcomes::DELIVERED,
                Err(error) => error.into_outcomes(batch.len()),
            };
            // A writer that was cancelled does not wait for its outcome any more.
            let _cancelled = done.send(outcomes);
        }
    }
    writer.close();
}

#[async_trait]
impl Sink for BlockingSink {
    async fn write(&self, batch: MessageBatch) -> Outcomes {
        let closed = || Outcomes::failed(Error::not_connected("the output is closed"));
        let (done, outcome) = oneshot::channel();
        let Some(writes) = self.writes.lock().clone() else {
            return closed();
        };
        if writes.push(Write { batch, done }).await.is_err() {
            return closed();
        }
        drop(writes);
        outcome.await.unwrap_or_else(|_| closed())
    }

    fn capacity(&self) -> usize {
        RUN_MAX
    }

    async fn close(&self) {
        self.writes.lock().take();
        if let Some(thread) = self.thread.lock().await.take()
            && let Err(panic) = thread.join().await
        {
            error!("an output panicked: {panic}");
        }
    }
}
