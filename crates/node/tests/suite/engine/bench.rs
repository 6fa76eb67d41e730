//! Starts a stream from text and talks to its probes.

use std::sync::Arc;
use std::time::Duration;

use millrace_component::conformance::Workbench;
use millrace_component::{Balance, Budget, Flow, Leftovers, Registry, Services};
use millrace_components_pure::{Limiters, Pipes};
use millrace_message::{Error, Outcome};
use millrace_stream::{Environment, ErrorHandling, Stream, StreamConfig};
use millrace_telemetry::Scope;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::probe::{self, Wires, Written};

/// How long anything may take before a test says that it hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Bench {
    pub stream: Stream,
    pub flow: Flow,
    pub wires: Arc<Wires>,
    acks: mpsc::UnboundedReceiver<(String, Outcome)>,
    written: mpsc::UnboundedReceiver<Written>,
}

impl Bench {
    pub fn start(yaml: &str) -> Self {
        Self::with_memory(yaml, usize::MAX / 2)
    }

    pub fn with_memory(yaml: &str, limit: usize) -> Self {
        Self::with(yaml, limit, ErrorHandling::default())
    }

    pub fn with(yaml: &str, limit: usize, error_handling: ErrorHandling) -> Self {
        Self::start_until(yaml, limit, error_handling).expect("nothing stops the start")
    }

    /// As [`Bench::start`]; nothing when a probe has stopped the start.
    pub fn start_if_not_stopped(yaml: &str) -> Option<Self> {
        Self::start_until(yaml, usize::MAX / 2, ErrorHandling::default())
    }

    fn start_until(yaml: &str, limit: usize, error_handling: ErrorHandling) -> Option<Self> {
        let registry = Registry::new([
            millrace_components_io::OUTPUTS,
            millrace_components_pure::BUFFERS,
            millrace_components_pure::CACHES,
            millrace_components_pure::INPUTS,
            millrace_components_pure::OUTPUTS,
            millrace_components_pure::PROCESSORS,
            millrace_components_redis::OUTPUTS,
            millrace_components_sql::BUFFERS,
            millrace_components_sql::OUTPUTS,
            probe::FAMILY,
        ]);
        let config: StreamConfig = Workbench::of(Arc::new(registry))
            .read(yaml)
            .unwrap_or_else(|error| panic!("{error}"));
        let (told, acks) = mpsc::unbounded_channel();
        let (seen, written) = mpsc::unbounded_channel();
        let wires = Arc::new(Wires {
            payloads: parking_lot::Mutex::default(),
            more: Notify::new(),
            acks: told,
            written: seen,
            gate: Semaphore::new(0),
            begun: std::sync::atomic::AtomicUsize::new(0),
            stepped: std::sync::atomic::AtomicUsize::new(0),
            stop_starting: CancellationToken::new(),
        });
        let services = Services::default()
            .with(Arc::clone(&wires))
            .with(Arc::new(Limiters::default()))
            .with(Arc::new(Pipes::default()));
        let environment = Environment {
            budget: Budget::new(limit),
            leftovers: Leftovers::default(),
            scope: Scope::detached(),
            services,
            error_handling,
        };
        let stop = wires.stop_starting.clone();
        let stream = Stream::start_until(&config, environment, stop).unwrap()?;
        Some(Self {
            flow: stream.flow().clone(),
            stream,
            wires,
            acks,
            written,
        })
    }

    pub fn send(&self, payload: impl Into<String>) {
        self.wires.payloads.lock().waiting.push_back(payload.into());
        self.wires.more.notify_one();
    }

    pub fn send_numbers(&self, numbers: std::ops::Range<usize>) {
        for number in numbers {
            self.send(format!("message {number:04}"));
        }
    }

    /// The next outcome that the source of the probe hears.
    pub async fn ack(&mut self) -> (String, Outcome) {
        let ack = tokio::time::timeout(PATIENCE, self.acks.recv()).await;
        ack.expect("no message settles: the stream hangs").unwrap()
    }

    pub async fn acks(&mut self, count: usize) {
        for _ in 0..count {
            let (payload, outcome) = self.ack().await;
            assert!(outcome.error().is_none(), "{payload}: {outcome:?}");
        }
    }

    /// The next batch that a probe accepts.
    pub async fn written(&mut self) -> Written {
        let written = tokio::time::timeout(PATIENCE, self.written.recv()).await;
        written
            .expect("no message is written: the stream hangs")
            .unwrap()
    }

    /// Waits until so many messages are written, and returns the sizes of their batches.
    pub async fn sizes(&mut self, mut messages: usize) -> Vec<usize> {
        let mut sizes = Vec::new();
        while messages > 0 {
            let size = self.written().await.payloads.len();
            messages -= size;
            sizes.push(size);
        }
        sizes
    }

    /// Ends the input and waits for the end of the stream.
    pub async fn end(self) -> (Balance, Result<(), Error>) {
        self.wires.payloads.lock().ended = true;
        self.wires.more.notify_one();
        self.finished().await
    }

    pub async fn finished(self) -> (Balance, Result<(), Error>) {
        let finished = tokio::time::timeout(PATIENCE, self.stream.finish()).await;
        finished.expect("the stream does not end")
    }

    /// Waits for the end of the stream, and counts the messages that were written till then and have
    /// not been asked for.
    pub async fn finished_with_writes(self) -> (Balance, usize) {
        let Self {
            stream,
            mut written,
            ..
        } = self;
        let finished = tokio::time::timeout(PATIENCE, stream.finish()).await;
        let (balance, _) = finished.expect("the stream does not end");
        let writes = std::iter::from_fn(|| written.try_recv().ok());
        (balance, writes.map(|it| it.payloads.len()).sum())
    }
}
