//! Entries that are popped and held by this process alone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use millrace_component::{Backoff, BuildContext, Identity, Incoming, Input};
use millrace_message::{Error, Message, Outcome};
use parking_lot::Mutex;
use redis::cmd;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::trouble::Trouble;
use super::{Config, End, preview};
use crate::client::{Link, Redis};
use crate::failure;

/// How long entries are tried to be given back at the end.
const RETURN_TIME: Duration = Duration::from_secs(5);
/// The pauses before a rejected entry goes back to the list.
const REJECTED_PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(5));

/// The input without `reliable`.
pub struct PlainList {
    list: Arc<List>,
    wait: Duration,
    places: Option<Arc<Semaphore>>,
    in_flight_max: Option<usize>,
    reader: Option<Reader>,
    returner: Option<JoinHandle<()>>,
    component: Box<str>,
    path: Box<str>,
}

/// The task that pops. It is never cut off within a pop, because what Redis has popped by then
/// would be lost.
struct Reader {
    task: JoinHandle<()>,
    stop: CancellationToken,
    /// An error ends them.
    entries: mpsc::Receiver<Result<Popped, Error>>,
    outage: watch::Receiver<Option<Error>>,
    /// The number of its connection, to end its wait.
    client: Option<i64>,
}

/// The list, and what was popped from it and is not acknowledged.
struct List {
    redis: Arc<Redis>,
    key: String,
    end: End,
    held: Mutex<Held>,
    rejected: Notify,
    closing: CancellationToken,
    identity: Arc<Identity>,
}

#[derive(Default)]
struct Held {
    next: u64,
    entries: BTreeMap<u64, Entry>,
    /// Those that were given up, to go back while the input runs.
    rejected: Vec<u64>,
}

struct Entry {
    value: Bytes,
    _place: Option<OwnedSemaphorePermit>,
}

struct Popped {
    number: u64,
    value: Bytes,
}

impl PlainList {
    pub(super) fn new(config: &Config, cx: &BuildContext) -> Result<Self, Error> {
        Ok(Self {
            list: Arc::new(List {
                redis: config.client.redis()?,
                key: config.key.clone(),
                end: config.command.end(),
                held: Mutex::default(),
                rejected: Notify::new(),
                closing: CancellationToken::new(),
                identity: Arc::clone(cx.identity()),
            }),
            wait: config.wait(),
            places: config
                .in_flight_max()
                .map(|max| Arc::new(Semaphore::new(max))),
            in_flight_max: config.in_flight_max(),
            reader: None,
            returner: None,
            component: cx.component().into(),
            path: cx.path().into(),
        })
    }
}

#[async_trait]
impl Input for PlainList {
    fn in_flight_max(&self) -> Option<usize> {
        self.in_flight_max
    }

    async fn connect(&mut self) -> Result<(), Error> {
        self.reader = None;
        let mut link = self.list.redis.connect(self.wait).await?;
        let client = match &link {
            // A node of the cluster numbers its own connections only.
            Link::Cluster(_) => None,
            Link::Server(_) => cmd("CLIENT").arg("ID").query_async(&mut link).await.ok(),
        };
        let kind: String = cmd("TYPE")
            .arg(&self.list.key)
            .query_async(&mut link)
            .await
            .map_err(|error| failure::describe("look at `key`", &error))?;
        if kind != "list" && kind != "none" {
            let text = format!("`key`: `{}` is a {kind}, not a list", self.list.key);
            return Err(Error::not_connected(text));
        }
        if self.returner.is_none() {
            self.returner = Some(tokio::spawn(give_back_rejected(Arc::clone(&self.list))));
        }
        let (sender, entries) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let (trouble, outage) = Trouble::new();
        let popper = Popper {
            list: Arc::clone(&self.list),
            link,
            wait: self.wait,
            places: self.places.clone(),
            stop: stop.clone(),
            trouble,
        };
        self.reader = Some(Reader {
            task: tokio::spawn(popper.run(sender)),
            stop,
            entries,
            outage,
            client,
        });
        Ok(())
    }

    async fn read(&mut self) -> Result<Incoming, Error> {
        let Some(reader) = &mut self.reader else {
            return Err(Error::not_connected("not connected"));
        };
        let popped = reader.entries.recv().await;
        let popped = popped.unwrap_or_else(|| Err(Error::not_connected("the reader ended")))?;
        let list = Arc::clone(&self.list);
        let number = popped.number;
        Ok(Incoming::acknowledged(
            Message::from_bytes(popped.value),
            move |outcomes| match outcomes.first() {
                Some(Outcome::Failed(_)) | None => list.reject(number),
                Some(_) => list.release(number),
            },
        ))
    }

    fn outage(&self) -> Option<watch::Receiver<Option<Error>>> {
        self.reader.as_ref().map(|it| it.outage.clone())
    }

    async fn stop(&mut self) {
        let Some(mut reader) = self.reader.take() else {
            return;
        };
        reader.stop.cancel();
        if let Some(client) = reader.client {
            let unblock = cmd("CLIENT").arg("UNBLOCK").arg(client).to_owned();
            // Without it the wait ends by itself, a second later.
            let _unblocked = self.list.redis.command::<i64>(&unblock).await;
        }
        // What is popped from now on finds no reader and stays among the held.
        let mut unread = Vec::new();
        while let Some(popped) = reader.entries.recv().await {
            unread.extend(popped.ok().map(|it| it.number));
        }
        if let Err(panic) = reader.task.await {
            tracing::error!(component = &*self.component, "the reader ended: {panic}");
        }
        if let Err(error) = self.list.give_back(&unread).await {
            tracing::warn!(
                component = &*self.component,
                path = &*self.path,
                "entries that were read ahead are kept for later: {error}"
            );
        }
    }

    async fn close(&mut self) -> Result<(), Error> {
        if let Some(returner) = self.returner.take() {
            // Its last push has to be over, or an entry could go back twice.
            self.list.closing.cancel();
            let _late = tokio::time::timeout(RETURN_TIME, returner).await;
        }
        let left: Vec<u64> = self.list.held.lock().entries.keys().copied().collect();
        let result = self.list.give_back_within(&left, RETURN_TIME).await;
        self.list.redis.disconnect().await;
        let Err(error) = result else { return Ok(()) };
        let held = self.list.held.lock();
        for entry in held.entries.values() {
            tracing::error!(
                component = &*self.component,
                path = &*self.path,
                key = self.list.key,
                "an entry is lost: it could not go back to the list: {}",
                preview(&entry.value)
            );
        }
        let (count, key) = (held.entries.len(), &self.list.key);
        let named: Vec<_> = held
            .entries
            .values()
            .take(3)
            .map(|it| preview(&it.value))
            .collect();
        Err(error.context(format_args!(
            "{count} entries could not go back to list `{key}` (`{}`{})",
            named.join("`, `"),
            if count > named.len() { ", …" } else { "" }
        )))
    }
}

/// Pops one entry after the other.
struct Popper {
    list: Arc<List>,
    link: Link,
    wait: Duration,
    places: Option<Arc<Semaphore>>,
    stop: CancellationToken,
    trouble: Trouble,
}

impl Popper {
    async fn run(mut self, entries: mpsc::Sender<Result<Popped, Error>>) {
        loop {
            // Both are had before the pop: an entry that is popped has somewhere to go.
            let ready = async {
                let place = match &self.places {
                    None => None,
                    Some(places) => Arc::clone(places).acquire_owned().await.ok(),
                };
                (place, entries.reserve().await)
            };
            let (place, slot) = tokio::select! {
                ready = ready => ready,
                () = self.stop.cancelled() => return,
            };
            let Ok(slot) = slot else { return };
            let popped: Result<Option<(Vec<u8>, Vec<u8>)>, _> = cmd(self.list.end.pop_waiting)
                .arg(&self.list.key)
                .arg(super::seconds(self.wait))
                .query_async(&mut self.link)
                .await;
            match popped {
                Ok(popped) => {
                    self.trouble.end();
                    if let Some((_, value)) = popped {
                        slot.send(Ok(self.list.hold(value.into(), place)));
                    }
                }
                Err(error) if failure::is_connection(&error) => {
                    slot.send(Err(failure::describe_read("pop from `key`", &error)));
                    return;
                }
                Err(error) => {
                    drop((slot, place));
                    let error = failure::describe_read("pop from `key`", &error);
                    tokio::select! {
                        () = self.trouble.pause(error) => {}
                        () = self.stop.cancelled() => {}
                    }
                }
            }
            if self.stop.is_cancelled() {
                return;
            }
        }
    }
}

impl List {
    fn hold(&self, value: Bytes, place: Option<OwnedSemaphorePermit>) -> Popped {
        let mut held = self.held.lock();
        let number = held.next;
        held.next += 1;
        let entry = Entry {
            value: value.clone(),
            _place: place,
        };
        held.entries.insert(number, entry);
        Popped { number, value }
    }

    fn release(&self, number: u64) {
        self.held.lock().entries.remove(&number);
    }

    fn reject(&self, number: u64) {
        self.held.lock().rejected.push(number);
        self.rejected.notify_one();
    }

    /// Pushes entries back in one command, so that they stand in the order they had.
    async fn give_back(&self, numbers: &[u64]) -> Result<(), Error> {
        let mut numbers = numbers.to_vec();
        numbers.sort_unstable_by(|one, other| other.cmp(one));
        let mut command = cmd(self.end.push);
        command.arg(&self.key);
        let mut count = 0;
        {
            let held = self.held.lock();
            for entry in numbers.iter().filter_map(|number| held.entries.get(number)) {
                command.arg(&entry.value[..]);
                count += 1;
            }
        }
        if count == 0 {
            return Ok(());
        }
        let pushed = self.redis.command::<u64>(&command).await;
        pushed.map_err(|error| failure::describe("push back", &error))?;
        let mut held = self.held.lock();
        for number in &numbers {
            held.entries.remove(number);
        }
        Ok(())
    }

    async fn give_back_within(&self, numbers: &[u64], time: Duration) -> Result<(), Error> {
        let deadline = tokio::time::Instant::now() + time;
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
        loop {
            let attempt = tokio::time::timeout_at(deadline, self.give_back(numbers)).await;
            let error = match attempt {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => error,
                Err(_) => Error::not_connected(format!("no answer within {time:?}")),
            };
            let pause = backoff.pause();
            if tokio::time::Instant::now() + pause >= deadline {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
        }
    }
}

/// Gives rejected entries back after a pause that grows while entries are rejected.
async fn give_back_rejected(list: Arc<List>) {
    let mut backoff = Backoff::new(REJECTED_PAUSE.0, REJECTED_PAUSE.1);
    loop {
        let waiting = tokio::time::Instant::now();
        tokio::select! {
            () = list.rejected.notified() => {}
            () = list.closing.cancelled() => return,
        }
        if waiting.elapsed() > REJECTED_PAUSE.1 {
            backoff.reset();
        }
        tokio::select! {
            () = tokio::time::sleep(backoff.pause()) => {}
            () = list.closing.cancelled() => return,
        }
        let rejected = std::mem::take(&mut list.held.lock().rejected);
        if let Err(error) = list.give_back(&rejected).await {
            tracing::warn!(
                component = &*list.identity.component,
                path = &*list.identity.path,
                label = &*list.identity.label,
                key = list.key,
                "rejected entries wait to go back: {error}"
            );
            list.held.lock().rejected.extend(rejected);
            list.rejected.notify_one();
        }
    }
}
