//! Runs a config: start, signals, drain, and the closing report.

use std::sync::Arc;
use std::time::{Duration, Instant};

use millrace_component::{
    Balance, Budget, Flow, Kept, Kind, LOST_WITH_BUFFER, Ledger, Leftover, Leftovers, STOPPED,
};
use millrace_components_http::HttpService;
use millrace_components_http::service::Mount;
use millrace_components_io::end_standard_input;
use millrace_message::Error;
use millrace_stream::{Environment, Stream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::components;
use crate::config::RootConfig;
use crate::control::Control;
use crate::embedded_log::EmbeddedLog;
use crate::memory;
use crate::metrics::Metrics;
use crate::report::Report;
use crate::surface::{self, CurrentFlow};
use crate::traces::Traces;
use crate::watch::Changes;

/// How long stages have to hand back what they hold after the time for an orderly end is over.
const ABORT_GRACE: Duration = Duration::from_secs(5);

/// How long requests that have reached a stream have to be answered before it is replaced.
const HOLD_LIMIT: Duration = Duration::from_secs(5);

/// Signals of one kind that come within this time are one: whoever signals a process and its group,
/// as `timeout` does, means to ask once.
const SIGNALS_TOGETHER: Duration = Duration::from_millis(500);

/// How long the HTTP server, the last traces and metrics have together when the process ends; more
/// than each of them takes.
const CLOSE_LIMIT: Duration = Duration::from_secs(10);

/// Where the buffer of a stream stands.
const BUFFER: &str = "root.buffer";

/// How long requests to the service's own paths have to finish.
const HTTP_GRACE: Duration = Duration::from_secs(1);

/// Why a stream did not run to its end in order.
#[derive(Debug)]
pub enum RunError {
    /// It could not be started.
    Start(Error),
    /// The HTTP server of the process cannot listen at `http.address`.
    Listen(Error),
    /// It ended with an error, or with messages that were not settled; the report says which.
    Ended { report: Report, reason: String },
}

impl std::fmt::Display for RunError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Start(error) => write!(f, "start: {error}"),
            Self::Listen(error) => error.fmt(f),
            Self::Ended { reason, .. } => f.write_str(reason),
        }
    }
}

impl std::error::Error for RunError {}

/// Runs the stream until its input ends or the process is asked to stop. With `changes`, each config
/// that they bring replaces the one that runs: the old stream drains before the new one starts.
/// `started` hears of each stream that runs.
///
/// # Errors
/// It cannot be started, its input fails for good, or it had to be ended before everything had
/// settled.
pub async fn run(
    config: &RootConfig,
    mut changes: Option<Changes>,
    mut started: impl FnMut(&Flow),
) -> Result<Report, RunError> {
    let since = Instant::now();
    // First of all: whoever sees the process answer may ask it to stop.
    let mut signals = Signals::listen().map_err(RunError::Start)?;
    let process = Process::start(config).await?;
    process.leftovers.want(changes.is_some());
    let mut config = Box::new(config.clone());
    let mut earlier: Option<Box<RootConfig>> = None;
    let mut balance = Balance::default();
    let mut behind_buffer: Option<Balance> = None;
    let (mut files, mut kept) = (Vec::<Box<str>>::new(), Vec::new());
    let mut other_outputs = Vec::<Box<str>>::new();
    let mut has_run = false;
    let ended = loop {
        let start = start(&process, &config, &mut signals).await;
        let stream = match start.stream {
            Ok(Some(stream)) => stream,
            Ok(None) => break Ok(()),
            Err(error) if start.is_asked_to_stop => break Err(error),
            Err(error) => match earlier.take() {
                None if has_run => {
                    error!(
                        "the changed config cannot be started, the next one is waited for: {error}"
                    );
                    match next_or_signal(&mut changes, &mut signals).await {
                        Some(next) => config = next,
                        None => break Err(error),
                    }
                    continue;
                }
                None => return Err(RunError::Start(error)),
                Some(earlier) => {
                    error!(
                        "the changed config cannot be started, the earlier one goes on: {error}"
                    );
                    config = earlier;
                    continue;
                }
            },
        };
        has_run = true;
        process.show(stream.flow());
        started(stream.flow());
        let flow = stream.flow().clone();
        process.http.release(HTTP_GRACE).await;
        let run = StreamRun {
            process: &process,
            config: &config,
            signals: &mut signals,
            changes: &mut changes,
            is_asked_to_stop: start.is_asked_to_stop,
        };
        let end = run.run_to_end(stream).await;
        balance += end.balance;
        let new = flow.files().into_iter().filter(|it| !files.contains(it));
        files.extend(new.collect::<Vec<_>>());
        let new = flow.other_outputs().into_iter();
        let new = new.filter(|it| !other_outputs.contains(it));
        other_outputs.extend(new.collect::<Vec<_>>());
        // A buffer that the next stream goes on with is counted as that one leaves it.
        for now in flow.kept() {
            kept.retain(|it: &Kept| it.file != now.file);
            kept.push(now);
        }
        if let Some(ledger) = flow.buffer_ledger() {
            *behind_buffer.get_or_insert_default() += ledger.balance();
        }
        match end.next {
            Some(next) => {
                if let Err(error) = end.result {
                    error!("the stream of the earlier config ends: {error}");
                }
                tell_of_what_is_left(&flow);
                warn_of_restart(&config, &next);
                earlier = Some(std::mem::replace(&mut config, next));
            }
            None => match end.result {
                // To start it again would only fail again.
                Err(error) if end.by_itself && changes.is_some() => {
                    process.current.set(None);
                    error!("the stream cannot go on, a changed config is waited for: {error}");
                    tell_of_what_is_left(&flow);
                    earlier = None;
                    let Some(next) = next_or_signal(&mut changes, &mut signals).await else {
                        break Err(error);
                    };
                    warn_of_restart(&config, &next);
                    config = next;
                }
                result => break result,
            },
        }
    };
    let leftovers = process.leftovers.clone();
    tokio::select! {
        () = process.close() => {}
        // The threads that would close it may still compute.
        () = signals.control.sleep(CLOSE_LIMIT) => warn!("the process is not closed in order"),
    }
    drop_leftovers(&leftovers, &mut balance, behind_buffer.as_mut());
    balance.drop_unread(end_standard_input() as u64, STOPPED);
    kept.retain(|it| it.messages > 0);
    // A run that failed early has written nothing.
    files.retain(|it| std::path::Path::new(&**it).exists());
    let report = Report {
        balance,
        behind_buffer,
        kept,
        files,
        other_outputs,
        elapsed: since.elapsed(),
    };
    match ended {
        Err(error) => Err(RunError::Ended {
            report,
            reason: error.to_string(),
        }),
        Ok(()) => match report.complaint() {
            Some(reason) => Err(RunError::Ended { report, reason }),
            None => Ok(report),
        },
    }
}

/// What outlives a stream that is replaced.
struct Process {
    metrics: Arc<Metrics>,
    http: Arc<HttpService>,
    traces: Traces,
    log: Option<EmbeddedLog>,
    budget: Budget,
    leftovers: Leftovers,
    current: Arc<CurrentFlow>,
    mounts: Vec<Mount>,
    logging: JoinHandle<()>,
}

impl Process {
    async fn start(config: &RootConfig) -> Result<Self, RunError> {
        let metrics = Arc::new(Metrics::new(&config.metrics));
        let http = HttpService::new(config.http.clone()).map_err(RunError::Start)?;
        let current = Arc::new(CurrentFlow::default());
        let mut mounts = surface::mount_process(&http, &metrics).map_err(RunError::Start)?;
        mounts.extend(surface::mount_stream(&http, &current).map_err(RunError::Start)?);
        let limit = config
            .memory_limit
            .map_or_else(memory::default_limit, |limit| {
                usize::try_from(limit.0).unwrap_or(usize::MAX)
            });
        let log = match &config.log {
            Some(log) => Some(
                EmbeddedLog::start(log, &metrics)
                    .await
                    .map_err(RunError::Start)?,
            ),
            None => None,
        };
        // A request that comes before its component waits for it.
        http.hold(Duration::ZERO).await;
        if let Some(address) = http.start().await.map_err(RunError::Listen)? {
            info!(%address, "the HTTP server listens: /ready, /metrics, /endpoints and others");
        }
        Ok(Self {
            traces: Traces::start(&config.tracer, metrics.scope()),
            log,
            logging: tokio::spawn(Arc::clone(&metrics).log_regularly()),
            budget: Budget::new(limit),
            leftovers: Leftovers::default(),
            metrics,
            http,
            current,
            mounts,
        })
    }

    /// What a stream takes from the process.
    fn environment(&self, config: &RootConfig) -> Environment {
        Environment {
            budget: self.budget.clone(),
            leftovers: self.leftovers.clone(),
            scope: self.metrics.new_scope(),
            services: components::services(
                Arc::clone(&self.http),
                self.traces.tracer(),
                self.log.as_ref().map(EmbeddedLog::client),
            ),
            error_handling: config.error_handling.handling(),
        }
    }

    /// Shows the accounting and the connections of a stream.
    fn show(&self, flow: &Flow) {
        self.metrics.watch(flow);
        self.current.set(Some(flow.clone()));
    }

    async fn close(self) {
        self.http.close(HTTP_GRACE).await;
        if let Some(log) = self.log {
            log.stop().await;
        }
        self.traces.close().await;
        self.logging.abort();
        self.metrics.log();
        drop(self.mounts);
    }
}

/// How the start of a stream has ended.
struct Start {
    /// There is none when the start was given up because the process was asked to stop.
    stream: Result<Option<Stream>, Error>,
    is_asked_to_stop: bool,
}

/// Starts a stream, and hears signals meanwhile: a large config takes its time.
async fn start(process: &Process, config: &RootConfig, signals: &mut Signals) -> Start {
    let stop = CancellationToken::new();
    let mut starting = tokio::task::spawn_blocking({
        let (stream, environment) = (config.stream.clone(), process.environment(config));
        let stop = stop.clone();
        move || Stream::start_until(&stream, environment, stop)
    });
    tokio::select! {
        started = &mut starting => return Start {
            stream: joined(started),
            is_asked_to_stop: false,
        },
        name = signals.next() => info!("received {name} while the stream starts; stopping"),
    }
    stop.cancel();
    let stream = tokio::select! {
        started = starting => joined(started),
        () = signals.give_up(config.shutdown_timeout.get()) => {
            Err(Error::fatal("the start of the stream could not be stopped in time"))
        }
    };
    Start {
        stream,
        is_asked_to_stop: true,
    }
}

/// What a thread of its own has made; a panic goes on here.
fn joined<T>(ended: Result<T, tokio::task::JoinError>) -> T {
    ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

/// One stream from its start to its end.
struct StreamRun<'a> {
    process: &'a Process,
    config: &'a RootConfig,
    signals: &'a mut Signals,
    changes: &'a mut Option<Changes>,
    is_asked_to_stop: bool,
}

/// How a stream has ended.
struct End {
    balance: Balance,
    result: Result<(), Error>,
    /// Nobody asked for it.
    by_itself: bool,
    /// The config to go on with.
    next: Option<Box<RootConfig>>,
}

impl StreamRun<'_> {
    async fn run_to_end(self, stream: Stream) -> End {
        let Self {
            process,
            config,
            signals,
            changes,
            is_asked_to_stop,
        } = self;
        let flow = stream.flow().clone();
        let stop = stream.stopper();
        let finished = stream.finish();
        tokio::pin!(finished);
        let control = signals.control.clone();
        let mut next = tokio::select! {
            (balance, result) = &mut finished => {
                return End { balance, result, by_itself: true, next: None };
            }
            failure = flow.failed() => {
                stop.cancel();
                flow.drain();
                error!("the stream cannot go on; what has not settled is given up");
                let (balance, _) = abort(&flow, &mut finished, &control).await;
                return End { balance, result: Err(failure), by_itself: true, next: None };
            }
            name = signals.next() => {
                info!("received {name}; stopping");
                None
            }
            () = std::future::ready(()), if is_asked_to_stop => None,
            next = next_change(changes) => Some(next),
        };
        if next.is_some() {
            info!("the stream drains before the changed config takes over");
            process.current.set(None);
            process.http.hold(HOLD_LIMIT).await;
        } else if let Some(delay) = config.shutdown_delay.as_ref().filter(|it| !it.is_zero()) {
            tokio::select! {
                (balance, result) = &mut finished => {
                    return End { balance, result, by_itself: false, next: None };
                }
                () = control.sleep(delay.get()) => {}
                _ = signals.next() => {}
            }
        }
        if next.is_none() {
            process.leftovers.want(false);
            process.http.end_stream();
        }
        stop.cancel();
        flow.drain();
        let (balance, result) = tokio::select! {
            finished = &mut finished => finished,
            name = signals.next() => {
                info!("received {name}{}", if next.is_some() { "; stopping" } else { " again" });
                // Asked to stop while the config is replaced: then nothing takes over.
                process.leftovers.want(false);
                match next.take() {
                    Some(_) => tokio::select! {
                        finished = &mut finished => finished,
                        () = signals.give_up(config.shutdown_timeout.get()) => {
                            give_up(&flow, &mut finished, &control).await
                        }
                    },
                    None => give_up(&flow, &mut finished, &control).await,
                }
            }
            () = control.sleep(config.shutdown_timeout.get()) => {
                give_up(&flow, &mut finished, &control).await
            }
            failure = flow.failed() => {
                let (balance, _) = abort(&flow, &mut finished, &control).await;
                (balance, Err(failure))
            }
        };
        End {
            balance,
            result,
            by_itself: false,
            next,
        }
    }
}

/// Waits for the next config while nothing runs; `None` when the process is asked to stop.
async fn next_or_signal(
    changes: &mut Option<Changes>,
    signals: &mut Signals,
) -> Option<Box<RootConfig>> {
    tokio::select! {
        next = next_change(changes) => Some(next),
        name = signals.next() => {
            info!("received {name}; stopping");
            None
        }
    }
}

/// Waits for the next config; for ever without a watcher.
async fn next_change(changes: &mut Option<Changes>) -> Box<RootConfig> {
    if let Some(watched) = changes
        && let Some(next) = watched.next().await
    {
        return next;
    }
    std::future::pending().await
}

/// Says what the stream of an earlier config has not delivered: the report comes only when the process
/// ends.
fn tell_of_what_is_left(flow: &Flow) {
    let dropped = |balance: &Balance, reason| balance.count(Kind::Dropped, reason);
    let in_buffer = flow.buffer_ledger().map(Ledger::balance);
    let messages = dropped(&flow.ledger().balance(), STOPPED)
        + in_buffer.map_or(0, |it| {
            dropped(&it, LOST_WITH_BUFFER) + dropped(&it, STOPPED)
        });
    if messages > 0 {
        error!(
            messages,
            "messages of the earlier config are dropped: they were not delivered within \
             `shutdown_timeout`, and their source takes nothing back"
        );
    }
    let messages = flow.leftovers().messages();
    if messages > 0 {
        warn!(
            messages,
            "messages of the earlier config are not delivered, and their source takes nothing back: \
             the changed config begins with them"
        );
    }
    for Kept { file, messages, .. } in flow.kept().into_iter().filter(|it| it.messages > 0) {
        warn!(
            messages,
            file = &*file,
            "messages wait in the buffer of the earlier config, for one that has the same buffer"
        );
    }
}

/// Counts as dropped what no stream has taken over.
fn drop_leftovers(left: &Leftovers, balance: &mut Balance, behind_buffer: Option<&mut Balance>) {
    let count = |left: Vec<Leftover>| left.iter().map(|it| it.batch.len() as u64).sum::<u64>();
    if let Some(behind_buffer) = behind_buffer {
        let messages = count(left.take(|it| it == BUFFER));
        behind_buffer.drop_handed_over(messages, LOST_WITH_BUFFER);
    }
    balance.drop_handed_over(count(left.take(|_| true)), STOPPED);
}

/// Names the blocks of a changed config that only a restart applies.
fn warn_of_restart(running: &RootConfig, next: &RootConfig) {
    let blocks: [(&str, [String; 2]); 6] = [
        ("http", [running, next].map(|it| format!("{:?}", it.http))),
        ("log", [running, next].map(|it| format!("{:?}", it.log))),
        (
            "logger",
            [running, next].map(|it| format!("{:?}", it.logger)),
        ),
        (
            "metrics",
            [running, next].map(|it| format!("{:?}", it.metrics)),
        ),
        (
            "tracer",
            [running, next].map(|it| format!("{:?}", it.tracer)),
        ),
        (
            "memory_limit",
            [running, next].map(|it| format!("{:?}", it.memory_limit)),
        ),
    ];
    for (block, [running, next]) in blocks {
        if running != next {
            warn!("the change of `{block}` takes effect after a restart of the process");
        }
    }
}

/// As [`abort`], when an orderly end has taken too long.
async fn give_up<F>(flow: &Flow, finished: &mut F, control: &Control) -> F::Output
where
    F: Future<Output = (millrace_component::Balance, Result<(), Error>)> + Unpin,
{
    warn!("the time to stop in order is over; what has not settled is given up");
    abort(flow, finished, control).await
}

/// Ends the stream without waiting for what is under way: it goes back to its source, or is counted
/// as dropped where that takes nothing back.
async fn abort<F>(flow: &Flow, finished: &mut F, control: &Control) -> F::Output
where
    F: Future<Output = (millrace_component::Balance, Result<(), Error>)> + Unpin,
{
    flow.abort().cancel();
    tokio::select! {
        finished = finished => finished,
        () = control.sleep(ABORT_GRACE) => (
            flow.ledger().balance(),
            Err(Error::fatal("the stream did not stop in time")),
        ),
    }
}

/// The signals that ask the process to stop.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    asked: Asked,
    control: Control,
}

/// When the process was asked to stop.
#[derive(Default)]
struct Asked {
    last: Option<(&'static str, Instant)>,
}

impl Asked {
    /// Whether a signal asks anew, and is no echo of the last one that did.
    fn is_new(&mut self, name: &'static str, now: Instant) -> bool {
        let is_echo = self.last.is_some_and(|(last, at)| {
            last == name && now.saturating_duration_since(at) < SIGNALS_TOGETHER
        });
        if !is_echo {
            self.last = Some((name, now));
        }
        !is_echo
    }
}

impl Signals {
    pub(crate) fn listen() -> Result<Self, Error> {
        let control = Control::start()?;
        let listen = |kind| {
            let listening = control.within(|| signal(kind));
            listening.map_err(|error| Error::fatal(format!("listen for signals: {error}")))
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            asked: Asked::default(),
            control: control.clone(),
        })
    }

    pub(crate) async fn next(&mut self) -> &'static str {
        loop {
            let name = tokio::select! {
                _ = self.interrupt.recv() => "SIGINT",
                _ = self.terminate.recv() => "SIGTERM",
            };
            if self.asked.is_new(name, Instant::now()) {
                return name;
            }
        }
    }

    /// Waits until an orderly end has taken too long, or for another signal.
    pub(crate) async fn give_up(&mut self, timeout: Duration) {
        let control = self.control.clone();
        tokio::select! {
            () = control.sleep(timeout) => {}
            name = self.next() => info!("received {name} again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_of_one_kind_that_come_together_ask_once() {
        let mut asked = Asked::default();
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        assert!(asked.is_new("SIGTERM", start));
        assert!(!asked.is_new("SIGTERM", start));
        assert!(!asked.is_new("SIGTERM", after(499)));
        // An echo does not put off the next one that counts.
        assert!(asked.is_new("SIGTERM", after(500)));
        assert!(asked.is_new("SIGINT", after(501)));
        assert!(asked.is_new("SIGTERM", after(502)));
    }
}
