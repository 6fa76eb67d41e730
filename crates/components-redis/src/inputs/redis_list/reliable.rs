//! Entries that stay in Redis until they are acknowledged.
//!
//! Three tasks serve one input: the taker moves entries to this consumer's hash while there is
//! room, the teller deletes what was acknowledged and puts back what was rejected, the keeper
//! renews the lease and looks for consumers that let theirs run out.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use millrace_component::{Backoff, BuildContext, Incoming, Input};
use millrace_message::{Error, Message, Outcome};
use parking_lot::Mutex;
use redis::RedisResult;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinHandle;

use super::Config;
use super::script::Places;
use super::trouble::Trouble;
use crate::client::{Link, Redis};
use crate::failure;

/// Entries that are taken in one step.
const TAKE_MAX: usize = 16;
/// Entries that are told of in one step.
const TELL_MAX: usize = 1000;
/// How long the last acknowledgements may take at the end.
const CLOSE_TIME: Duration = Duration::from_secs(5);
/// The pauses before rejected entries go back to the list.
const REJECTED_PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(5));
/// The pauses between attempts to tell Redis something.
const RETRY_PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// The input with `reliable`.
pub struct ReliableList {
    list: Arc<List>,
    wait: Duration,
    lease: Duration,
    places: Option<Arc<Semaphore>>,
    in_flight_max: Option<usize>,
    taker: Option<Taker>,
    workers: Vec<JoinHandle<()>>,
    component: Box<str>,
    path: Box<str>,
}

struct Taker {
    task: JoinHandle<()>,
    /// An error ends them.
    entries: mpsc::Receiver<Result<Taken, Error>>,
    outage: watch::Receiver<Option<Error>>,
}

struct Taken {
    number: u64,
    value: Bytes,
}

/// The list, and what this consumer has of it.
struct List {
    redis: Arc<Redis>,
    places: Places,
    held: Mutex<Held>,
    /// Something is to be told to Redis.
    news: Notify,
    /// Something was told.
    told: Notify,
    component: Box<str>,
    path: Box<str>,
}

#[derive(Default)]
struct Held {
    next: u64,
    /// Every entry that was taken and that Redis was not told about.
    entries: BTreeMap<u64, Option<OwnedSemaphorePermit>>,
    acknowledged: Vec<u64>,
    rejected: Vec<u64>,
    /// How many are acknowledged and not known to be deleted.
    untold: usize,
}

impl ReliableList {
    pub(super) fn new(config: &Config, cx: &BuildContext) -> Result<Self, Error> {
        let lease = config.reliable.lease.get();
        let name = if cx.label().is_empty() {
            "millrace"
        } else {
            cx.label()
        };
        let consumer = format!(
            "{name}-{}-{}",
            std::process::id(),
            uuid::Uuid::new_v4().simple()
        );
        Ok(Self {
            list: Arc::new(List {
                redis: config.client.redis()?,
                places: Places::new(&config.key, consumer, config.command.end(), lease),
                held: Mutex::default(),
                news: Notify::new(),
                told: Notify::new(),
                component: cx.component().into(),
                path: cx.path().into(),
            }),
            wait: config.wait(),
            lease,
            places: config
                .in_flight_max()
                .map(|max| Arc::new(Semaphore::new(max))),
            in_flight_max: config.in_flight_max(),
            taker: None,
            workers: Vec::new(),
            component: cx.component().into(),
            path: cx.path().into(),
        })
    }

    fn start_workers(&mut self) {
        if self.workers.is_empty() {
            let list = &self.list;
            self.workers.push(tokio::spawn(tell(Arc::clone(list))));
            self.workers
                .push(tokio::spawn(keep(Arc::clone(list), self.lease)));
        }
    }
}

#[async_trait]
impl Input for ReliableList {
    fn in_flight_max(&self) -> Option<usize> {
        self.in_flight_max
    }

    async fn connect(&mut self) -> Result<(), Error> {
        if let Some(taker) = self.taker.take() {
            taker.task.abort();
            // It must not take any more while the entries are compared.
            let _aborted = taker.task.await;
        }
        let link = self.list.redis.connect(self.wait).await?;
        self.list.reclaim_expired().await?;
        let orphans = self.list.orphans().await?;
        self.start_workers();
        let (sender, entries) = mpsc::channel(TAKE_MAX);
        let (trouble, outage) = Trouble::new();
        let taker = Take {
            list: Arc::clone(&self.list),
            link,
            wait: self.wait,
            places: self.places.clone(),
            trouble,
        };
        self.taker = Some(Taker {
            task: tokio::spawn(taker.run(sender, orphans)),
            entries,
            outage,
        });
        Ok(())
    }

    async fn read(&mut self) -> Result<Incoming, Error> {
        let Some(taker) = &mut self.taker else {
            return Err(Error::not_connected("not connected"));
        };
        let taken = taker.entries.recv().await;
        let taken = taken.unwrap_or_else(|| Err(Error::not_connected("the reader ended")))?;
        let list = Arc::clone(&self.list);
        Ok(Incoming::acknowledged(
            Message::from_bytes(taken.value),
            move |outcomes| list.settle(taken.number, outcomes.first()),
        ))
    }

    fn outage(&self) -> Option<watch::Receiver<Option<Error>>> {
        self.taker.as_ref().map(|it| it.outage.clone())
    }

    async fn stop(&mut self) {
        let Some(mut taker) = self.taker.take() else {
            return;
        };
        // Whatever it was about to take is in the hash and goes back at the end.
        taker.task.abort();
        let _aborted = taker.task.await;
        let mut unread = Vec::new();
        while let Ok(taken) = taker.entries.try_recv() {
            unread.extend(taken.ok().map(|it| it.number));
        }
        if unread.is_empty() {
            return;
        }
        match self.list.give_back(&unread).await {
            Ok(()) => {}
            Err(error) => tracing::warn!(
                component = &*self.component,
                path = &*self.path,
                "entries that were read ahead are kept for later: {error}"
            ),
        }
    }

    async fn close(&mut self) -> Result<(), Error> {
        if self.workers.is_empty() {
            return Ok(());
        }
        let told = tokio::time::timeout(CLOSE_TIME, self.list.all_told()).await;
        for worker in self.workers.drain(..) {
            worker.abort();
            let _aborted = worker.await;
        }
        let consumer = self.list.places.consumer().to_owned();
        let script = self.list.places.reclaim(&consumer);
        let returned =
            tokio::time::timeout(CLOSE_TIME, self.list.redis.script::<i64>(&script)).await;
        self.list.redis.disconnect().await;
        let error = match (returned, told) {
            (Ok(Ok(_)), Ok(())) => return Ok(()),
            (Ok(Ok(_)), Err(_)) => Error::retry("acknowledgements were not sent in time"),
            (Ok(Err(error)), _) => failure::describe("put entries back", &error),
            (Err(_), _) => Error::not_connected(format!("no answer within {CLOSE_TIME:?}")),
        };
        let held = self.list.held.lock().entries.len();
        Err(error.context(format_args!(
            "{held} entries stay in `{}` and go back to the list when the lease is over",
            self.list.places.processing()
        )))
    }
}

/// The task that takes entries.
struct Take {
    list: Arc<List>,
    link: Link,
    wait: Duration,
    places: Option<Arc<Semaphore>>,
    trouble: Trouble,
}

impl Take {
    async fn run(mut self, entries: mpsc::Sender<Result<Taken, Error>>, orphans: Vec<Taken>) {
        for taken in orphans {
            if entries.send(Ok(taken)).await.is_err() {
                return;
            }
        }
        loop {
            let Some(mut places) = self.room(&entries).await else {
                return;
            };
            match self.take(&mut places).await {
                Ok(taken) => {
                    self.trouble.end();
                    for taken in taken {
                        if entries.send(Ok(taken)).await.is_err() {
                            return;
                        }
                    }
                }
                Err(error) => {
                    let is_lost = failure::is_connection(&error);
                    let error = failure::describe_read("take from `key`", &error);
                    if is_lost {
                        let _unread = entries.send(Err(error)).await;
                        return;
                    }
                    drop(places);
                    self.trouble.pause(error).await;
                }
            }
        }
    }

    /// Waits until at least one entry may be taken, and says how many: a place for each, when
    /// they are limited. `None` when nobody reads any more.
    async fn room(
        &self,
        entries: &mpsc::Sender<Result<Taken, Error>>,
    ) -> Option<Vec<Option<OwnedSemaphorePermit>>> {
        let slot = entries.reserve().await.ok()?;
        drop(slot);
        let count = entries.capacity().clamp(1, TAKE_MAX);
        let Some(limited) = &self.places else {
            return Some((0..count).map(|_| None).collect());
        };
        let mut places = vec![Some(Arc::clone(limited).acquire_owned().await.ok()?)];
        while places.len() < count
            && let Ok(place) = Arc::clone(limited).try_acquire_owned()
        {
            places.push(Some(place));
        }
        Some(places)
    }

    /// Takes an entry for each place, or waits for the list to have one.
    async fn take(
        &mut self,
        places: &mut Vec<Option<OwnedSemaphorePermit>>,
    ) -> RedisResult<VecDeque<Taken>> {
        let count = places.len();
        let first = {
            let mut held = self.list.held.lock();
            let first = held.next;
            // Numbers whose answer is lost are never used again.
            held.next += count as u64;
            first
        };
        let script = self.list.places.take(count, first);
        let values: Vec<Vec<u8>> = script.invoke_async(&mut self.link).await?;
        if values.is_empty() {
            let wait = self.list.places.wait(self.wait);
            let _entry: Option<Vec<u8>> = wait.query_async(&mut self.link).await?;
        }
        let mut held = self.list.held.lock();
        let taken = (first..).zip(values).map(|(number, value)| {
            held.entries.insert(number, places.pop().flatten());
            Taken {
                number,
                value: value.into(),
            }
        });
        Ok(taken.collect())
    }
}

impl List {
    fn settle(&self, number: u64, outcome: Option<&Outcome>) {
        let mut held = self.held.lock();
        // Its place is free at once, also while Redis cannot be told.
        let place = held.entries.get_mut(&number).and_then(Option::take);
        drop(place);
        match outcome {
            Some(Outcome::Failed(_)) | None => held.rejected.push(number),
            Some(_) => {
                held.acknowledged.push(number);
                held.untold += 1;
            }
        }
        drop(held);
        self.news.notify_one();
    }

    fn forget(&self, numbers: &[u64]) {
        let mut held = self.held.lock();
        for number in numbers {
            held.entries.remove(number);
        }
    }

    async fn give_back(&self, numbers: &[u64]) -> Result<(), Error> {
        for numbers in numbers.chunks(TELL_MAX) {
            let script = self.places.give_back(numbers);
            let returned = self.redis.script::<i64>(&script).await;
            returned.map_err(|error| failure::describe("push back", &error))?;
            self.forget(numbers);
        }
        Ok(())
    }

    /// Entries that Redis gave to this consumer in an answer that was lost.
    async fn orphans(&self) -> Result<Vec<Taken>, Error> {
        let fails = |error| failure::describe("look at the entries of this consumer", &error);
        let numbers: Vec<u64> = self
            .redis
            .command(&self.places.numbers())
            .await
            .map_err(fails)?;
        let mut orphans = Vec::new();
        let mut unknown: Vec<u64> = {
            let held = self.held.lock();
            let is_known = |number: &u64| held.entries.contains_key(number);
            numbers
                .into_iter()
                .filter(|number| !is_known(number))
                .collect()
        };
        unknown.sort_unstable();
        for number in unknown {
            let command = self.places.entry(number);
            let value: Option<Vec<u8>> = self.redis.command(&command).await.map_err(fails)?;
            if let Some(value) = value {
                // The limit on entries in flight may be passed by these few.
                self.held.lock().entries.insert(number, None);
                orphans.push(Taken {
                    number,
                    value: value.into(),
                });
            }
        }
        Ok(orphans)
    }

    /// Puts the entries of consumers back whose lease is over.
    async fn reclaim_expired(&self) -> Result<(), Error> {
        let fails = |error| failure::describe("look for leases that are over", &error);
        let expired: Vec<String> = self
            .redis
            .script(&self.places.expired())
            .await
            .map_err(fails)?;
        for consumer in expired.iter().filter(|it| *it != self.places.consumer()) {
            let script = self.places.reclaim(consumer);
            let count: i64 = self.redis.script(&script).await.map_err(fails)?;
            if count >= 0 {
                tracing::warn!(
                    component = &*self.component,
                    path = &*self.path,
                    consumer,
                    count,
                    "the lease of a consumer is over: its entries are back on the list"
                );
            }
        }
        Ok(())
    }

    /// Tells Redis what was acknowledged and rejected so far.
    async fn tell_once(&self, rejected_too: bool) -> RedisResult<()> {
        let (mut acknowledged, mut rejected) = {
            let mut held = self.held.lock();
            let rejected = match rejected_too {
                true => std::mem::take(&mut held.rejected),
                false => Vec::new(),
            };
            (std::mem::take(&mut held.acknowledged), rejected)
        };
        let mut result = Ok(());
        while result.is_ok() && !acknowledged.is_empty() {
            let some = acknowledged.split_off(acknowledged.len().saturating_sub(TELL_MAX));
            let deleted = self
                .redis
                .command::<i64>(&self.places.acknowledge(&some))
                .await;
            match deleted {
                Ok(_) => {
                    self.forget(&some);
                    self.held.lock().untold -= some.len();
                }
                Err(error) => {
                    acknowledged.extend(some);
                    result = Err(error);
                }
            }
        }
        if result.is_ok() && !rejected.is_empty() {
            let script = self.places.give_back(&rejected);
            match self.redis.script::<i64>(&script).await {
                Ok(_) => self.forget(&std::mem::take(&mut rejected)),
                Err(error) => result = Err(error),
            }
        }
        let mut held = self.held.lock();
        held.acknowledged.extend(acknowledged);
        held.rejected.extend(rejected);
        result
    }

    async fn renew(&self) -> Result<(), Error> {
        let renewed = self.redis.script::<i64>(&self.places.renew()).await;
        renewed
            .map(|_| ())
            .map_err(|error| failure::describe("renew the lease", &error))
    }

    fn has_news(&self) -> bool {
        let held = self.held.lock();
        !held.acknowledged.is_empty() || !held.rejected.is_empty()
    }

    /// Waits until Redis has heard of every acknowledgement.
    async fn all_told(&self) {
        loop {
            let told = self.told.notified();
            tokio::pin!(told);
            told.as_mut().enable();
            if self.held.lock().untold == 0 {
                return;
            }
            told.await;
        }
    }
}

/// Tells Redis what became of the entries: acknowledgements at once and many in one step,
/// rejections after a pause that grows while entries are rejected.
async fn tell(list: Arc<List>) {
    let mut retry = Backoff::new(RETRY_PAUSE.0, RETRY_PAUSE.1);
    let mut rejection = Backoff::new(REJECTED_PAUSE.0, REJECTED_PAUSE.1);
    let mut rejected_at = None;
    loop {
        list.news.notified().await;
        while list.has_news() {
            let now = tokio::time::Instant::now();
            if rejected_at.is_none() && !list.held.lock().rejected.is_empty() {
                rejected_at = Some(now + rejection.pause());
            }
            let due = rejected_at.is_some_and(|at| at <= now);
            if due {
                rejected_at = None;
            }
            if let Err(error) = list.tell_once(due).await {
                let pause = retry.pause();
                tracing::warn!(
                    component = &*list.component,
                    path = &*list.path,
                    "acknowledgements wait: {error}"
                );
                tokio::time::sleep(pause).await;
                continue;
            }
            retry.reset();
            list.told.notify_waiters();
            if let Some(at) = rejected_at {
                tokio::select! {
                    () = tokio::time::sleep_until(at) => {}
                    () = list.news.notified() => {}
                }
            } else if list.held.lock().rejected.is_empty() {
                rejection.reset();
            }
        }
        list.told.notify_waiters();
    }
}

/// Renews the lease three times in its time, and looks twice for others that are over.
async fn keep(list: Arc<List>, lease: Duration) {
    let mut renewal = tokio::time::interval(lease / 3);
    renewal.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut check = tokio::time::interval(lease / 2);
    check.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let result = tokio::select! {
            _ = renewal.tick() => list.renew().await,
            _ = check.tick() => list.reclaim_expired().await,
        };
        if let Err(error) = result {
            tracing::warn!(
                component = &*list.component,
                path = &*list.path,
                "the lease is not renewed: {error}"
            );
        }
    }
}
