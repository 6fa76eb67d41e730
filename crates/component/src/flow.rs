//! What all stages of one stream share: its connections, how urgent it is to flush, when to
//! stop, and the ledger of its messages.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use millrace_message::{Error, Halt, Outcomes};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::heirs::Heirs;
use crate::pressure::Pressure;
use crate::queue::QueueGauge;
use crate::{Ages, Budget, Ledger, Leftovers, Legacy, Pressing, Urgency};

/// How long a write that is under way at the abort may go on, to tell what became of it.
const WRITES_GRACE: Duration = Duration::from_secs(1);

/// Shared by all stages of one stream. Cloning copies a pointer.
#[derive(Clone)]
pub struct Flow {
    shared: Arc<Shared>,
}

struct Shared {
    budget: Budget,
    ledger: Ledger,
    leftovers: Leftovers,
    heirs: Heirs,
    behind_buffer: OnceLock<Ledger>,
    pressure: Pressure,
    connections: Mutex<Vec<Connection>>,
    edges: Mutex<Vec<Arc<Edge>>>,
    ages: Mutex<Vec<(Box<str>, Ages)>>,
    files: Mutex<Vec<WrittenFile>>,
    kept: Mutex<Vec<Kept>>,
    has_faults: AtomicBool,
    writes_in_place: AtomicBool,
    /// The smallest bound of an input on how often its messages are sent again.
    attempts_max: AtomicU64,
    abort: CancellationToken,
    failure: watch::Sender<Option<Error>>,
    unfinished: Mutex<Option<Error>>,
}

impl Flow {
    /// A stream that takes its memory from `budget` and accounts in `ledger`, and that no other one
    /// follows.
    pub fn new(budget: Budget, ledger: Ledger) -> Self {
        Self::in_turn(budget, ledger, Leftovers::default())
    }

    /// As [`Flow::new`], in a process whose streams leave to the next one what they have not delivered.
    pub fn in_turn(budget: Budget, ledger: Ledger, leftovers: Leftovers) -> Self {
        let pressure = Pressure::new();
        budget.press(&pressure);
        Self {
            shared: Arc::new(Shared {
                budget,
                ledger,
                heirs: Heirs::new(leftovers.clone()),
                leftovers,
                behind_buffer: OnceLock::new(),
                pressure,
                connections: Mutex::default(),
                edges: Mutex::default(),
                ages: Mutex::default(),
                files: Mutex::default(),
                kept: Mutex::default(),
                has_faults: AtomicBool::new(false),
                writes_in_place: AtomicBool::new(false),
                attempts_max: AtomicU64::new(u64::MAX),
                abort: CancellationToken::new(),
                failure: watch::Sender::new(None),
                unfinished: Mutex::default(),
            }),
        }
    }

    /// The byte budget of the process.
    pub fn budget(&self) -> &Budget {
        &self.shared.budget
    }

    /// The accounting of source messages.
    pub fn ledger(&self) -> &Ledger {
        &self.shared.ledger
    }

    /// What one stream of the process leaves to the next.
    pub fn leftovers(&self) -> &Leftovers {
        &self.shared.leftovers
    }

    /// What the component at `path` takes over from the one that was there, to begin with; `None` when
    /// nothing is left. Ask while the stream is built.
    pub fn legacy(&self, path: &str) -> Option<Legacy> {
        self.shared.heirs.promise(path)
    }

    /// What no component has asked for with [`Flow::legacy`]; `None` when nothing is.
    pub fn rest(&self) -> Option<Legacy> {
        self.shared.heirs.promise_rest()
    }

    /// Says whether the stream has started: then what was promised is given.
    pub fn settle_legacies(&self, has_started: bool) {
        match has_started {
            true => self.shared.heirs.hand_over(),
            false => self.shared.heirs.disown(),
        }
    }

    /// The accounting behind a buffer that acknowledges before delivery, which splits the ledger
    /// in two; it exists from the first call on.
    pub fn behind_buffer(&self) -> Ledger {
        self.shared
            .behind_buffer
            .get_or_init(Ledger::default)
            .clone()
    }

    /// The accounting behind a buffer, when there is such a buffer.
    pub fn buffer_ledger(&self) -> Option<&Ledger> {
        self.shared.behind_buffer.get()
    }

    /// Says that what fails is written again in place, since a message that is sent through the
    /// stream again would come behind the later ones of its shard.
    pub fn write_in_place(&self) {
        self.shared.writes_in_place.store(true, Ordering::Relaxed);
    }

    /// Whether what fails is written again in place.
    pub fn writes_in_place(&self) -> bool {
        self.shared.writes_in_place.load(Ordering::Relaxed)
    }

    /// Notes how often an input wants its messages to be sent again. Who writes in place does not
    /// know of which input a message is, so the smallest bound holds for all.
    pub fn bound_attempts(&self, max: u64) {
        self.shared.attempts_max.fetch_min(max, Ordering::Relaxed);
    }

    /// How often a write is tried again in place before the message is given up.
    pub fn attempts_max(&self) -> u64 {
        self.shared.attempts_max.load(Ordering::Relaxed)
    }

    /// How urgent it is to flush, as it changes.
    pub fn urgency(&self) -> watch::Receiver<Urgency> {
        self.shared.pressure.subscribe()
    }

    /// Says that no new message will come: from now on nothing is held back.
    pub fn drain(&self) {
        self.shared.pressure.drain();
    }

    /// Makes the stream at least as urgent as `level` while the returned guard lives: progress
    /// depends on what batching policies hold.
    pub fn press(&self, level: Urgency) -> Pressing {
        self.shared.pressure.press(level)
    }

    /// Registers the queue that the stage at `path` fills. As with every registration of a stream,
    /// a stage that is started again takes the place of the earlier one: who watches that one sees
    /// the new queue.
    pub fn edge<T: Send + 'static>(&self, path: &str, gauge: QueueGauge<T>) {
        let mut edges = self.shared.edges.lock();
        match edges.iter().find(|it| *it.path == *path) {
            Some(edge) => edge.start_again(gauge),
            None => edges.push(Arc::new(Edge::new(path, gauge))),
        }
    }

    /// Every registered queue.
    pub fn edges(&self) -> Vec<Arc<Edge>> {
        self.shared.edges.lock().clone()
    }

    /// Registers a place whose batches have to settle; what enters is told by its age.
    pub fn ages(&self, path: &str) -> Ages {
        let mut all = self.shared.ages.lock();
        if let Some((_, ages)) = all.iter().find(|(at, _)| **at == *path) {
            return ages.clone();
        }
        let ages = Ages::default();
        all.push((path.into(), ages.clone()));
        ages
    }

    /// Every registered place whose batches have to settle, with its path.
    pub fn all_ages(&self) -> Vec<(Box<str>, Ages)> {
        self.shared.ages.lock().clone()
    }

    /// Notes that all messages of the output at `path` are written to this file, for the closing
    /// report.
    pub fn writes_to(&self, file: &str, path: &str) {
        let mut files = self.shared.files.lock();
        if !files.iter().any(|it| *it.output == *path) {
            files.push(WrittenFile {
                file: file.into(),
                output: path.into(),
            });
        }
    }

    /// The files that messages are written to.
    pub fn files(&self) -> Vec<Box<str>> {
        let mut names: Vec<Box<str>> = Vec::new();
        for written in self.shared.files.lock().iter() {
            if !names.contains(&written.file) {
                names.push(written.file.clone());
            }
        }
        names
    }

    /// The leaf outputs that keep messages elsewhere than in one of these files, each as
    /// `component at path`.
    pub fn other_outputs(&self) -> Vec<Box<str>> {
        let files = self.shared.files.lock();
        let connections = self.shared.connections.lock();
        let others = connections.iter().filter(|it| {
            it.side() == Side::Output
                && it.component() != "drop"
                && !files.iter().any(|file| *file.output == *it.path())
        });
        others
            .map(|it| format!("{} at {}", it.component(), it.path()).into())
            .collect()
    }

    /// Notes what a buffer keeps at its end, for the closing report.
    pub fn keeps(&self, kept: Kept) {
        self.shared.kept.lock().push(kept);
    }

    /// What the buffers have kept at their end.
    pub fn kept(&self) -> Vec<Kept> {
        self.shared.kept.lock().clone()
    }

    /// Notes that a processor has failed on a message.
    pub fn note_fault(&self) {
        self.shared.has_faults.store(true, Ordering::Release);
    }

    /// Whether a processor has failed on a message.
    pub fn has_faults(&self) -> bool {
        self.shared.has_faults.load(Ordering::Acquire)
    }

    /// Cancelled when the time for an orderly end is over: stages drop what they hold, which
    /// gives it back to the source. What is being written is let go of somewhat later, at
    /// [`Flow::writes_given_up`].
    pub fn abort(&self) -> &CancellationToken {
        &self.shared.abort
    }

    /// What a program that runs for a message asks, to end at the abort.
    pub fn halt(&self) -> Halt {
        let abort = self.abort().clone();
        Halt::when(move || abort.is_cancelled())
    }

    /// Waits until the writes are given up that were under way at the abort: a second after it. Until
    /// then they tell what became of their messages; a write that is let go of earlier may be counted
    /// as failed although it succeeds.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped; asked again, the second begins anew.
    pub async fn writes_given_up(&self) {
        self.abort().cancelled().await;
        tokio::time::sleep(WRITES_GRACE).await;
    }

    /// Says that the stream cannot go on, and why: it is ended at once, and what has not settled
    /// goes back to its source. The first reason counts.
    pub fn fail(&self, error: Error) {
        self.shared.failure.send_if_modified(|failure| {
            let is_first = failure.is_none();
            failure.get_or_insert(error);
            is_first
        });
    }

    /// As [`Flow::fail`], when an output that the stream cannot do without says that it cannot go on
    /// at all: the same messages would fail again for ever.
    pub fn fail_if_fatal(&self, outcomes: &Outcomes) {
        if let Some(error) = outcomes.first_fatal() {
            self.fail(error.clone());
        }
    }

    /// Waits until the stream cannot go on.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub async fn failed(&self) -> Error {
        let mut failure = self.shared.failure.subscribe();
        let failed = failure.wait_for(Option::is_some).await;
        match failed.ok().and_then(|it| it.clone()) {
            Some(error) => error,
            None => std::future::pending().await,
        }
    }

    /// Notes that an output could not finish what it had taken when it was closed, which no source can
    /// get back, or that an input could not read what there was: the stream ends with this error. The
    /// first one counts.
    pub fn note_unfinished(&self, error: Error) {
        self.shared.unfinished.lock().get_or_insert(error);
    }

    /// What was left undone.
    pub fn unfinished(&self) -> Option<Error> {
        self.shared.unfinished.lock().clone()
    }

    /// Registers the connection of a leaf input or output; it starts as not connected.
    pub fn connection(&self, side: Side, component: &str, path: &str, label: &str) -> Connection {
        let connection = Connection {
            shared: Arc::new(ConnectionState {
                side,
                component: component.into(),
                path: path.into(),
                label: label.into(),
                up: AtomicBool::new(false),
                failure: Mutex::new(None),
            }),
        };
        let mut connections = self.shared.connections.lock();
        connections.retain(|it| it.side() != side || it.path() != path);
        connections.push(connection.clone());
        connection
    }

    /// Every registered connection.
    pub fn connections(&self) -> Vec<Connection> {
        self.shared.connections.lock().clone()
    }

    /// Whether every leaf of the given side is connected.
    pub fn is_connected(&self, side: Side) -> bool {
        self.shared
            .connections
            .lock()
            .iter()
            .all(|it| it.shared.side != side || it.is_up())
    }
}

/// A file that an output writes all of its messages to.
struct WrittenFile {
    file: Box<str>,
    /// The path of the output.
    output: Box<str>,
}

/// What stays in a buffer on disk when the stream ends, for the next start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The file that it is in.
    pub file: Box<str>,
    /// How many messages.
    pub messages: u64,
    /// The bytes that they take there.
    pub bytes: u64,
}

/// A queue between two stages, for gauges.
pub struct Edge {
    path: Box<str>,
    queue: Mutex<EdgeQueue>,
}

struct EdgeQueue {
    gauge: Box<dyn Gauged>,
    /// How long the earlier starts of the stage have waited.
    blocked_before: Duration,
}

trait Gauged: Send + Sync {
    fn depth(&self) -> usize;
    fn blocked(&self) -> Duration;
}

impl<T: Send> Gauged for QueueGauge<T> {
    fn depth(&self) -> usize {
        Self::depth(self)
    }

    fn blocked(&self) -> Duration {
        Self::blocked(self)
    }
}

impl Edge {
    fn new<T: Send + 'static>(path: &str, gauge: QueueGauge<T>) -> Self {
        Self {
            path: path.into(),
            queue: Mutex::new(EdgeQueue {
                gauge: Box::new(gauge),
                blocked_before: Duration::ZERO,
            }),
        }
    }

    fn start_again<T: Send + 'static>(&self, gauge: QueueGauge<T>) {
        let mut queue = self.queue.lock();
        let blocked = queue.gauge.blocked();
        queue.blocked_before += blocked;
        queue.gauge = Box::new(gauge);
    }

    /// The place in the config of the stage that fills it.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// How many batches are queued.
    pub fn depth(&self) -> usize {
        self.queue.lock().gauge.depth()
    }

    /// How long that stage has waited for room.
    pub fn blocked(&self) -> Duration {
        let queue = self.queue.lock();
        queue.blocked_before + queue.gauge.blocked()
    }
}

/// Which end of a stream a connection belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// A leaf input.
    Input,
    /// A leaf output.
    Output,
}

/// Whether one leaf input or output is connected. Cloning copies a pointer.
#[derive(Clone)]
pub struct Connection {
    shared: Arc<ConnectionState>,
}

struct ConnectionState {
    side: Side,
    component: Box<str>,
    path: Box<str>,
    label: Box<str>,
    up: AtomicBool,
    /// Why there is none.
    failure: Mutex<Option<Error>>,
}

impl Connection {
    /// Records that the connection is there or gone.
    pub fn set_up(&self, up: bool) {
        self.shared.failure.lock().take();
        self.shared.up.store(up, Ordering::Release);
    }

    /// Records that the connection is gone or was not made, and why.
    pub fn set_failed(&self, error: &Error) {
        self.shared.up.store(false, Ordering::Release);
        *self.shared.failure.lock() = Some(error.clone());
    }

    /// Why there is no connection, where that is known.
    pub fn failure(&self) -> Option<Error> {
        self.shared.failure.lock().clone()
    }

    /// Whether the connection is there.
    pub fn is_up(&self) -> bool {
        self.shared.up.load(Ordering::Acquire)
    }

    /// The side of the stream.
    pub fn side(&self) -> Side {
        self.shared.side
    }

    /// The component's type name.
    pub fn component(&self) -> &str {
        &self.shared.component
    }

    /// Where it stands in the config.
    pub fn path(&self) -> &str {
        &self.shared.path
    }

    /// Its label, empty when it has none.
    pub fn label(&self) -> &str {
        &self.shared.label
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> millrace_message::MessageBatch {
        millrace_message::Message::from("x").into()
    }

    #[test]
    fn a_component_that_is_started_again_is_registered_once() {
        let flow = Flow::new(Budget::new(1), Ledger::default());
        let mut seen = None;
        for _ in 0..3 {
            let _ages = flow.ages("root.input");
            let (sender, receiver) = crate::queue::queue::<millrace_message::MessageBatch>(1);
            flow.edge("root.input", receiver.gauge());
            // Who has seen the first one sees what becomes of the later ones.
            let edge = seen.get_or_insert_with(|| flow.edges().remove(0));
            assert_eq!(edge.depth(), 0);
            sender.push_run_blocking(&mut [message()].into());
            assert_eq!(edge.depth(), 1);
            let input = flow.connection(Side::Input, "csv", "root.input", "");
            input.set_up(true);
        }
        assert_eq!(flow.all_ages().len(), 1);
        assert_eq!(flow.edges().len(), 1);
        assert_eq!(flow.connections().len(), 1);
        assert!(flow.is_connected(Side::Input));
    }

    #[tokio::test]
    async fn the_first_failure_is_the_one_that_is_told() {
        let flow = Flow::new(Budget::new(1), Ledger::default());
        flow.fail(Error::fatal("first"));
        flow.fail(Error::fatal("second"));
        assert_eq!(flow.failed().await.text(), "first");
    }
}
