//! Runs a config: start, signals, drain, and the closing report.

use std::sync::Arc;
use std::time::{Duration, Instant};

use millrace_component::{Budget, Flow};
use millrace_components_http::HttpService;
use millrace_message::Error;
use millrace_stream::{Environment, Stream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{info, warn};

use crate::components;
use crate::config::RootConfig;
use crate::memory;
use crate::metrics::Metrics;
use crate::report::Report;
use crate::surface;

/// How long stages have to hand back what they hold after the time for an orderly end is over.
const ABORT_GRACE: Duration = Duration::from_secs(5);

/// How long requests to the service's own paths have to finish.
const HTTP_GRACE: Duration = Duration::from_secs(1);

/// Why a stream did not run to its end in order.
#[derive(Debug)]
pub enum RunError {
    /// It could not be started.
    Start(Error),
    /// It ended with an error, or with messages that were not settled; the report says which.
    Ended { report: Report, reason: String },
}

impl std::fmt::Display for RunError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Start(error) => write!(f, "start: {error}"),
            Self::Ended { reason, .. } => f.write_str(reason),
        }
    }
}

impl std::error::Error for RunError {}

/// Runs the stream until its input ends or the process is asked to stop.
///
/// # Errors
/// It cannot be started, its input fails for good, or it had to be ended before everything had
/// settled.
pub async fn run(config: &RootConfig) -> Result<Report, RunError> {
    let metrics = Arc::new(Metrics::new(&config.metrics));
    let http = HttpService::new(config.http.clone()).map_err(RunError::Start)?;
    let process = surface::mount_process(&http, &metrics).map_err(RunError::Start)?;
    let limit = config
        .memory_limit
        .map_or_else(memory::default_limit, |limit| {
            usize::try_from(limit.0).unwrap_or(usize::MAX)
        });
    let environment = Environment {
        budget: Budget::new(limit),
        scope: metrics.scope().clone(),
        services: components::services(Arc::clone(&http)),
    };
    let started = Instant::now();
    let mut signals = Signals::listen().map_err(RunError::Start)?;
    http.start().await.map_err(RunError::Start)?;
    let stream = Stream::start(&config.stream, environment).map_err(RunError::Start)?;
    let flow = stream.flow().clone();
    metrics.watch(&flow);
    let ready = surface::mount_stream(&http, &flow).map_err(RunError::Start)?;
    let stop = stream.stopper();
    let finished = stream.finish();
    tokio::pin!(finished);
    let (balance, ended) = tokio::select! {
        finished = &mut finished => finished,
        () = signals.stop(config.shutdown_delay.get()) => {
            stop.cancel();
            flow.drain();
            tokio::select! {
                finished = &mut finished => finished,
                () = signals.give_up(config.shutdown_timeout.get()) => {
                    abort(&flow, &mut finished).await
                }
            }
        }
    };
    http.close(HTTP_GRACE).await;
    drop((process, ready));
    let report = Report {
        balance,
        elapsed: started.elapsed(),
    };
    match ended {
        Err(error) => Err(RunError::Ended {
            report,
            reason: error.to_string(),
        }),
        Ok(()) if !report.is_complete() => {
            let count = report.balance.in_flight();
            let reason = format!("{count} messages were not settled");
            Err(RunError::Ended { report, reason })
        }
        Ok(()) => Ok(report),
    }
}

/// Ends the stream without waiting for what is under way, which goes back to its source.
async fn abort<F>(flow: &Flow, finished: &mut F) -> F::Output
where
    F: Future<Output = (millrace_component::Balance, Result<(), Error>)> + Unpin,
{
    warn!("the time to stop in order is over; what has not settled goes back to its source");
    flow.abort().cancel();
    match tokio::time::timeout(ABORT_GRACE, finished).await {
        Ok(finished) => finished,
        Err(_) => (
            flow.ledger().balance(),
            Err(Error::fatal("the stream did not stop in time")),
        ),
    }
}

/// The signals that ask the process to stop.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Error> {
        let listen = |kind| {
            signal(kind).map_err(|error| Error::fatal(format!("listen for signals: {error}")))
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }

    /// Waits for the first signal and then for the delay, which a second signal ends.
    async fn stop(&mut self, delay: Duration) {
        let name = self.next().await;
        info!("received {name}; stopping");
        if !delay.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                _ = self.next() => {}
            }
        }
    }

    /// Waits until an orderly end has taken too long, or for another signal.
    async fn give_up(&mut self, timeout: Duration) {
        tokio::select! {
            () = tokio::time::sleep(timeout) => {}
            name = self.next() => info!("received {name} again"),
        }
    }
}
