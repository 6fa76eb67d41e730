//! Order by shard: messages with the same key are processed and written one after the other.
//!
//! ```text
//!            ┌→ queue 0 → pipeline thread 0 ─┐
//! source ─ route                             ├→ writer: one write under way for each shard
//!            └→ queue n → pipeline thread n ─┘
//! ```
//!
//! A shard belongs to one thread, so its batches reach the writer in order. The writer keeps at
//! most one message of a shard under way; what fails is written again in place, after a growing
//! pause, and holds back the later messages of its shard, until it has failed as often as the
//! `replay` of an input allows.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use millrace_component::{Backoff, Flow, Query, Receiver, Sender, Sink, Urgency, queue};
use millrace_message::{Message, MessageBatch, Outcome, Outcomes};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::chain::Chain;
use crate::faulted::Faulted;
use crate::runs;
use crate::writes::end_writes;

/// Messages that may wait for each pipeline thread, and for the writer.
const EDGE_CAPACITY: usize = 128;
/// Batches that wait in the writer for an earlier one of their shard, over all shards.
const WAITING_MAX: usize = 4096;
/// Batches taken from a queue in one step.
const RUN_MAX: usize = 64;
/// The pauses before a failed write is tried again.
const PAUSE_INITIAL: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// A batch and the shard it belongs to.
type Tagged = (u64, MessageBatch);

/// Starts the routing task and the pipeline threads; what they hand over is read by [`write`].
///
/// # Errors
/// The operating system refuses another thread.
pub(crate) fn spawn(
    threads: usize,
    shard_by: Query,
    chain: &Arc<Chain>,
    input: &Receiver<MessageBatch>,
    abort: &CancellationToken,
) -> std::io::Result<(Vec<JoinHandle<()>>, Receiver<Tagged>)> {
    let (results, written) = queue::queue(EDGE_CAPACITY);
    let mut queues = Vec::with_capacity(threads);
    let mut workers = Vec::with_capacity(threads);
    for index in 0..threads {
        let (sender, receiver) = queue::queue(EDGE_CAPACITY);
        queues.push(sender);
        let worker = Worker {
            chain: Arc::clone(chain),
            input: receiver,
            output: results.clone(),
            runtime: tokio::runtime::Handle::current(),
            abort: abort.clone(),
        };
        let thread = std::thread::Builder::new().name(format!("pipeline-{index}"));
        workers.push(thread.spawn(move || worker.run())?);
    }
    tokio::spawn(route(input.clone(), shard_by, queues));
    Ok((workers, written))
}

/// Hands each message to the thread of its shard.
async fn route(input: Receiver<MessageBatch>, shard_by: Query, queues: Vec<Sender<Tagged>>) {
    let mut run = Vec::with_capacity(RUN_MAX);
    while input.pop_run(RUN_MAX, &mut run).await {
        for batch in run.drain(..) {
            for (shard, part) in split(batch, &shard_by) {
                let thread = usize::try_from(shard % queues.len() as u64).unwrap_or(0);
                if queues[thread].push((shard, part)).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Cuts a batch into the parts of its shards, each in its order.
fn split(batch: MessageBatch, shard_by: &Query) -> Vec<Tagged> {
    let keys: Vec<u64> = (0..batch.len())
        .map(|index| key(&batch, index, shard_by))
        .collect();
    let mut parts: Vec<Tagged> = Vec::with_capacity(1);
    let mut places: HashMap<u64, usize> = HashMap::new();
    for (message, key) in batch.into_iter().zip(keys) {
        let place = *places.entry(key).or_insert(parts.len());
        match parts.get_mut(place) {
            Some((_, part)) => part.push(message),
            None => parts.push((key, MessageBatch::one(message))),
        }
    }
    parts
}

/// The shard of a message; all for which the query fails, or gives nothing, share one.
fn key(batch: &MessageBatch, index: usize, shard_by: &Query) -> u64 {
    match shard_by.value(batch, index) {
        Ok(Some(value)) => {
            let mut hasher = DefaultHasher::new();
            value.to_text().as_str().hash(&mut hasher);
            hasher.finish()
        }
        Ok(None) => 0,
        Err(error) => {
            error!("pipeline.shard_by: {error}; the message shares a shard with others like it");
            0
        }
    }
}

/// One pipeline thread: processes the batches of its shards in order.
struct Worker {
    chain: Arc<Chain>,
    input: Receiver<Tagged>,
    output: Sender<Tagged>,
    runtime: tokio::runtime::Handle,
    abort: CancellationToken,
}

impl Worker {
    fn run(&self) {
        runs::work(
            &self.input,
            RUN_MAX,
            &self.abort,
            |(shard, batch), results| {
                let batches = self.chain.run_on_thread(batch, &self.runtime);
                results.extend(batches.into_iter().map(|it| (shard, it)));
            },
            |results| self.output.push_run_blocking(results),
        );
    }
}

/// Writes every batch, those of one shard one after the other, and settles each.
///
/// While a batch waits for an earlier one of its shard, the stream is stalled: a batching policy
/// below the sink may hold that one back until more come.
pub(crate) async fn write(batches: Receiver<Tagged>, sink: Arc<dyn Sink>, flow: Flow) {
    let mut shards = Shards::default();
    let mut writes = FuturesUnordered::new();
    let mut open = true;
    let mut stalled = None;
    while open || !writes.is_empty() {
        let has_room = shards.waiting < WAITING_MAX && writes.len() < sink.capacity();
        let may_take = open && has_room;
        if has_room && shards.waiting == 0 {
            stalled = None;
        } else if stalled.is_none() {
            stalled = Some(flow.press(Urgency::Stalled));
        }
        tokio::select! {
            biased;
            () = flow.abort().cancelled() => break,
            Some(shard) = writes.next(), if !writes.is_empty() => {
                if let Some(next) = shards.next(shard) {
                    writes.push(deliver(&*sink, &flow, shard, next));
                }
            }
            batch = batches.pop(), if may_take => match batch {
                Some((shard, batch)) => {
                    if let Some(first) = shards.enter(shard, batch) {
                        writes.push(deliver(&*sink, &flow, shard, first));
                    }
                }
                None => open = false,
            },
        }
    }
    drop((batches, shards, stalled));
    end_writes(writes, &flow).await;
    sink.close().await;
}

/// The batches that wait for an earlier one of their shard; a shard is here while it is busy.
#[derive(Default)]
struct Shards {
    busy: HashMap<u64, VecDeque<MessageBatch>>,
    waiting: usize,
}

impl Shards {
    /// Takes a batch in; it is returned when its shard is free, which makes the shard busy.
    fn enter(&mut self, shard: u64, batch: MessageBatch) -> Option<MessageBatch> {
        match self.busy.get_mut(&shard) {
            Some(queue) => {
                queue.push_back(batch);
                self.waiting += 1;
                None
            }
            None => {
                self.busy.insert(shard, VecDeque::new());
                Some(batch)
            }
        }
    }

    /// The next batch of a shard whose write has ended; the shard is free when there is none.
    fn next(&mut self, shard: u64) -> Option<MessageBatch> {
        let next = self.busy.get_mut(&shard).and_then(VecDeque::pop_front);
        match next {
            Some(_) => self.waiting -= 1,
            None => {
                self.busy.remove(&shard);
            }
        }
        next
    }
}

/// Writes the messages of a batch, each when the one before it is settled: an output that goes on
/// behind one that fails would write it after the others. The shard is returned.
async fn deliver(sink: &dyn Sink, flow: &Flow, shard: u64, batch: MessageBatch) -> u64 {
    for message in batch {
        deliver_one(sink, flow, message).await;
    }
    shard
}

/// Writes a message until it is settled. When an output cannot go on at all, neither can the stream.
async fn deliver_one(sink: &dyn Sink, flow: &Flow, mut message: Message) {
    let mut backoff = Backoff::new(PAUSE_INITIAL, PAUSE_MAX);
    let mut attempts_left = flow.attempts_max();
    // At the abort, what is dropped here fails towards its source.
    while !flow.abort().is_cancelled() {
        let outcomes = sink.write(MessageBatch::one(message.detached())).await;
        flow.fail_if_fatal(&outcomes);
        match outcomes.get(0) {
            Outcome::Failed(error) if attempts_left > 0 && !flow.abort().is_cancelled() => {
                warn!("a write fails and holds back its shard: {error}");
            }
            outcome => {
                let faulted = Faulted::of_one(&message, flow);
                faulted.count(&Outcomes::All(outcome.clone()), flow);
                message.take_origin().settle(outcome);
                return;
            }
        }
        attempts_left -= 1;
        tokio::select! {
            () = tokio::time::sleep(backoff.pause()) => {}
            () = flow.abort().cancelled() => return,
        }
        flow.ledger().replay(1);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use millrace_component::{Budget, Ledger, track};
    use millrace_message::Error;
    use parking_lot::Mutex;

    use super::*;

    /// Accepts 64 writes at a time, fails every tenth, and finishes them out of order.
    struct Unreliable {
        attempts: AtomicUsize,
        written: Mutex<Vec<(u64, u64)>>,
        under_way: Mutex<HashMap<u64, usize>>,
        peak: AtomicUsize,
    }

    fn numbers(message: &Message) -> (u64, u64) {
        let text = String::from_utf8_lossy(message.bytes()).into_owned();
        let (key, number) = text.split_once(' ').unwrap();
        (key.parse().unwrap(), number.parse().unwrap())
    }

    #[async_trait]
    impl Sink for Unreliable {
        async fn write(&self, batch: MessageBatch) -> Outcomes {
            let attempt = self.attempts.fetch_add(1, Ordering::SeqCst);
            let (key, number) = numbers(&batch[0]);
            let now = {
                let mut under_way = self.under_way.lock();
                let of_key = under_way.entry(key).or_default();
                *of_key += 1;
                assert_eq!(*of_key, 1, "two writes of one shard at a time");
                under_way.values().sum()
            };
            self.peak.fetch_max(now, Ordering::SeqCst);
            for _ in 0..attempt % 7 {
                tokio::task::yield_now().await;
            }
            *self.under_way.lock().entry(key).or_default() -= 1;
            if attempt % 10 == 3 {
                return Outcomes::failed(Error::retry("refused"));
            }
            self.written.lock().push((key, number));
            Outcomes::DELIVERED
        }

        fn capacity(&self) -> usize {
            64
        }

        async fn close(&self) {}
    }

    /// Refuses a message the first time, and goes on with those behind it.
    #[derive(Default)]
    struct GoesOn(Mutex<Vec<String>>, Mutex<HashSet<String>>);

    #[async_trait]
    impl Sink for GoesOn {
        async fn write(&self, batch: MessageBatch) -> Outcomes {
            let outcomes = batch.iter().map(|message| {
                let text = String::from_utf8_lossy(message.bytes()).into_owned();
                if text == "1 1" && self.1.lock().insert(text.clone()) {
                    return Outcome::Failed(Error::retry("refused"));
                }
                self.0.lock().push(text);
                Outcome::Delivered
            });
            Outcomes::Each(outcomes.collect())
        }

        fn capacity(&self) -> usize {
            64
        }

        async fn close(&self) {}
    }

    #[tokio::test(start_paused = true)]
    async fn order_is_kept_within_a_batch_of_which_a_message_fails() {
        let (sender, receiver) = queue::queue(16);
        let flow = Flow::new(Budget::new(usize::MAX / 2), Ledger::default());
        let sink = Arc::new(GoesOn::default());
        let writer = tokio::spawn(write(receiver, sink.clone(), flow));
        let texts = ["1 0", "1 1", "1 2", "1 3"];
        let mut batch: MessageBatch = texts.map(Message::from).into_iter().collect();
        let outcomes = track(&mut batch);
        assert!(sender.push((1, batch)).await.is_ok());
        drop(sender);
        assert!(outcomes.await.is_success());
        writer.await.unwrap();
        assert_eq!(*sink.0.lock(), texts);
    }

    #[tokio::test(start_paused = true)]
    async fn order_is_kept_by_shard_with_64_in_flight_and_a_tenth_of_the_writes_failing() {
        const SHARDS: u64 = 100;
        const EACH: u64 = 50;
        let (sender, receiver) = queue::queue(16);
        let flow = Flow::new(Budget::new(usize::MAX / 2), Ledger::default());
        let sink = Arc::new(Unreliable {
            attempts: AtomicUsize::new(0),
            written: Mutex::default(),
            under_way: Mutex::default(),
            peak: AtomicUsize::new(0),
        });
        let writer = tokio::spawn(write(receiver, sink.clone(), flow));
        let mut settled = Vec::new();
        for number in 0..EACH {
            for shard in 0..SHARDS {
                let text = format!("{shard} {number}");
                let mut batch = MessageBatch::one(Message::from(text.as_str()));
                settled.push(track(&mut batch));
                assert!(sender.push((shard, batch)).await.is_ok());
            }
        }
        drop(sender);
        for outcomes in settled {
            assert!(outcomes.await.is_success());
        }
        writer.await.unwrap();
        let written = sink.written.lock();
        assert_eq!(written.len() as u64, SHARDS * EACH);
        for shard in 0..SHARDS {
            let order: Vec<_> = written
                .iter()
                .filter(|(key, _)| *key == shard)
                .map(|(_, it)| *it)
                .collect();
            assert_eq!(order, (0..EACH).collect::<Vec<_>>());
        }
        assert!(
            sink.peak.load(Ordering::SeqCst) > 32,
            "shards are written side by side"
        );
    }
}
