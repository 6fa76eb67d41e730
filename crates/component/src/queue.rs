//! The edge between two stages: a bounded queue that hands over all that is ready in one step.
//!
//! Both ends exist for threads and for tasks. A push waits while the queue is full, which is
//! how back-pressure travels; a pop waits while it is empty. The time spent waiting on a full
//! queue is counted, with clock reads only when there is something to wait for.
//!
//! What bounds a queue is the weight of its items, which is the number of messages in a batch: a
//! hundred batches of one message wait in it, or one batch of a thousand. An item that is heavier
//! than the whole queue enters alone, when the queue is empty.
//!
//! The queue ends when every [`Sender`] is gone: receivers then drain what is left. When every
//! [`Receiver`] is gone, pushes hand their items back, and what was queued is dropped.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use millrace_message::MessageBatch;
use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

/// What an item counts for in the bound of a queue, at least 1.
pub trait Weigh {
    /// The weight; it must not change while the item is queued.
    fn weight(&self) -> usize;
}

impl Weigh for MessageBatch {
    fn weight(&self) -> usize {
        self.len().max(1)
    }
}

/// An item that travels with its key weighs what it weighs alone.
impl<K, T: Weigh> Weigh for (K, T) {
    fn weight(&self) -> usize {
        self.1.weight()
    }
}

/// A queue for items of at most `capacity` weight together (at least 1).
pub fn queue<T: Weigh>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            items: VecDeque::new(),
            weight: 0,
            senders: 1,
            receivers: 1,
            threads_pushing: 0,
            threads_popping: 0,
            capacity: capacity.max(1),
        }),
        room: Condvar::new(),
        ready: Condvar::new(),
        turn: tokio::sync::Mutex::new(()),
        room_for_tasks: Notify::new(),
        ready_for_tasks: Notify::new(),
        blocked: Mutex::new(Blocked::new()),
    });
    (
        Sender {
            shared: Arc::clone(&shared),
        },
        Receiver { shared },
    )
}

/// The end that items are put in; clones feed the same queue.
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

/// The end that items are taken from; clones share the items.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
}

/// How full a queue is, and how long pushes have waited on it.
pub struct QueueGauge<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    room: Condvar,
    ready: Condvar,
    /// Has it who puts in next, of those who wait as tasks.
    turn: tokio::sync::Mutex<()>,
    room_for_tasks: Notify,
    ready_for_tasks: Notify,
    blocked: Mutex<Blocked>,
}

struct State<T> {
    items: VecDeque<T>,
    weight: usize,
    senders: usize,
    receivers: usize,
    threads_pushing: usize,
    threads_popping: usize,
    capacity: usize,
}

impl<T> Shared<T> {
    fn announce_items(&self, state: &State<T>, count: usize) {
        if state.threads_popping > 0 {
            if count == 1 {
                self.ready.notify_one();
            } else {
                self.ready.notify_all();
            }
        }
        self.ready_for_tasks.notify_one();
    }

    fn announce_room(&self, state: &State<T>) {
        if state.threads_pushing > 0 {
            self.room.notify_all();
        }
        self.room_for_tasks.notify_one();
    }
}

impl<T: Weigh> Shared<T> {
    /// Moves as much of `run` in as there is room for. `None` when nobody receives any more.
    fn offer(&self, state: &mut State<T>, run: &mut VecDeque<T>) -> Option<()> {
        if state.receivers == 0 {
            return None;
        }
        let (count, weight) = leading(run, state.weight, state.capacity);
        if count > 0 {
            state.items.extend(run.drain(..count));
            state.weight += weight;
            self.announce_items(state, count);
            if state.weight < state.capacity {
                // Another task may wait although there is room for it too.
                self.room_for_tasks.notify_one();
            }
        }
        Some(())
    }

    fn take(&self, state: &mut State<T>, max: usize, run: &mut Vec<T>) -> usize {
        let (count, weight) = leading(&state.items, 0, max);
        if count > 0 {
            run.extend(state.items.drain(..count));
            state.weight -= weight;
            self.announce_room(state);
            if !state.items.is_empty() {
                // Another receiver may sleep although something is left.
                self.announce_items(state, 1);
            }
        }
        count
    }
}

/// How long pushes have waited, those that wait now included; touched only by who waits or asks.
struct Blocked {
    waiting: u32,
    since: Instant,
    total: Duration,
}

impl Blocked {
    fn new() -> Self {
        Self {
            waiting: 0,
            since: Instant::now(),
            total: Duration::ZERO,
        }
    }

    /// Counts the time up to now.
    fn advance(&mut self) -> Duration {
        let now = Instant::now();
        self.total += (now - self.since) * self.waiting;
        self.since = now;
        self.total
    }
}

/// A push that waits.
struct Waiting<'a>(&'a Mutex<Blocked>);

impl<'a> Waiting<'a> {
    fn begin(blocked: &'a Mutex<Blocked>) -> Self {
        let mut state = blocked.lock();
        state.advance();
        state.waiting += 1;
        Self(blocked)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.advance();
        state.waiting -= 1;
    }
}

/// How many of the leading items fit beside `present` within `limit`, and their weight. When
/// nothing is present, the first one fits whatever it weighs.
fn leading<T: Weigh>(items: &VecDeque<T>, present: usize, limit: usize) -> (usize, usize) {
    let mut weight = 0;
    let mut count = 0;
    for item in items {
        let with_it = weight + item.weight();
        if present + with_it > limit && present + weight > 0 {
            break;
        }
        weight = with_it;
        count += 1;
    }
    (count, weight)
}

impl<T: Weigh> Sender<T> {
    /// Puts one item in, waiting for room.
    ///
    /// # Errors
    /// The item, when nobody receives any more.
    ///
    /// # Cancel safety
    /// A dropped future loses the item it was given.
    pub async fn push(&self, item: T) -> Result<(), T> {
        let mut run = VecDeque::from([item]);
        self.push_run(&mut run).await;
        run.pop_front().map_or(Ok(()), Err)
    }

    /// Puts a run of items in, in order, waiting for room; what is left in `run` afterwards
    /// could not be handed over because nobody receives any more. Tasks that wait for room get it in
    /// the order in which they came, and nobody who comes later overtakes them.
    ///
    /// # Cancel safety
    /// What was not handed over stays in `run`.
    pub async fn push_run(&self, run: &mut VecDeque<T>) {
        let _turn = self.shared.turn.lock().await;
        let mut blocked = None;
        while !run.is_empty() {
            let notified = self.shared.room_for_tasks.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if self
                .shared
                .offer(&mut self.shared.state.lock(), run)
                .is_none()
            {
                break;
            }
            if run.is_empty() {
                break;
            }
            blocked.get_or_insert_with(|| Waiting::begin(&self.shared.blocked));
            notified.await;
        }
    }

    /// As [`Sender::push_run`], for threads.
    pub fn push_run_blocking(&self, run: &mut VecDeque<T>) {
        let mut blocked = None;
        let mut state = self.shared.state.lock();
        while !run.is_empty() {
            if self.shared.offer(&mut state, run).is_none() || run.is_empty() {
                break;
            }
            blocked.get_or_insert_with(|| Waiting::begin(&self.shared.blocked));
            state.threads_pushing += 1;
            self.shared.room.wait(&mut state);
            state.threads_pushing -= 1;
        }
    }

    /// A view of the queue for gauges; it does not keep the queue open.
    pub fn gauge(&self) -> QueueGauge<T> {
        QueueGauge {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T: Weigh> Receiver<T> {
    /// Takes one item, waiting for it; `None` at the end of the queue.
    ///
    /// # Cancel safety
    /// No item is lost when the future is dropped.
    pub async fn pop(&self) -> Option<T> {
        let mut run = Vec::with_capacity(1);
        self.pop_run(1, &mut run).await;
        run.pop()
    }

    /// Appends what is ready to `run`, of at most `max` weight but at least one item, waiting for
    /// the first one. False at the end of the queue.
    ///
    /// # Cancel safety
    /// No item is lost when the future is dropped.
    pub async fn pop_run(&self, max: usize, run: &mut Vec<T>) -> bool {
        loop {
            let notified = self.shared.ready_for_tasks.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            {
                let mut state = self.shared.state.lock();
                if self.shared.take(&mut state, max, run) > 0 {
                    return true;
                }
                if state.senders == 0 {
                    // The next waiting task has to see the end as well.
                    self.shared.ready_for_tasks.notify_one();
                    return false;
                }
            }
            notified.await;
        }
    }

    /// As [`Receiver::pop_run`], for threads.
    pub fn pop_run_blocking(&self, max: usize, run: &mut Vec<T>) -> bool {
        let mut state = self.shared.state.lock();
        loop {
            if self.shared.take(&mut state, max, run) > 0 {
                return true;
            }
            if state.senders == 0 {
                return false;
            }
            state.threads_popping += 1;
            self.shared.ready.wait(&mut state);
            state.threads_popping -= 1;
        }
    }

    /// Appends what is ready to `run` without waiting, of at most `max` weight but at least one
    /// item; how many it were.
    pub fn try_pop_run(&self, max: usize, run: &mut Vec<T>) -> usize {
        self.shared.take(&mut self.shared.state.lock(), max, run)
    }

    /// Lowers the capacity to the weight `capacity` (at least 1): this end takes so few at a time that
    /// more would only wait here. What is queued already stays.
    pub fn limit(&self, capacity: usize) {
        let mut state = self.shared.state.lock();
        state.capacity = state.capacity.min(capacity.max(1));
    }

    /// A view of the queue for gauges; it does not keep the queue open.
    pub fn gauge(&self) -> QueueGauge<T> {
        QueueGauge {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T> QueueGauge<T> {
    /// How many items are queued.
    pub fn depth(&self) -> usize {
        self.shared.state.lock().items.len()
    }

    /// How long pushes have waited for room, summed over all of them, those that wait now
    /// included.
    pub fn blocked(&self) -> Duration {
        self.shared.blocked.lock().advance()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.state.lock().senders += 1;
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.senders -= 1;
        if state.senders == 0 {
            self.shared.ready.notify_all();
            self.shared.ready_for_tasks.notify_one();
            self.shared.ready_for_tasks.notify_waiters();
        }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.shared.state.lock().receivers += 1;
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.receivers -= 1;
        if state.receivers == 0 {
            let orphans = std::mem::take(&mut state.items);
            state.weight = 0;
            self.shared.room.notify_all();
            self.shared.room_for_tasks.notify_one();
            self.shared.room_for_tasks.notify_waiters();
            drop(state);
            // Dropped outside the lock: an abandoned message settles its origin.
            drop(orphans);
        } else {
            // Room or items announced to this receiver alone would be forgotten with it.
            self.shared.announce_items(&state, 2);
        }
    }
}

#[cfg(test)]
mod tests;
