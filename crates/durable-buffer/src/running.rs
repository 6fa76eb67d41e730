//! What goes into the buffer and out of it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::{BoxFuture, OptionFuture};
use futures::stream::{FuturesOrdered, FuturesUnordered};
use millrace_component::{
    AgeSlot, Backoff, Batches, BuiltProcessor, Charge, Flow, Kept, Source, SourceWriter, Urgency,
    process_all, track,
};
use millrace_message::{Error, Message, MessageBatch, Origin, Outcome, Outcomes};
use smallvec::{SmallVec, smallvec};
use tokio::time::Instant;

use crate::DurableBuffer;
use crate::codec::{decode, encode};
use crate::store::{Rest, Row, Stock, Store};

/// Rows on their way to the disk at a time; more of them make larger transactions.
const STORING_MAX: usize = 1024;
/// Bytes that are read from the database in one step.
const LOAD_BYTES: usize = 1 << 20;
/// Bytes of rows that wait in memory for their turn, to leave or to leave again. What is on its way is
/// charged to the budget of the process; while the output fails, this bounds what came back.
const HELD_BYTES: u64 = 32 << 20;
/// The pauses before a message is sent again.
const PAUSE_INITIAL: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// The pauses after the database could not be read.
const LOAD_PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// A row whose commit is waited for.
struct Storing {
    batch: MessageBatch,
    origins: SmallVec<[Origin; 1]>,
    bytes: u64,
    stored: Result<i64, Error>,
}

/// A row on its way to the output, whole or what is left of it.
struct Leaving {
    id: i64,
    /// The bytes that its deletion sets free.
    bytes: u64,
    batch: MessageBatch,
    backoff: Backoff,
    /// Since when it is under way; `None` before it left for the first time.
    age: Option<AgeSlot>,
}

/// A row that came back, with what became of its messages.
struct Returned {
    row: Leaving,
    outcomes: Outcomes,
}

/// Why rows could not be read that are stored, until they are.
struct Unread {
    error: Error,
    backoff: Backoff,
    /// When it is tried again; none while it is.
    next: Option<Instant>,
}

/// Opens the store of a buffer between `upstream` and `writer`, and runs it.
pub async fn run<S: Store>(
    mut buffer: DurableBuffer<S>,
    upstream: Source,
    writer: SourceWriter,
) -> Result<(), Error> {
    match buffer.store.open().await {
        Ok(stock) => {
            if stock.bytes > 0 {
                let (component, bytes, place) = (&*buffer.name, stock.bytes, &buffer.place);
                tracing::info!(
                    component,
                    path = "root.buffer",
                    bytes,
                    place,
                    "what an earlier run has left is delivered first"
                );
            }
            Running::new(buffer, stock, upstream, writer).run().await
        }
        Err(error) => {
            let error = error.context(format_args!("open {}", buffer.place));
            // Else an input that sends again what comes back would never end.
            buffer.flow.fail(error.clone());
            upstream.stop();
            drop(writer);
            // What it has read goes back to where it came from.
            let _told = upstream.finish().await;
            Err(error)
        }
    }
}

/// The running buffer.
struct Running<S> {
    buffer: DurableBuffer<S>,
    upstream: Source,
    writer: SourceWriter,
    upstream_open: bool,
    /// Told to stop: nothing more leaves, what is stored stays for the next start.
    stopping: bool,
    /// A batch of the input on its way through the processors before the buffer.
    preparing: Option<BoxFuture<'static, Batches>>,
    /// Read from the input, and waiting for room.
    waiting: VecDeque<(MessageBatch, Vec<u8>)>,
    storing: FuturesOrdered<BoxFuture<'static, Storing>>,
    /// Bytes stored, and on their way there.
    stored_bytes: u64,
    /// Bytes of the rows in `next` and `resting`.
    held_bytes: u64,
    /// The last row that is stored, and the last one that was taken to leave.
    last_stored: i64,
    last_taken: i64,
    loading: Option<BoxFuture<'static, Result<Vec<Row>, Error>>>,
    /// The last row that was stored when the loading began.
    loading_until: i64,
    unread: Option<Unread>,
    /// Rows that may leave when the byte budget has room for them.
    next: VecDeque<Leaving>,
    /// A row on its way through the processors behind the buffer.
    passing: Option<BoxFuture<'static, Batches>>,
    ready: VecDeque<MessageBatch>,
    under_way: FuturesUnordered<BoxFuture<'static, Returned>>,
    /// Rows whose messages failed, until they are sent again.
    resting: FuturesUnordered<BoxFuture<'static, Leaving>>,
}

impl<S: Store> Running<S> {
    fn new(buffer: DurableBuffer<S>, stock: Stock, upstream: Source, writer: SourceWriter) -> Self {
        Self {
            buffer,
            upstream,
            writer,
            upstream_open: true,
            stopping: false,
            preparing: None,
            waiting: VecDeque::new(),
            storing: FuturesOrdered::new(),
            stored_bytes: stock.bytes,
            held_bytes: 0,
            last_stored: stock.last,
            last_taken: 0,
            loading: None,
            loading_until: 0,
            unread: None,
            next: VecDeque::new(),
            passing: None,
            ready: VecDeque::new(),
            under_way: FuturesUnordered::new(),
            resting: FuturesUnordered::new(),
        }
    }

    /// Runs until the input has ended and everything was delivered, or until it is told to stop.
    async fn run(mut self) -> Result<(), Error> {
        let stop = self.writer.stop().clone();
        let abort = self.buffer.flow.abort().clone();
        let budget = self.buffer.flow.budget().clone();
        let flow = self.buffer.flow.clone();
        let (mut result, mut stalled) = (Ok(()), None);
        // What an earlier process stored leaves although the input may have nothing to say.
        self.load_more();
        while !self.is_done() {
            let cost = self.next.front().map_or(0, |row| cost(&row.batch));
            let is_free = self.ready.is_empty() && self.passing.is_none();
            let may_leave = !self.next.is_empty() && is_free;
            tokio::select! {
                biased;
                () = abort.cancelled() => break,
                () = stop.cancelled(), if !self.stopping => self.begin_to_stop(),
                Some(returned) = self.under_way.next() => self.settle(returned),
                Some(storing) = self.storing.next() => self.acknowledge(storing),
                () = self.writer.batches.push_run(&mut self.ready), if !self.ready.is_empty() => {
                    // What is left is what nobody reads any more: dropped, it stays stored.
                    self.ready.clear();
                }
                Some(rows) = OptionFuture::from(self.loading.as_mut()) => {
                    self.loading = None;
                    if let Err(error) = self.take_loaded(rows) {
                        result = Err(error);
                        break;
                    }
                }
                () = paused(&mut self.unread) => {}
                Some(row) = self.resting.next() => self.next.push_front(row),
                // With nothing under way the budget may be held by what waits to get in here.
                () = std::future::ready(()), if may_leave && self.under_way.is_empty() => {
                    let charge = budget.try_charge(cost);
                    self.leave(charge);
                }
                charge = budget.charge(cost), if may_leave && !self.under_way.is_empty() => {
                    self.leave(Some(charge));
                }
                Some(batches) = OptionFuture::from(self.passing.as_mut()) => {
                    self.passing = None;
                    self.pass_on(batches);
                }
                Some(batches) = OptionFuture::from(self.preparing.as_mut()) => {
                    self.preparing = None;
                    self.take_in(batches);
                }
                batch = self.upstream.batches().pop(),
                    if self.upstream_open && self.waiting.is_empty() && self.preparing.is_none()
                        && self.storing.len() < STORING_MAX => match batch {
                    Some(batch) => self.prepare(batch),
                    None => self.upstream_open = false,
                },
            }
            self.store_waiting();
            if self.waiting.is_empty() {
                stalled = None;
            } else {
                // An output may hold what would make room, until more comes.
                stalled.get_or_insert_with(|| flow.press(Urgency::Stalled));
            }
            self.load_more();
            if self.is_exhausted() {
                self.writer.exhaust();
            }
        }
        drop(stalled);
        self.end(result).await
    }

    fn begin_to_stop(&mut self) {
        self.stopping = true;
        self.upstream.stop();
        self.next.clear();
        self.resting = FuturesUnordered::new();
        self.held_bytes = 0;
        self.loading = None;
    }

    fn is_drained(&self) -> bool {
        !self.upstream_open
            && self.preparing.is_none()
            && self.waiting.is_empty()
            && self.storing.is_empty()
    }

    /// Whether no row will leave that has not left before.
    fn is_exhausted(&self) -> bool {
        self.stopping
            || self.is_drained() && self.last_taken >= self.last_stored && self.next.is_empty()
    }

    fn is_done(&self) -> bool {
        self.is_drained()
            && self.is_exhausted()
            && self.passing.is_none()
            && self.ready.is_empty()
            && self.under_way.is_empty()
            && self.resting.is_empty()
    }

    /// Sends a batch of the input through the processors before the buffer.
    fn prepare(&mut self, batch: MessageBatch) {
        match self.buffer.pre_processors.is_empty() {
            true => self.take_in(smallvec![batch]),
            false => {
                let processors = Arc::clone(&self.buffer.pre_processors);
                let flow = self.buffer.flow.clone();
                self.preparing = Some(process(processors, batch, flow));
            }
        }
    }

    /// Prepares batches to be stored.
    fn take_in(&mut self, batches: Batches) {
        for batch in batches {
            if batch.is_empty() {
                continue;
            }
            match encode(&batch) {
                Ok(content) => self.waiting.push_back((batch, content)),
                Err(error) => batch.fail(&error),
            }
        }
    }

    /// Sends what waits to the disk, as long as there is room for it.
    fn store_waiting(&mut self) {
        while let Some((_, content)) = self.waiting.front() {
            let bytes = content.len() as u64;
            let has_room = self.stored_bytes.saturating_add(bytes) <= self.buffer.bytes_max;
            if !has_room && self.stored_bytes > 0 {
                return;
            }
            let Some((mut batch, content)) = self.waiting.pop_front() else {
                return;
            };
            self.stored_bytes += bytes;
            let origins = batch.take_origins();
            let stored = self.buffer.store.store(content);
            self.storing.push_back(Box::pin(async move {
                Storing {
                    batch,
                    origins,
                    bytes,
                    stored: stored.await,
                }
            }));
        }
    }

    /// The commit has returned: the input may forget the messages.
    fn acknowledge(&mut self, storing: Storing) {
        let Storing {
            batch,
            origins,
            bytes,
            stored,
        } = storing;
        let id = match stored {
            Ok(id) => id,
            Err(error) => {
                self.stored_bytes -= bytes;
                for origin in origins {
                    origin.fail(error.clone());
                }
                return;
            }
        };
        self.buffer.metrics.received.add(batch.len() as u64);
        self.buffer.metrics.batch_received.inc();
        for origin in origins {
            origin.deliver();
        }
        // A row that follows the last one taken need not be read again.
        let follows = self.last_taken >= self.last_stored && self.loading.is_none();
        self.last_stored = id;
        // One that was committed while others were read may have come with them.
        let is_taken = id <= self.last_taken;
        if follows && !is_taken && !self.stopping && self.may_hold() {
            self.last_taken = id;
            self.hold(Leaving::new(id, bytes, batch));
        }
        self.show_active();
    }

    /// Whether another row may wait in memory.
    fn may_hold(&self) -> bool {
        self.held_bytes < HELD_BYTES
    }

    /// Has a row wait for its turn.
    fn hold(&mut self, row: Leaving) {
        self.held_bytes += row.bytes;
        self.next.push_back(row);
    }

    fn load_more(&mut self) {
        let has_more = self.last_taken < self.last_stored;
        let is_idle = self.loading.is_none() && self.next.is_empty();
        let is_idle = is_idle && self.unread.as_ref().is_none_or(|it| it.next.is_none());
        if has_more && !self.stopping && is_idle && self.may_hold() {
            self.loading_until = self.last_stored;
            self.loading = Some(self.buffer.store.load(self.last_taken, LOAD_BYTES));
        }
    }

    fn take_loaded(&mut self, rows: Result<Vec<Row>, Error>) -> Result<(), Error> {
        let rows = match rows {
            Ok(rows) => rows,
            Err(error) => {
                self.load_later(error);
                return Ok(());
            }
        };
        self.unread = None;
        if rows.is_empty() {
            self.last_taken = self.last_taken.max(self.loading_until);
        }
        for Row { id, content } in rows {
            let bytes = content.len() as u64;
            let Some(batch) = decode(content) else {
                if self.buffer.store.pass_over(id) {
                    self.last_taken = id;
                    continue;
                }
                return Err(Error::fatal(format!(
                    "row {id} of the {} buffer is damaged: it is no batch of messages",
                    self.buffer.name
                )));
            };
            self.last_taken = id;
            self.hold(Leaving::new(id, bytes, batch));
        }
        Ok(())
    }

    /// Tells why nothing was loaded, and has it tried again after a pause.
    fn load_later(&mut self, error: Error) {
        let component = &*self.buffer.name;
        tracing::error!(component, path = "root.buffer", "{error}");
        let backoff = self.unread.take().map(|it| it.backoff);
        let mut backoff = backoff.unwrap_or_else(|| Backoff::new(LOAD_PAUSE.0, LOAD_PAUSE.1));
        let next = Some(Instant::now() + backoff.pause());
        self.unread = Some(Unread {
            error,
            backoff,
            next,
        });
    }

    /// Sends the next row to the pipeline, with a transaction of its own.
    fn leave(&mut self, charge: Option<Charge>) {
        let Some(mut row) = self.next.pop_front() else {
            return;
        };
        self.held_bytes = self.held_bytes.saturating_sub(row.bytes);
        let messages = row.batch.len();
        if row.age.is_none() {
            row.age = Some(self.buffer.ages.enter(std::time::Instant::now(), 1));
            self.buffer.ledger.receive(messages);
        } else {
            self.buffer.ledger.replay(messages);
        }
        let mut batch = row.batch.detached();
        let outcomes = track(&mut batch);
        self.buffer.metrics.sent.add(messages as u64);
        self.buffer.metrics.batch_sent.inc();
        let latency = self.buffer.metrics.latency.clone();
        let started = std::time::Instant::now();
        self.under_way.push(Box::pin(async move {
            let outcomes = outcomes.await;
            latency.observe(started.elapsed());
            drop(charge);
            Returned { row, outcomes }
        }));
        match self.buffer.post_processors.is_empty() {
            true => self.pass_on(smallvec![batch]),
            false => {
                let processors = Arc::clone(&self.buffer.post_processors);
                let flow = self.buffer.flow.clone();
                self.passing = Some(process(processors, batch, flow));
            }
        }
    }

    /// Hands batches to the pipeline.
    fn pass_on(&mut self, batches: Batches) {
        let batches = batches.into_iter().filter(|it| !it.is_empty());
        self.ready.extend(batches);
    }

    /// Deletes a row that was delivered, and keeps what failed to send it again.
    fn settle(&mut self, returned: Returned) {
        let Returned { mut row, outcomes } = returned;
        let mut failed = MessageBatch::new();
        for (index, message) in std::mem::take(&mut row.batch).into_iter().enumerate() {
            match outcomes.get(index) {
                Outcome::Failed(error) if self.stopping => {
                    self.buffer.ledger.settle(&Outcome::Failed(error));
                    failed.push(message);
                }
                Outcome::Failed(_) => failed.push(message),
                outcome => self.buffer.ledger.settle(&outcome),
            }
        }
        if failed.is_empty() {
            if let Some(age) = row.age {
                self.buffer.ages.leave(age);
            }
            self.buffer.store.delete(row.id);
            self.stored_bytes = self.stored_bytes.saturating_sub(row.bytes);
            self.show_active();
        } else if !self.stopping {
            row.batch = failed;
            self.held_bytes += row.bytes;
            let pause = row.backoff.pause();
            self.resting.push(Box::pin(async move {
                tokio::time::sleep(pause).await;
                row
            }));
        }
    }

    fn show_active(&self) {
        self.buffer.active.set(self.stored_bytes as f64);
    }

    /// Hears what becomes of what is still on its way to the disk and to the output: what is stored
    /// is the input's no more, and what is written must not be there at the next start.
    async fn end_under_way(&mut self) {
        self.begin_to_stop();
        self.writer.exhaust();
        self.preparing = None;
        self.waiting.clear();
        self.passing = None;
        self.ready.clear();
        loop {
            tokio::select! {
                Some(storing) = self.storing.next() => self.acknowledge(storing),
                Some(returned) = self.under_way.next() => self.settle(returned),
                else => return,
            }
        }
    }

    async fn end(mut self, result: Result<(), Error>) -> Result<(), Error> {
        if let Err(error) = &result {
            // Else an input that goes on by itself would never end.
            self.buffer.flow.fail(error.clone());
        }
        if let Some(unread) = self.unread.take() {
            self.buffer.flow.note_unfinished(unread.error);
        }
        self.end_under_way().await;
        let Self {
            buffer,
            upstream,
            writer,
            ..
        } = self;
        // What was to be sent again stays in the database: it goes back to where it came from.
        for _ in 0..buffer.ledger.balance().in_flight() {
            let kept = Error::retry("the message is kept in the buffer");
            buffer.ledger.settle(&Outcome::Failed(kept));
        }
        drop(writer);
        let finished = upstream.finish().await;
        let DurableBuffer {
            store, place, flow, ..
        } = buffer;
        if let Some(Rest { messages, bytes }) = store.close().await {
            flow.keeps(Kept {
                file: place.into(),
                messages,
                bytes,
            });
        }
        result.and(finished)
    }
}

impl Leaving {
    fn new(id: i64, bytes: u64, batch: MessageBatch) -> Self {
        Self {
            id,
            bytes,
            batch,
            backoff: Backoff::new(PAUSE_INITIAL, PAUSE_MAX),
            age: None,
        }
    }
}

/// What processors make of a batch. One that waits holds up the batches behind it, and nothing else.
fn process(
    processors: Arc<[BuiltProcessor]>,
    batch: MessageBatch,
    flow: Flow,
) -> BoxFuture<'static, Batches> {
    Box::pin(async move { process_all(&processors, batch, &flow).await })
}

/// Waits for the end of the pause after which rows are to be read again; for ever without one.
async fn paused(unread: &mut Option<Unread>) {
    let next = unread.as_mut().map(|it| &mut it.next);
    let Some(next) = next.filter(|it| it.is_some()) else {
        return std::future::pending().await;
    };
    if let Some(at) = *next {
        tokio::time::sleep_until(at).await;
    }
    *next = None;
}

fn cost(batch: &MessageBatch) -> usize {
    batch
        .iter()
        .map(|it| it.bytes().len() + Message::OVERHEAD)
        .sum()
}
