//! The `memory` buffer.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use millrace_component::{
    AgeSlot, Ages, Backoff, BatchPolicy, Batcher, Buffer, BufferConfig, BuildContext, BuiltBuffer,
    Descriptor, Flow, Guarantee, HANDED_OVER, Identity, Kind, LOST_WITH_BUFFER, Ledger, Leftover,
    Legacy, Source, SourceWriter, Urgency, track,
};
use millrace_message::{Error, MessageBatch, Origin, Outcome, Outcomes, Settle, Transaction};
use millrace_spec::{Node, ReadContext, Spec, codes};
use millrace_telemetry::metric::{BufferMetrics, Gauge};
use smallvec::SmallVec;

use self::held::Held;
use super::failed::{rest, take_failed};

mod held;

/// Holds messages in memory between the input and the pipeline, up to a number of bytes.
///
/// The input is acknowledged when its message is in the buffer: what the buffer holds is lost
/// with the process. A message that the output does not accept is sent again from the buffer.
/// What is left when the time for an orderly end is over is counted and reported as dropped, or goes to
/// the changed config where that is why it ends (`--watcher`).
///
/// Messages cost memory beside their payloads: with their metadata and 512 bytes for each, what is
/// held stays within `memory_limit`, too.
///
/// A batch above one of these bounds enters alone, once the buffer is empty, and is acknowledged
/// only when the output has accepted it.
#[derive(Clone, Debug, Spec)]
#[spec(buffer = "memory", category = "Utility", check = check)]
pub struct Config {
    /// The payload bytes that the buffer may hold.
    #[spec(default = 524_288_000)]
    limit: u64,
    /// Whether new messages are dropped while the buffer is full; not supported: the input waits.
    #[spec(default = false, advanced)]
    spillover: bool,
    /// How messages are collected into batches when they leave.
    #[spec(advanced)]
    batch_policy: LeavingPolicy,
}

/// How messages are collected into batches when they leave.
#[derive(Clone, Debug, Spec)]
struct LeavingPolicy {
    /// Whether they are collected.
    #[spec(default = false)]
    enabled: bool,
    /// When messages become a batch.
    #[spec(flatten)]
    policy: BatchPolicy,
}

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    if config.spillover {
        let span = node.field_span("spillover");
        let message = "`spillover` is not supported: it loses messages that were received";
        cx.error(codes::NOT_SUPPORTED, span, message).help =
            Some("leave it out; a full buffer makes its input wait".to_owned());
    }
}

impl BufferConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltBuffer, Error> {
        let policy = &self.batch_policy;
        let batcher = if policy.enabled {
            Some(policy.policy.build(cx, "memory.batch_policy")?)
        } else {
            None
        };
        Ok(Box::new(Memory {
            limit: usize::try_from(self.limit).unwrap_or(usize::MAX),
            batcher,
            legacy: cx.flow().legacy(cx.path()),
            flow: cx.flow().clone(),
            ledger: cx.flow().behind_buffer(),
            ages: cx.flow().ages(cx.path()),
            metrics: BufferMetrics::new(cx.metrics()),
            active: cx.metrics().gauge("buffer_active", &[]),
            identity: Arc::clone(cx.identity()),
        }))
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::OnArrival
    }
}

pub const COMPONENT: Descriptor = Descriptor::buffer::<Config>();

/// Messages that may wait between the buffer and the pipeline, beside what the buffer holds.
const EDGE_CAPACITY: usize = 64;
/// The pauses before a message is sent again.
const PAUSE_INITIAL: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_secs(1);

struct Memory {
    limit: usize,
    batcher: Option<Batcher>,
    /// What the buffer of an earlier stream held.
    legacy: Option<Legacy>,
    flow: Flow,
    ledger: Ledger,
    ages: Ages,
    metrics: BufferMetrics,
    active: Gauge,
    identity: Arc<Identity>,
}

impl Buffer for Memory {
    fn run(self: Box<Self>, upstream: Source) -> Source {
        Source::spawn(EDGE_CAPACITY, |writer| {
            Running::new(*self, upstream, writer).run()
        })
    }
}

/// A batch that left the buffer, with what became of it.
struct Returned {
    batch: MessageBatch,
    /// What its messages are accounted by.
    origins: SmallVec<[Origin; 1]>,
    held: Held,
    outcomes: Outcomes,
    attempt: Attempt,
}

/// What a batch of the buffer keeps from one attempt to the next.
struct Attempt {
    since: Instant,
    /// Of the batches of the buffer.
    number: u64,
    backoff: Backoff,
    age: AgeSlot,
}

struct Running {
    memory: Memory,
    upstream: Source,
    writer: SourceWriter,
    /// With the policy that collects.
    collected: Held,
    /// Waiting, under way, or to be sent again.
    sent: Held,
    /// Read, but not yet taken in.
    waiting: Option<MessageBatch>,
    ready: VecDeque<MessageBatch>,
    under_way: FuturesUnordered<BoxFuture<'static, Returned>>,
    upstream_open: bool,
    next_number: u64,
}

impl Running {
    fn new(memory: Memory, upstream: Source, writer: SourceWriter) -> Self {
        Self {
            memory,
            upstream,
            writer,
            collected: Held::default(),
            sent: Held::default(),
            waiting: None,
            ready: VecDeque::new(),
            under_way: FuturesUnordered::new(),
            upstream_open: true,
            next_number: 0,
        }
    }

    async fn run(mut self) -> Result<(), Error> {
        let stop = self.writer.stop().clone();
        let flow = self.memory.flow.clone();
        let mut exhausted = self.upstream.exhausted();
        let (mut stopping, mut stalled) = (false, None);
        self.take_over().await;
        while !self.is_done() {
            let deadline = self.memory.batcher.as_ref().and_then(Batcher::deadline);
            tokio::select! {
                biased;
                () = flow.abort().cancelled() => break,
                () = stop.cancelled(), if !stopping => {
                    stopping = true;
                    self.upstream.stop();
                }
                Some(returned) = self.under_way.next() => self.settle(returned),
                () = self.writer.batches.push_run(&mut self.ready), if !self.ready.is_empty() => {}
                batch = self.upstream.batches().pop(),
                    if self.upstream_open && self.waiting.is_none() => match batch {
                        Some(batch) => self.waiting = Some(batch),
                        None => self.upstream_open = false,
                    },
                () = Batcher::due(deadline), if deadline.is_some() => self.flush().await,
                Ok(()) = exhausted.changed() => {}
            }
            self.take_in().await;
            if self.waiting.is_none() {
                stalled = None;
            } else {
                if self.under_way.is_empty() {
                    // Nothing but what the policy holds can make room.
                    self.flush().await;
                }
                // Nor can what an output holds until more comes.
                stalled.get_or_insert_with(|| flow.press(Urgency::Stalled));
            }
            let nothing_more = !self.upstream_open
                || *exhausted.borrow() && self.upstream.batches().gauge().depth() == 0;
            if nothing_more && self.waiting.is_none() {
                self.flush().await;
                self.writer.exhaust();
            }
        }
        drop(stalled);
        self.end().await
    }

    fn is_done(&self) -> bool {
        !self.upstream_open && self.waiting.is_none() && self.held().messages == 0
    }

    /// What is in the buffer.
    fn held(&self) -> Held {
        let mut held = self.sent;
        held += self.collected;
        held
    }

    /// Takes the waiting batch in when there is room for it.
    async fn take_in(&mut self) {
        let Some(batch) = self.waiting.take() else {
            return;
        };
        let held = self.held();
        let mut all = held;
        all += Held::of(&batch);
        let has_room =
            all.payload <= self.memory.limit && all.memory <= self.memory.flow.budget().limit();
        match (has_room, held.messages) {
            (true, _) => self.accept(batch).await,
            (false, 0) => self.accept_alone(batch),
            (false, _) => self.waiting = Some(batch),
        }
    }

    /// A batch above the limit keeps its origin: it is acknowledged when it is delivered.
    fn accept_alone(&mut self, mut batch: MessageBatch) {
        self.count_in(batch.len());
        let held = Held::of(&batch);
        let origins = batch.take_origins();
        let ledger = self.memory.ledger.clone();
        let outcomes = track(&mut batch);
        let attempt = self.first_attempt();
        let messages = batch.len();
        self.sent += held;
        self.show_active();
        self.emit(batch);
        self.under_way.push(Box::pin(async move {
            let outcomes = outcomes.await;
            for index in 0..messages {
                ledger.settle(&outcomes.get(index));
            }
            millrace_message::settle_all(origins, &outcomes);
            Returned {
                batch: MessageBatch::new(),
                origins: SmallVec::new(),
                held,
                outcomes: Outcomes::DELIVERED,
                attempt,
            }
        }));
    }

    fn first_attempt(&mut self) -> Attempt {
        let since = Instant::now();
        self.next_number += 1;
        Attempt {
            since,
            number: self.next_number,
            backoff: Backoff::new(PAUSE_INITIAL, PAUSE_MAX),
            age: self.memory.ages.enter(since, 1),
        }
    }

    /// Takes in what an earlier buffer was left with, before anything is read.
    async fn take_over(&mut self) {
        let Some(legacy) = self.memory.legacy.take() else {
            return;
        };
        for leftover in legacy.taken_over().await {
            self.hold(leftover.batch).await;
        }
    }

    async fn accept(&mut self, mut batch: MessageBatch) {
        for origin in batch.take_origins() {
            origin.deliver();
        }
        self.hold(batch).await;
    }

    /// Takes charge of messages that nobody else has any more.
    async fn hold(&mut self, mut batch: MessageBatch) {
        self.count_in(batch.len());
        self.account(&mut batch);
        let Some(batcher) = &mut self.memory.batcher else {
            let attempt = self.first_attempt();
            return self.send(batch, attempt);
        };
        self.collected += Held::of(&batch);
        if batcher.add(batch) {
            self.flush().await;
        }
        self.show_active();
    }

    /// Lets the ledger hear what becomes of each message: the processors of the policy may remove,
    /// join and split them.
    fn account(&self, batch: &mut MessageBatch) {
        let account = Account(self.memory.ledger.clone());
        let origins = Transaction::open(batch.len(), Box::new(account));
        for (message, origin) in batch.iter_mut().zip(origins) {
            message.set_origin(origin);
        }
    }

    async fn flush(&mut self) {
        let Some(batcher) = &mut self.memory.batcher else {
            return;
        };
        let batches = batcher.flush().await;
        self.collected = Held::default();
        for batch in batches {
            let attempt = self.first_attempt();
            self.send(batch, attempt);
        }
    }

    fn count_in(&mut self, messages: usize) {
        self.memory.ledger.receive(messages);
        self.memory.metrics.received.add(messages as u64);
        self.memory.metrics.batch_received.inc();
    }

    fn show_active(&self) {
        self.memory.active.set(self.held().payload as f64);
    }

    fn emit(&mut self, batch: MessageBatch) {
        self.memory.metrics.sent.add(batch.len() as u64);
        self.memory.metrics.batch_sent.inc();
        self.ready.push_back(batch);
    }

    /// Sends a batch of the buffer on, and keeps copies until its outcome is known.
    fn send(&mut self, mut batch: MessageBatch, mut attempt: Attempt) {
        let origins = batch.take_origins();
        let copies = batch.detached();
        let held = Held::of(&copies);
        let outcomes = track(&mut batch);
        self.sent += held;
        self.show_active();
        self.emit(batch);
        let latency = self.memory.metrics.latency.clone();
        let flow = self.memory.flow.clone();
        let started = Instant::now();
        self.under_way.push(Box::pin(async move {
            let outcomes = outcomes.await;
            latency.observe(started.elapsed());
            if !outcomes.is_success() {
                rest(attempt.backoff.pause(), &flow).await;
            }
            Returned {
                batch: copies,
                origins,
                held,
                outcomes,
                attempt,
            }
        }));
    }

    /// Accounts what is settled, and sends again what failed.
    fn settle(&mut self, returned: Returned) {
        let Returned {
            batch,
            origins,
            held,
            outcomes,
            attempt,
        } = returned;
        self.sent -= held;
        let failed = take_failed(batch, origins, &outcomes);
        if failed.is_empty() || self.memory.flow.abort().is_cancelled() {
            self.memory.ages.leave(attempt.age);
            self.leave(failed, attempt.since, attempt.number);
        } else {
            self.memory.ledger.replay(failed.len());
            self.send(failed, attempt);
        }
        self.show_active();
    }

    /// Lets go of what the buffer has acknowledged: it is left to the next stream, or lost with the buffer
    /// when there is none.
    fn leave(&self, mut batch: MessageBatch, since: Instant, number: u64) {
        let leftovers = self.memory.flow.leftovers();
        if batch.is_empty() || !leftovers.is_wanted() {
            return;
        }
        for origin in batch.take_origins() {
            origin.settle(Outcome::Dropped {
                reason: HANDED_OVER.into(),
            });
        }
        leftovers.keep(Leftover {
            path: self.memory.identity.path.as_ref().into(),
            since,
            number,
            batch,
        });
    }

    /// Counts what is left as dropped, because its source believes that it was delivered; what
    /// its source still waits for goes back to it. What is being written is neither before the output
    /// has told what became of it.
    async fn end(mut self) -> Result<(), Error> {
        let ledger = self.memory.ledger.clone();
        let identity = Arc::clone(&self.memory.identity);
        let before = lost(&ledger);
        // What is let go of settles: that tells what was delivered of a batch from what is lost. The
        // input waits for what was not taken in.
        self.waiting = None;
        self.ready.clear();
        if let Some(mut batcher) = self.memory.batcher.take() {
            self.leave(batcher.take(), Instant::now(), u64::MAX);
        }
        while let Some(returned) = self.under_way.next().await {
            self.settle(returned);
        }
        drop((self.writer, self.memory));
        let messages = lost(&ledger) - before;
        if messages > 0 {
            tracing::error!(
                component = &*identity.component,
                path = &*identity.path,
                label = &*identity.label,
                messages,
                "the memory buffer is dropped with what it holds"
            );
        }
        self.upstream.finish().await
    }
}

/// How many messages count as lost with the buffer.
fn lost(ledger: &Ledger) -> u64 {
    ledger.balance().count(Kind::Dropped, LOST_WITH_BUFFER)
}

/// Accounts the messages of a batch that the buffer has acknowledged.
struct Account(Ledger);

impl Settle for Account {
    fn settle(self: Box<Self>, outcomes: SmallVec<[Outcome; 1]>) {
        for outcome in outcomes {
            // What fails is sent again as long as there is a buffer.
            self.0.settle(&match outcome {
                Outcome::Failed(_) => Outcome::Dropped {
                    reason: LOST_WITH_BUFFER.into(),
                },
                outcome => outcome,
            });
        }
    }
}

#[cfg(test)]
mod contract {
    use millrace_component::conformance;

    use crate::testing::bench;

    #[tokio::test]
    async fn memory_keeps_the_promises_of_a_buffer() {
        conformance::buffer(bench, "memory: { limit: 1000 }").await;
    }
}

#[cfg(test)]
mod tests;
