//! Runs one leaf output: the connection, the places in flight, and the writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use millrace_component::{
    Backoff, BuildContext, Connection, Flow, Identity, Output, Side, Sink, WriteError,
};
use millrace_message::{Error, ErrorClass, MessageBatch, Outcomes};
use millrace_telemetry::metric::OutputMetrics;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinHandle;
use tracing::{debug, error, info};

use crate::attempt::tell_failed_attempt;
use crate::spans::SpanSource;

/// The pauses between attempts to connect.
const PAUSE_INITIAL: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// So many times a write may lose its connection before it fails: a message that the other side
/// answers by closing the connection must not be tried in place for ever.
const LOSSES_MAX: u32 = 3;

/// What stands above a leaf output.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Above {
    /// Nothing: without it the stream has nowhere to write to.
    Stream,
    /// An output that decides by itself what a failed write means; a write waits so long for a
    /// connection.
    Output(Duration),
}

impl Above {
    /// Whether the error ends the stream at once, which then says why: nobody else has to.
    pub(crate) fn hears_of(self, error: &Error) -> bool {
        matches!(self, Self::Stream) && error.class() == ErrorClass::Fatal
    }
}

/// The state of a connection: which one it is, counted from 1, or why there is none.
#[derive(Clone, Debug)]
enum LinkState {
    Connecting,
    Up(u64),
    Failed(Error),
}

/// A leaf output that runs on the asynchronous runtime.
pub(crate) struct LeafSink {
    output: Arc<dyn Output>,
    places: Semaphore,
    max_in_flight: usize,
    link: watch::Receiver<LinkState>,
    lost: Arc<Lost>,
    connect_timeout: Option<Duration>,
    metrics: OutputMetrics,
    spans: SpanSource,
    connector: JoinHandle<()>,
    above: Above,
    flow: Flow,
    identity: Arc<Identity>,
}

/// The connection that writers found broken.
#[derive(Default)]
struct Lost {
    generation: AtomicU64,
    seen: Notify,
}

impl LeafSink {
    /// Starts to connect at once. `connect_timeout` is that of the output itself, zero for none.
    pub(crate) fn start(
        output: Arc<dyn Output>,
        max_in_flight: usize,
        connect_timeout: Option<Duration>,
        above: Above,
        cx: &BuildContext,
    ) -> Self {
        let connect_timeout = match (connect_timeout, above) {
            (Some(Duration::ZERO), _) | (None, Above::Stream) => None,
            (Some(limit), _) | (None, Above::Output(limit)) => Some(limit),
        };
        let (state, link) = watch::channel(LinkState::Connecting);
        let lost = Arc::new(Lost::default());
        let metrics = OutputMetrics::new(cx.metrics());
        let connector = Connector {
            output: Arc::clone(&output),
            state,
            lost: Arc::clone(&lost),
            connection: cx.connection(Side::Output),
            above,
            flow: cx.flow().clone(),
            metrics: metrics.clone(),
            identity: Arc::clone(cx.identity()),
        };
        Self {
            output,
            // More of them than it can count are no bound at all.
            places: Semaphore::new(max_in_flight.min(Semaphore::MAX_PERMITS)),
            max_in_flight,
            link,
            lost,
            connect_timeout,
            metrics,
            spans: SpanSource::of_output(cx),
            connector: tokio::spawn(connector.run()),
            above,
            flow: cx.flow().clone(),
            identity: Arc::clone(cx.identity()),
        }
    }

    /// Waits for a connection, until the stream is given up, and returns its number.
    async fn connected(&self) -> Result<u64, Error> {
        tokio::select! {
            biased;
            connected = self.connected_in_time() => connected,
            () = self.flow.abort().cancelled() => Err(given_up()),
        }
    }

    async fn connected_in_time(&self) -> Result<u64, Error> {
        let mut link = self.link.clone();
        let up = link.wait_for(|state| !matches!(state, LinkState::Connecting));
        let state = match self.connect_timeout {
            None => up.await.map(|state| state.clone()),
            Some(limit) => match tokio::time::timeout(limit, up).await {
                Ok(state) => state.map(|state| state.clone()),
                Err(_) => return Err(Error::not_connected("not connected")),
            },
        };
        match state {
            Ok(LinkState::Up(generation)) => Ok(generation),
            Ok(LinkState::Failed(error)) => Err(error),
            Ok(LinkState::Connecting) | Err(_) => Err(Error::not_connected("the output is closed")),
        }
    }

    fn report_lost(&self, generation: u64) {
        self.lost.generation.fetch_max(generation, Ordering::AcqRel);
        self.lost.seen.notify_one();
    }

    async fn write_connected(&self, batch: &MessageBatch) -> Result<(), WriteError> {
        let mut losses = 0;
        loop {
            let generation = self.connected().await?;
            let started = std::time::Instant::now();
            match self.output.write(batch).await {
                Ok(()) => {
                    self.metrics.sent.add(batch.len() as u64);
                    self.metrics.batch_sent.inc();
                    self.metrics.latency.observe(started.elapsed());
                    return Ok(());
                }
                Err(error) if error.error().class() == ErrorClass::NotConnected => {
                    self.report_lost(generation);
                    losses += 1;
                    if losses == LOSSES_MAX {
                        return Err(error);
                    }
                    let mut link = self.link.clone();
                    let changed = |state: &LinkState| !matches!(state, LinkState::Up(up) if *up <= generation);
                    tokio::select! {
                        changed = link.wait_for(changed) => if changed.is_err() {
                            return Err(error);
                        },
                        () = self.flow.abort().cancelled() => return Err(error),
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }
}

#[async_trait]
impl Sink for LeafSink {
    async fn write(&self, mut batch: MessageBatch) -> Outcomes {
        let place = tokio::select! {
            biased;
            place = self.places.acquire() => place,
            () = self.flow.abort().cancelled() => return Outcomes::failed(given_up()),
        };
        let Ok(_place) = place else {
            return Outcomes::failed(Error::not_connected("the output is closed"));
        };
        let spans = self.spans.open(std::slice::from_mut(&mut batch));
        let outcomes = match self.write_connected(&batch).await {
            Ok(()) => Outcomes::DELIVERED,
            Err(error) => {
                self.metrics.error.inc();
                if self.above.hears_of(error.error()) {
                    self.flow.fail(self.identity.locate(error.error()));
                } else {
                    let what = format_args!("send message: {}", error.error());
                    self.identity.log_warning(what);
                }
                error.into_outcomes(batch.len())
            }
        };
        spans.settle_with(&outcomes);
        outcomes
    }

    fn capacity(&self) -> usize {
        self.max_in_flight
    }

    async fn close(&self) {
        self.places.close();
        self.connector.abort();
        match self.output.close().await {
            Err(error) if error.class() == ErrorClass::Fatal => {
                self.flow.note_unfinished(self.identity.locate(&error));
            }
            Err(error) => self.identity.log_warning(format_args!("close: {error}")),
            Ok(()) => {}
        }
    }
}

fn given_up() -> Error {
    Error::retry("the stream was stopped before the message was written")
}

/// Keeps the output connected.
struct Connector {
    output: Arc<dyn Output>,
    state: watch::Sender<LinkState>,
    lost: Arc<Lost>,
    connection: Connection,
    above: Above,
    flow: Flow,
    metrics: OutputMetrics,
    identity: Arc<Identity>,
}

impl Connector {
    async fn run(self) {
        let mut backoff = Backoff::new(PAUSE_INITIAL, PAUSE_MAX);
        let mut generation = 0;
        loop {
            match self.output.connect().await {
                Ok(()) => {
                    generation += 1;
                    self.up(generation);
                    let since = tokio::time::Instant::now();
                    tokio::select! {
                        () = self.wait_lost(generation) => {}
                        () = self.output.lost() => {}
                    }
                    self.down();
                    if since.elapsed() > PAUSE_MAX {
                        backoff.reset();
                    } else {
                        // A connection that breaks at once must not become a hot loop.
                        tokio::time::sleep(backoff.pause()).await;
                    }
                }
                Err(error) if error.class() == ErrorClass::Fatal => {
                    self.metrics.connection.failed();
                    self.connection.set_failed(&error);
                    if self.above.hears_of(&error) {
                        self.flow.fail(self.identity.locate(&error));
                    } else {
                        let (component, path, _) = self.identity.names();
                        error!(component, path, "output cannot be used: {error}");
                    }
                    self.state.send_replace(LinkState::Failed(error));
                    return;
                }
                Err(error) => {
                    let pause = backoff.pause();
                    self.metrics.connection.failed();
                    self.connection.set_failed(&error);
                    let (component, path, _) = self.identity.names();
                    tell_failed_attempt(&error, pause, "output", component, path);
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    fn up(&self, generation: u64) {
        self.connection.set_up(true);
        self.metrics.connection.up();
        self.state.send_replace(LinkState::Up(generation));
        let (component, path, _) = self.identity.names();
        info!(component, path, "output is connected");
    }

    fn down(&self) {
        self.connection.set_up(false);
        self.metrics.connection.lost();
        self.state.send_replace(LinkState::Connecting);
        let (component, path, _) = self.identity.names();
        debug!(component, path, "output reconnects");
    }

    async fn wait_lost(&self, generation: u64) {
        loop {
            let seen = self.lost.seen.notified();
            tokio::pin!(seen);
            seen.as_mut().enable();
            if self.lost.generation.load(Ordering::Acquire) >= generation {
                return;
            }
            seen.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use millrace_component::WriteError;
    use millrace_component::conformance::Workbench;
    use millrace_message::Message;

    use super::*;

    /// Takes everything.
    struct Open;

    #[async_trait]
    impl Output for Open {
        async fn connect(&self) -> Result<(), Error> {
            Ok(())
        }

        async fn write(&self, _: &MessageBatch) -> Result<(), WriteError> {
            Ok(())
        }

        async fn close(&self) -> Result<(), Error> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn an_output_may_have_any_number_of_writes_in_flight() {
        let cx = Workbench::new([]).context("open");
        let sink = LeafSink::start(Arc::new(Open), usize::MAX, None, Above::Stream, &cx);
        let outcomes = sink.write(Message::from("a").into()).await;
        assert!(outcomes.get(0).error().is_none());
        sink.close().await;
    }
}
