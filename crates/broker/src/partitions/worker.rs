//! The thread that owns a share of the partitions: nobody else touches their logs, so that they need
//! no locks.
//!
//! It works in turns. A turn takes all commands that have come, appends what they brought with one
//! write for each partition, begins a round of syncs when none is going on, and shows what changed.
//! Who comes during a round is part of the next.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use millrace_log::{Batch, Cleaned, Cleaning, LogError, Origin, Removed, SyncOutcome};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Duration, Instant, sleep_until};

use super::dirs::Dir;
use super::open::{OpenPartition, open};
use super::owned::{Owned, WrittenTo};
use super::partition::{Acks, Described, Partition, PartitionId, Refused};
use super::replicas::{Asking, Followed};
use crate::clock::Clock;
use crate::config::TopicConfig;
use crate::driver::Driver;
use crate::metadata::PartitionImage;

/// So many commands are one turn at most.
const TURN: usize = 1024;

/// What a worker is asked for.
pub(super) enum Command {
    Open {
        what: OpenPartition,
        reply: oneshot::Sender<Result<Arc<Partition>, LogError>>,
    },
    /// New settings hold from here on.
    Configure {
        partition: PartitionId,
        config: Arc<TopicConfig>,
    },
    Append {
        partition: PartitionId,
        batch: Batch,
        origin: Origin,
        acks: Acks,
        reply: WrittenTo,
    },
    DeleteRecords {
        partition: PartitionId,
        offset: i64,
        reply: oneshot::Sender<Result<(i64, Removed), Refused>>,
    },
    /// What the metadata says of the replicas.
    Assign {
        partition: PartitionId,
        image: PartitionImage,
    },
    /// A follower has fetched; replies whether it is a replica.
    Followed {
        partition: PartitionId,
        followed: Followed,
        reply: oneshot::Sender<Result<bool, Refused>>,
    },
    /// The controller has not changed which replicas are in sync.
    InSyncRefused { partition: PartitionId },
    /// Looks for followers that are late.
    FindLate,
    Describe {
        partition: PartitionId,
        reply: oneshot::Sender<Result<Described, Refused>>,
    },
    /// A round has come so far.
    Synced {
        partition: PartitionId,
        outcome: SyncOutcome,
    },
    /// The log is to be forgotten; its directory is removed.
    Remove {
        partition: PartitionId,
        reply: oneshot::Sender<()>,
    },
    /// Deletes what is older or larger than its topics keep, and forgets producers that are gone;
    /// replies with what is left to unlink.
    Retain {
        reply: oneshot::Sender<Vec<Removed>>,
    },
    /// Plans passes of compaction for logs that are due.
    PlanCleaning {
        reply: oneshot::Sender<Vec<(PartitionId, Cleaning)>>,
    },
    /// A segment was cleaned; it takes the place of the old ones. Replies with what is left to
    /// unlink, or `None` when the pass is of no use any more.
    Cleaned {
        partition: PartitionId,
        cleaned: Cleaned,
        reply: oneshot::Sender<Option<Removed>>,
    },
    /// Notes at the directories up to where each log is durable.
    Checkpoint { reply: oneshot::Sender<()> },
    /// Closes all logs; replies whether all are durable and sound.
    Close { reply: oneshot::Sender<bool> },
}

/// See the module.
pub(super) struct Worker {
    owned: BTreeMap<PartitionId, Owned>,
    inbox: mpsc::UnboundedReceiver<Command>,
    own: mpsc::UnboundedSender<Command>,
    driver: Arc<dyn Driver>,
    clock: Clock,
    asking: Asking,
    /// Those that this turn has changed.
    touched: BTreeSet<PartitionId>,
    /// Those that have something to sync.
    unsynced: BTreeSet<PartitionId>,
    /// How many syncs of the round are not back.
    out: usize,
}

impl Worker {
    pub fn new(
        own: mpsc::UnboundedSender<Command>,
        inbox: mpsc::UnboundedReceiver<Command>,
        driver: Arc<dyn Driver>,
        clock: Clock,
        asking: Asking,
    ) -> Self {
        Self {
            owned: BTreeMap::new(),
            inbox,
            own,
            driver,
            clock,
            asking,
            touched: BTreeSet::new(),
            unsynced: BTreeSet::new(),
            out: 0,
        }
    }

    /// Works until it is told to close.
    pub async fn run(mut self) {
        let mut commands = Vec::new();
        loop {
            let due = self.round_due();
            tokio::select! {
                biased;
                _ = self.inbox.recv_many(&mut commands, TURN) => {}
                () = sleep_until(due.unwrap_or_else(far)), if due.is_some() => {}
            }
            let mut came = commands.drain(..);
            while let Some(command) = came.next() {
                if let Command::Close { reply } = command {
                    let is_clean = self.close(came.collect()).await;
                    // Who asked may be gone.
                    let _ = reply.send(is_clean);
                    return;
                }
                self.take(command);
            }
            self.write();
            self.start_round();
            self.publish();
        }
    }

    fn take(&mut self, command: Command) {
        match command {
            Command::Append {
                partition,
                batch,
                origin,
                acks,
                reply,
            } => match self.owned.get_mut(&partition) {
                Some(owned) => {
                    owned.add(batch, origin, acks, reply);
                    self.touched.insert(partition);
                }
                None => reply_to(reply, Err(Refused::gone())),
            },
            Command::Synced { partition, outcome } => self.synced(partition, outcome),
            Command::Configure { partition, config } => {
                self.change(partition, |it| it.configure(&config));
            }
            Command::Open { what, reply } => {
                let opened = open(what, &self.own, self.clock.now());
                let result = opened.map(|owned| {
                    let partition = Arc::clone(&owned.partition);
                    self.owned.insert(partition.id, owned);
                    partition
                });
                reply_to(reply, result);
            }
            Command::DeleteRecords {
                partition,
                offset,
                reply,
            } => {
                self.write();
                let deleted = match self.owned.get_mut(&partition) {
                    Some(owned) => {
                        let deleted = owned.delete_records(offset);
                        // Who is answered finds it so.
                        owned.publish();
                        deleted
                    }
                    None => Err(Refused::gone()),
                };
                self.unsynced.insert(partition);
                reply_to(reply, deleted);
            }
            Command::Assign { partition, image } => {
                self.change(partition, |it| it.assign(image));
            }
            Command::InSyncRefused { partition } => {
                self.change(partition, Owned::in_sync_refused);
            }
            Command::Followed {
                partition,
                followed,
                reply,
            } => {
                let is_replica = self.followed(partition, followed);
                reply_to(reply, is_replica);
            }
            Command::FindLate => {
                for owned in self.owned.values_mut() {
                    self.asking.ask(owned.without_late());
                }
            }
            Command::Describe { partition, reply } => {
                let described = self.owned.get(&partition).map(Owned::describe);
                reply_to(reply, described.ok_or_else(Refused::gone));
            }
            Command::Remove { partition, reply } => {
                self.remove(partition);
                reply_to(reply, ());
            }
            Command::Retain { reply } => {
                let removed = self.retain();
                reply_to(reply, removed);
            }
            Command::PlanCleaning { reply } => {
                let planned = self.plan_cleaning();
                reply_to(reply, planned);
            }
            Command::Cleaned {
                partition,
                cleaned,
                reply,
            } => {
                self.write();
                let removed = self.owned.get_mut(&partition).and_then(|owned| {
                    let removed = owned.cleaned(cleaned);
                    // Who is answered finds it so.
                    owned.publish();
                    removed
                });
                self.touched.insert(partition);
                self.unsynced.insert(partition);
                reply_to(reply, removed);
            }
            Command::Checkpoint { reply } => {
                self.checkpoint();
                reply_to(reply, ());
            }
            Command::Close { .. } => unreachable!("the loop takes it"),
        }
    }

    /// Changes a partition; the end of the turn shows it.
    fn change(&mut self, partition: PartitionId, change: impl FnOnce(&mut Owned)) {
        if let Some(owned) = self.owned.get_mut(&partition) {
            change(owned);
            self.touched.insert(partition);
        }
    }

    fn followed(&mut self, partition: PartitionId, followed: Followed) -> Result<bool, Refused> {
        self.write();
        let owned = self.owned.get_mut(&partition).ok_or_else(Refused::gone)?;
        let (is_replica, joined) = owned.followed(followed);
        self.asking.ask(joined);
        // Who is answered finds it so.
        owned.publish();
        Ok(is_replica)
    }

    /// Appends what the turn has brought.
    fn write(&mut self) {
        let now = self.clock.now();
        for id in &self.touched {
            if let Some(owned) = self.owned.get_mut(id).filter(|it| it.has_appends()) {
                owned.write(now);
                self.unsynced.insert(*id);
            }
        }
    }

    /// When the next round is to begin.
    fn round_due(&self) -> Option<Instant> {
        if self.out > 0 {
            return None;
        }
        let unsynced = self.unsynced.iter().filter_map(|id| self.owned.get(id));
        unsynced.filter_map(Owned::sync_due).min()
    }

    /// Gives the disk what is due, when it is done with what it had.
    fn start_round(&mut self) {
        let now = Instant::now();
        if self.round_due().is_none_or(|due| due > now) {
            return;
        }
        // What is not due yet joins those that are: the disk is busy anyway.
        for id in std::mem::take(&mut self.unsynced) {
            let Some(owned) = self.owned.get_mut(&id) else {
                continue;
            };
            if let Some(dirty) = owned.take_dirty() {
                self.out += 1;
                let own = self.own.clone();
                self.driver.sync(
                    dirty,
                    Box::new(move |outcome| {
                        let partition = id;
                        // A worker that is gone has closed its logs.
                        let _ = own.send(Command::Synced { partition, outcome });
                    }),
                );
            } else if owned.sync_due().is_some() {
                self.unsynced.insert(id);
            }
        }
    }

    fn synced(&mut self, id: PartitionId, outcome: SyncOutcome) {
        self.out -= 1;
        if let Some(owned) = self.owned.get_mut(&id) {
            owned.synced(outcome);
            self.touched.insert(id);
        }
    }

    fn publish(&mut self) {
        for id in std::mem::take(&mut self.touched) {
            if let Some(owned) = self.owned.get_mut(&id) {
                owned.publish();
            }
        }
    }

    fn remove(&mut self, id: PartitionId) {
        self.write();
        let Some(owned) = self.owned.remove(&id) else {
            return;
        };
        let partition = owned.partition;
        partition.is_gone.store(true, Ordering::Release);
        partition.waits().wake();
        partition.follower_waits().wake();
        if let Err(error) = partition.dir.remove(&partition) {
            let topic = &partition.topic;
            tracing::warn!(%topic, partition = id.index, %error, "cannot remove a deleted partition");
        }
    }

    fn retain(&mut self) -> Vec<Removed> {
        let now = self.clock.now();
        let mut all = Vec::new();
        for (id, owned) in &mut self.owned {
            if let Some(removed) = owned.retain(now) {
                self.touched.insert(*id);
                self.unsynced.insert(*id);
                all.push(removed);
            }
        }
        all
    }

    fn plan_cleaning(&mut self) -> Vec<(PartitionId, Cleaning)> {
        let now = self.clock.now();
        let owned = self.owned.iter_mut();
        owned
            .filter_map(|(id, owned)| Some((*id, owned.plan_cleaning(now)?)))
            .collect()
    }

    fn checkpoint(&mut self) {
        let mut dirs: Vec<Arc<Dir>> = Vec::new();
        for owned in self.owned.values() {
            let durable = owned.log().durable_end();
            let dir = owned.partition.dir();
            dir.set_recovery_point(&owned.partition, durable);
            if !dirs.iter().any(|it| Arc::ptr_eq(it, dir)) {
                dirs.push(Arc::clone(dir));
            }
        }
        for dir in dirs {
            if let Err(error) = dir.store_recovery_points() {
                let dir = dir.path().display();
                tracing::warn!(%dir, %error, "cannot write the recovery points");
            }
        }
    }

    /// Closes all logs; then the directories may be marked as clean if it returns true. `came` is
    /// what has come since it was asked to: the disk may have answered.
    async fn close(&mut self, came: Vec<Command>) -> bool {
        self.write();
        let mut came = came.into_iter();
        while self.out > 0 {
            let next = match came.next() {
                Some(command) => Some(command),
                None => self.inbox.recv().await,
            };
            match next {
                Some(Command::Synced { partition, outcome }) => self.synced(partition, outcome),
                // Dropping its reply tells who asked.
                Some(_) => {}
                None => break,
            }
        }
        let mut is_clean = true;
        for owned in self.owned.values_mut() {
            if let Err(error) = owned.log_mut().close() {
                let Partition { topic, id, .. } = &*owned.partition;
                tracing::error!(%topic, partition = id.index, %error, "cannot close a log");
                is_clean = false;
            }
            owned.advance();
            owned.partition.is_gone.store(true, Ordering::Release);
        }
        self.checkpoint();
        self.touched.extend(self.owned.keys());
        self.publish();
        is_clean
    }
}

fn reply_to<T>(reply: oneshot::Sender<T>, result: T) {
    // Who asked may be gone, which changes nothing of what was done.
    let _ = reply.send(result);
}

fn far() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

#[cfg(test)]
mod tests {
    use std::io;

    use millrace_kafka_wire::Uuid;
    use millrace_kafka_wire::batch::BatchBuilder;
    use millrace_log::{Dirty, Disk, Files, LogDir};
    use parking_lot::Mutex;
    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::config::{BrokerConfig, Texts};
    use crate::driver::{OnSynced, Task, Work};
    use crate::partitions::answered;
    use crate::partitions::replicas::Replicas;

    /// Keeps what is to be synced.
    #[derive(Default)]
    struct Held(Mutex<Vec<(Dirty, OnSynced)>>);

    impl Driver for Held {
        fn spawn(&self, _: String, _: Task) -> io::Result<()> {
            unreachable!("a worker starts no other")
        }

        fn sync(&self, dirty: Dirty, then: OnSynced) {
            self.0.lock().push((dirty, then));
        }

        fn run(&self, _: Work) {
            unreachable!("a worker has no other work")
        }

        fn parallelism(&self) -> usize {
            1
        }
    }

    /// Both are there when the worker looks: it finds them in one turn.
    #[tokio::test]
    async fn a_sync_that_ends_while_the_worker_is_told_to_close_is_heard() {
        let folder = tempfile::tempdir().unwrap();
        let files: Arc<dyn Files> = Arc::new(Disk);
        let dir = LogDir::open(Arc::clone(&files), folder.path()).unwrap();
        let (own, inbox) = mpsc::unbounded_channel();
        let held = Arc::new(Held::default());
        let driver = Arc::clone(&held) as Arc<dyn Driver>;
        let (asking, _asked) = Asking::new();
        let worker = Worker::new(own.clone(), inbox, driver, Clock::system(), asking);
        let running = tokio::spawn(worker.run());
        let what = OpenPartition {
            id: PartitionId {
                topic_id: Uuid([2; 16]),
                index: 0,
            },
            topic: "orders".into(),
            replicas: Replicas::new(
                Duration::from_secs(30),
                PartitionImage {
                    leader: 1,
                    replicas: vec![1],
                    isr: vec![1],
                    ..PartitionImage::default()
                },
                Instant::now(),
            ),
            dir: Arc::new(Dir::new(Uuid([1; 16]), dir).unwrap()),
            files,
            config: TopicConfig::resolve(&BrokerConfig::single(1, 0), &Texts::new()),
        };
        let (reply, opened) = oneshot::channel();
        assert!(own.send(Command::Open { what, reply }).is_ok());
        let partition = opened.await.unwrap().unwrap();
        let mut builder = BatchBuilder::new(0);
        builder.add(1, None, Some(b"a"), &[]);
        let batch = Batch::own(builder.finish().into()).unwrap();
        let origin = Origin::Coordinator {
            transaction_version: 0,
        };
        let written = partition.append(batch, origin, Acks::All);
        while held.0.lock().is_empty() {
            sleep(Duration::from_millis(1)).await;
        }
        // Nothing is awaited in between, so that the worker does not run.
        let (reply, closed) = oneshot::channel();
        assert!(own.send(Command::Close { reply }).is_ok());
        for (dirty, then) in std::mem::take(&mut *held.0.lock()) {
            then(dirty.sync());
        }
        let closed = timeout(Duration::from_secs(60), closed).await;
        assert!(closed.expect("it closes").unwrap());
        assert_eq!(answered(written).await.unwrap().base_offset, 0);
        running.await.unwrap();
    }
}
