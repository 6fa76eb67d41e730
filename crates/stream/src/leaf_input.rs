//! Runs one leaf input: connect, read, admit, replay, and the end of it all.

mod link;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use millrace_component::{
    Backoff, BlockingInput, BuildContext, BuiltInput, Flood, Flow, Incoming, Input, LeafInput,
    Legacy, Sender, Side, Sink, Source, SourceWriter,
};
use millrace_message::{Error, ErrorClass, MessageBatch, settle_all};
use millrace_telemetry::metric::InputMetrics;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::link::Link;
use crate::admission::{Admission, Due};
use crate::own_thread::OwnThread;

/// Messages that may wait between a leaf input and what reads from it.
const EDGE_CAPACITY: usize = 128;
/// Batches that a blocking input reads and hands over in one step.
const RUN_MAX: usize = 64;
/// The pauses between attempts to connect or to read after an error.
const PAUSE_INITIAL: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Starts a leaf input, which begins with what an earlier stream has left it.
///
/// # Errors
/// The output `replay.exhausted` cannot be built.
pub(crate) fn run(
    leaf: LeafInput,
    legacy: Option<Legacy>,
    cx: &BuildContext,
) -> Result<Source, Error> {
    let replay = (leaf.auto_replay == Some(true)).then_some(leaf.replay);
    if let Some(policy) = replay.as_ref().filter(|it| it.max_attempts > 0) {
        cx.flow().bound_attempts(policy.max_attempts);
    }
    let exhausted = match replay.as_ref().and_then(|it| it.exhausted.as_ref()) {
        Some(child) => {
            let segment = format!("{}.replay.exhausted", cx.component());
            Some(cx.output(child, &segment)?)
        }
        None => None,
    };
    let metrics = InputMetrics::new(cx.metrics());
    let link = Link {
        connection: cx.connection(Side::Input),
        metric: metrics.connection.clone(),
        identity: Arc::clone(cx.identity()),
        unreadable: Flood::new(),
    };
    let admission = Arc::new(Admission::new(
        cx,
        metrics,
        replay,
        matches!(&leaf.input, BuiltInput::Async(input) if input.is_internal()),
    ));
    let abort = cx.flow().abort().clone();
    Ok(Source::spawn(EDGE_CAPACITY, move |writer| async move {
        let replays = tokio::spawn(replay_loop(
            Arc::clone(&admission),
            writer.batches.clone(),
            exhausted.clone(),
            abort.clone(),
            writer.stop().clone(),
        ));
        if let Some(legacy) = legacy {
            emit(legacy, &admission, &writer).await;
        }
        let result = match leaf.input {
            BuiltInput::Async(mut input) => {
                let read = read_loop(&mut *input, &admission, &writer, &link).await;
                link.tell_unreadable();
                input.stop().await;
                writer.exhaust();
                wait_settled(&admission).await;
                let closed = input.close().await;
                read.and(closed)
            }
            BuiltInput::Blocking(input) => run_blocking(input, &admission, &writer, link).await,
        };
        if !abort.is_cancelled() {
            replays.abort();
        }
        let _ended = replays.await;
        if let Some(exhausted) = exhausted {
            exhausted.close().await;
        }
        result
    }))
}

/// Emits what an earlier stream has left; what nobody reads any more fails, as all that is read does.
async fn emit(legacy: Legacy, admission: &Arc<Admission>, writer: &SourceWriter) {
    for leftover in legacy.taken_over().await {
        let incoming = Incoming::unacknowledged(leftover.batch);
        let mut admitted = admission.admit(incoming).await;
        writer.batches.push_run(&mut admitted).await;
    }
}

/// Waits until everything emitted has settled; at the abort, as long as writes may be under way.
async fn wait_settled(admission: &Admission) {
    let flow = admission.flow();
    tokio::select! {
        () = admission.all_settled() => return,
        () = flow.abort().cancelled() => admission.abandon_replays(),
    }
    tokio::select! {
        () = admission.all_settled() => {}
        () = flow.writes_given_up() => {}
    }
}

/// Sends failed batches again when their pause is over, or gives them to another output when that
/// was done too often.
async fn replay_loop(
    admission: Arc<Admission>,
    batches: Sender<MessageBatch>,
    exhausted: Option<Arc<dyn Sink>>,
    abort: CancellationToken,
    stop: CancellationToken,
) {
    let mut writes = JoinSet::new();
    loop {
        let due = tokio::select! {
            due = admission.next_replay() => due,
            () = abort.cancelled() => {
                // Nobody else may be left to tell the input.
                stop.cancel();
                admission.abandon_replays();
                tokio::select! {
                    () = async { while writes.join_next().await.is_some() {} } => {}
                    () = admission.flow().writes_given_up() => {}
                }
                return;
            }
        };
        while writes.try_join_next().is_some() {}
        match (due, &exhausted) {
            (Due::GivenUp(batch), Some(sink)) => {
                writes.spawn(write(Arc::clone(sink), batch, admission.flow().clone()));
            }
            (Due::Again(batch) | Due::GivenUp(batch), _) => {
                let pushed = tokio::select! {
                    pushed = batches.push(batch) => pushed.is_ok(),
                    // The abort is heard above.
                    () = abort.cancelled() => true,
                };
                if !pushed {
                    // Nobody reads any more: the batch has failed again by being dropped.
                    return;
                }
            }
        }
    }
}

async fn write(sink: Arc<dyn Sink>, mut batch: MessageBatch, flow: Flow) {
    let origins = batch.take_origins();
    let outcomes = sink.write(batch).await;
    flow.fail_if_fatal(&outcomes);
    settle_all(origins, &outcomes);
}

async fn read_loop(
    input: &mut dyn Input,
    admission: &Arc<Admission>,
    writer: &SourceWriter,
    link: &Link,
) -> Result<(), Error> {
    let stop = writer.stop().clone();
    let mut backoff = Backoff::new(PAUSE_INITIAL, PAUSE_MAX);
    while !stop.is_cancelled() {
        let connected = tokio::select! {
            connected = input.connect() => connected,
            () = stop.cancelled() => return Ok(()),
        };
        match connected {
            Ok(()) => link.up(),
            Err(error) if error.class() == ErrorClass::EndOfInput => return Ok(()),
            Err(error) if error.class() == ErrorClass::Fatal => {
                return Err(link.ended(&error, admission));
            }
            Err(error) => {
                let pause = backoff.pause();
                link.down(&error, pause);
                sleep(pause, &stop).await;
                continue;
            }
        }
        if let Some(result) = read_connected(input, admission, writer, link, &mut backoff).await {
            return result;
        }
    }
    Ok(())
}

/// Reads until the connection is lost (`None`), the input ends, or it is stopped.
async fn read_connected(
    input: &mut dyn Input,
    admission: &Arc<Admission>,
    writer: &SourceWriter,
    link: &Link,
    backoff: &mut Backoff,
) -> Option<Result<(), Error>> {
    let stop = writer.stop().clone();
    let mut outage = input.outage();
    loop {
        let pressing = admission.press_if_full(input.in_flight_max());
        let incoming = tokio::select! {
            incoming = input.read() => incoming,
            news = changed(&mut outage) => {
                link.report_outage(news.as_ref());
                continue;
            }
            () = stop.cancelled() => return Some(Ok(())),
        };
        drop(pressing);
        match incoming {
            Ok(incoming) => {
                backoff.reset();
                let mut admitted = admission.admit(incoming).await;
                writer.batches.push_run(&mut admitted).await;
                if !admitted.is_empty() {
                    return Some(Ok(()));
                }
            }
            Err(error) => match error.class() {
                ErrorClass::EndOfInput => return Some(Ok(())),
                ErrorClass::Fatal => {
                    return Some(Err(link.ended(&error, admission)));
                }
                ErrorClass::NotConnected => {
                    let pause = backoff.pause();
                    link.down(&error, pause);
                    sleep(pause, &stop).await;
                    return None;
                }
                ErrorClass::Rejected => {
                    link.unreadable(&error, admission);
                    sleep(backoff.pause(), &stop).await;
                }
                ErrorClass::Retry => {
                    link.failed(&error);
                    sleep(backoff.pause(), &stop).await;
                }
            },
        }
    }
}

/// The next news of an outage: why there is one, or that it is over.
async fn changed(outage: &mut Option<watch::Receiver<Option<Error>>>) -> Option<Error> {
    if let Some(told) = outage
        && told.changed().await.is_ok()
    {
        return told.borrow_and_update().clone();
    }
    // There are none any more: a read tells of what ends the connection.
    *outage = None;
    std::future::pending().await
}

async fn sleep(pause: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(pause) => {}
        () = stop.cancelled() => {}
    }
}

async fn run_blocking(
    input: Box<dyn BlockingInput>,
    admission: &Arc<Admission>,
    writer: &SourceWriter,
    link: Link,
) -> Result<(), Error> {
    let reader = Reader {
        input,
        admission: Arc::clone(admission),
        batches: writer.batches.clone(),
        stop: writer.stop().clone(),
        runtime: tokio::runtime::Handle::current(),
        link,
    };
    let thread = OwnThread::spawn("input", move || reader.run())
        .map_err(|error| Error::fatal(format!("start the thread of an input: {error}")))?;
    let (mut input, read) = match thread.join().await {
        Ok(done) => done,
        Err(panic) => return Err(Error::fatal(format!("the input panicked: {panic}"))),
    };
    writer.exhaust();
    wait_settled(admission).await;
    let closed = tokio::task::spawn_blocking(move || input.close())
        .await
        .unwrap_or_else(|panic| Err(Error::fatal(format!("the input panicked: {panic}"))));
    read.and(closed)
}

/// The thread of a blocking input.
struct Reader {
    input: Box<dyn BlockingInput>,
    admission: Arc<Admission>,
    batches: Sender<MessageBatch>,
    stop: CancellationToken,
    runtime: tokio::runtime::Handle,
    link: Link,
}

impl Reader {
    fn run(mut self) -> (Box<dyn BlockingInput>, Result<(), Error>) {
        self.input.hear_stop(&self.stop);
        let result = self.connect_and_read();
        if result.is_ok() {
            self.hand_over_taken();
        }
        self.link.tell_unreadable();
        (self.input, result)
    }

    fn connect_and_read(&mut self) -> Result<(), Error> {
        let mut backoff = Backoff::new(PAUSE_INITIAL, PAUSE_MAX);
        let mut connected = false;
        let mut incoming = Vec::with_capacity(RUN_MAX);
        let mut run = VecDeque::with_capacity(RUN_MAX);
        while !self.stop.is_cancelled() {
            let step = if connected {
                let read = self.input.read(RUN_MAX, &mut incoming);
                if !self.hand_over(&mut incoming, &mut run) {
                    return Ok(());
                }
                read
            } else {
                self.input.connect().map(|()| {
                    connected = true;
                    self.link.up();
                })
            };
            match step {
                Ok(()) => backoff.reset(),
                Err(error) if error.class() == ErrorClass::EndOfInput => return Ok(()),
                Err(error) if error.class() == ErrorClass::Fatal => {
                    return Err(self.link.ended(&error, &self.admission));
                }
                // The next reading goes on behind what was refused: there is nothing to wait for.
                Err(error) if connected && error.class() == ErrorClass::Rejected => {
                    self.link.unreadable(&error, &self.admission);
                }
                Err(error) if connected && error.class() == ErrorClass::Retry => {
                    self.link.failed(&error);
                    self.runtime.block_on(sleep(backoff.pause(), &self.stop));
                }
                Err(error) => {
                    let pause = backoff.pause();
                    connected = false;
                    self.link.down(&error, pause);
                    self.runtime.block_on(sleep(pause, &self.stop));
                }
            }
        }
        Ok(())
    }

    /// Hands over what nobody can read again; where nobody reads it any more either, it is accounted.
    fn hand_over_taken(&mut self) {
        let (mut incoming, mut run) = (Vec::new(), VecDeque::new());
        loop {
            let goes_on = self.input.read_taken(&mut incoming);
            self.hand_over(&mut incoming, &mut run);
            run.clear();
            if !goes_on {
                return;
            }
        }
    }

    /// Admits what was read and hands it over; false when nobody reads any more.
    fn hand_over(&self, incoming: &mut Vec<Incoming>, run: &mut VecDeque<MessageBatch>) -> bool {
        if !self.admission.try_admit(incoming, run) {
            for read in incoming.drain(..) {
                // What is admitted already has to move on, or the budget is never released.
                self.batches.push_run_blocking(run);
                run.extend(self.runtime.block_on(self.admission.admit(read)));
            }
        }
        self.batches.push_run_blocking(run);
        run.is_empty()
    }
}
