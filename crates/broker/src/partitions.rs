//! The partitions that this broker leads.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arc_swap::ArcSwap;
use millrace_kafka_wire::Uuid;
use millrace_log::{Cleaned, Cleaning, Files, LogError, Removed};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Duration, Instant};

use crate::clock::Clock;
use crate::config::TopicConfig;
use crate::driver::{Driver, apart};
use crate::metadata::{Image, PartitionImage, TopicImage};

mod dirs;
mod keep;
mod open;
mod owned;
mod partition;
mod replicas;
#[cfg(test)]
mod tests;
mod waits;
mod worker;

pub use dirs::Dir;
pub use keep::{Kept, Removing};
pub use partition::{
    Acks, Described, Partition, PartitionId, Refused, Reply, View, Written, answered,
};
pub use replicas::{Asking, Followed, InSync};
pub use waits::{Wait, Waits};

use open::OpenPartition;
use replicas::Replicas;
use worker::{Command, Worker};

/// Why a partition cannot be opened whose directory the broker was not given.
const NO_DIRECTORY: &str = "the directory that the partition lies in is none of `log.dirs`: name it \
                            there and start the broker again, or delete the topic";

/// What has to be there of a partition that the metadata gives to this broker.
type Hosted = BTreeMap<PartitionId, Result<Arc<Partition>, LogError>>;

/// The partitions that this broker leads, each owned by one of its workers.
pub struct Partitions {
    node_id: i32,
    lag_max: Duration,
    files: Arc<dyn Files>,
    driver: Arc<dyn Driver>,
    dirs: Vec<Arc<Dir>>,
    workers: Vec<mpsc::UnboundedSender<Command>>,
    hosted: ArcSwap<Hosted>,
    keep: keep::Keep,
}

impl Partitions {
    /// Starts the workers; they have no partitions yet. `lag_max`: for how long a follower may not
    /// have had all that there was.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        (node_id, lag_max): (i32, Duration),
        asking: &Asking,
        files: Arc<dyn Files>,
        dirs: Vec<Arc<Dir>>,
        driver: &Arc<dyn Driver>,
        clock: &Clock,
    ) -> io::Result<Self> {
        let start = |index| {
            let (sender, inbox) = mpsc::unbounded_channel();
            let (theirs, clock) = (Arc::clone(driver), clock.clone());
            let worker = Worker::new(sender.clone(), inbox, theirs, clock, asking.clone());
            driver.spawn(format!("log-{index}"), Box::pin(worker.run()))?;
            Ok(sender)
        };
        Ok(Self {
            node_id,
            lag_max,
            files,
            driver: Arc::clone(driver),
            dirs,
            workers: (0..driver.parallelism())
                .map(start)
                .collect::<io::Result<_>>()?,
            hosted: ArcSwap::default(),
            keep: keep::Keep::default(),
        })
    }

    /// From now on no file of a segment is removed or replaced, until the returned value is dropped.
    /// Logs grow meanwhile, and what would remove something waits.
    ///
    /// # Cancel safety
    /// Nothing is kept by a call that is dropped.
    pub async fn keep(&self) -> Kept {
        self.keep.keep().await
    }

    /// Whoever removes or replaces files of segments has this meanwhile.
    ///
    /// # Cancel safety
    /// A call that is dropped has nothing.
    pub async fn removing(&self) -> Removing {
        self.keep.removing().await
    }

    /// As [`Partitions::removing`]; `None` while somebody keeps files, or waits for that.
    pub fn try_removing(&self) -> Option<Removing> {
        self.keep.try_removing()
    }

    /// The partition, if this broker leads it.
    ///
    /// # Errors
    /// The broker does not lead it (yet), or its log cannot be opened.
    pub fn get(&self, id: PartitionId) -> Result<Arc<Partition>, Refused> {
        match self.hosted.load().get(&id) {
            Some(Ok(partition)) => Ok(Arc::clone(partition)),
            Some(Err(error)) => Err(error.into()),
            None => Err(Refused::gone()),
        }
    }

    /// Every partition that this broker leads and whose log could be opened.
    pub fn all(&self) -> Vec<Arc<Partition>> {
        let hosted = self.hosted.load();
        let opened = hosted.values().filter_map(|it| it.as_ref().ok());
        opened.map(Arc::clone).collect()
    }

    /// How many bytes the disk of a directory has, and how many of them are free.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn space(&self, dir: &Dir) -> io::Result<(u64, u64)> {
        let path = dir.path();
        Ok((self.files.total_space(path)?, self.files.free_space(path)?))
    }

    /// How many partitions there are, and how many of them are not served.
    pub fn counts(&self) -> (usize, usize) {
        let hosted = self.hosted.load();
        let is_offline = |it: &Result<Arc<Partition>, LogError>| {
            it.as_ref()
                .map_or(true, |partition| partition.view().is_err())
        };
        (
            hosted.len(),
            hosted.values().filter(|it| is_offline(it)).count(),
        )
    }

    /// The directories.
    pub fn dirs(&self) -> &[Arc<Dir>] {
        &self.dirs
    }

    /// Opens and removes what a change of the metadata asks for; returns when it is done. One call
    /// at a time.
    ///
    /// A log that cannot be opened is told of, and refuses what it is asked for.
    pub async fn apply(&self, image: &Image, config: impl Fn(&TopicImage) -> TopicConfig) {
        let before = self.hosted.load_full();
        let mut hosted = Hosted::clone(&before);
        let wanted: BTreeMap<_, _> = self.wanted(image).collect();
        let mut removed = Vec::new();
        for (id, partition) in &*before {
            if !wanted.contains_key(id) {
                hosted.remove(id);
                removed.extend(partition.as_ref().ok().map(|_| self.remove(*id)));
            }
        }
        // Nobody finds what is being removed.
        self.hosted.store(Arc::new(hosted.clone()));
        for reply in removed {
            // A worker that is gone has nothing to remove.
            let _ = reply.await;
        }
        let mut opened = Vec::new();
        for (id, (topic, assignment)) in wanted {
            if before.contains_key(&id) {
                self.assign(id, assignment);
            } else {
                opened.push((id, self.open(id, topic, assignment, config(topic))));
            }
        }
        for (id, reply) in opened {
            // A worker that is gone opens nothing.
            let Ok(result) = reply.await else { continue };
            if let Err(error) = &result {
                tracing::error!(partition = id.index, %error, "cannot open the log of a partition");
            }
            hosted.insert(id, result);
        }
        self.hosted.store(Arc::new(hosted));
    }

    /// What the metadata gives to this broker.
    fn wanted<'a>(
        &self,
        image: &'a Image,
    ) -> impl Iterator<Item = (PartitionId, (&'a TopicImage, &'a PartitionImage))> {
        let node_id = self.node_id;
        image.topics().flat_map(move |topic| {
            let led = topic.partitions.iter().enumerate();
            let led = led.filter(move |(_, it)| it.leader == node_id);
            led.map(move |(index, it)| {
                let id = PartitionId {
                    topic_id: topic.id,
                    index: index as i32,
                };
                (id, (&**topic, it))
            })
        })
    }

    fn open(
        &self,
        id: PartitionId,
        topic: &TopicImage,
        image: &PartitionImage,
        config: TopicConfig,
    ) -> oneshot::Receiver<Result<Arc<Partition>, LogError>> {
        let (reply, opened) = oneshot::channel();
        let Some(dir) = self.dir_of(topic.directory_of(id.index, self.node_id)) else {
            // An empty log in another directory would pass for all that there was.
            let error = LogError::Misuse(NO_DIRECTORY);
            // Its receiver is here.
            let _ = reply.send(Err(error));
            return opened;
        };
        let what = OpenPartition {
            id,
            topic: topic.name.clone(),
            replicas: Replicas::new(self.lag_max, image.clone(), Instant::now()),
            dir,
            files: Arc::clone(&self.files),
            config,
        };
        // When the worker is gone, the reply is dropped.
        let _ = self.worker(id).send(Command::Open { what, reply });
        opened
    }

    /// Has what the metadata says of the replicas hold, if it is news.
    fn assign(&self, partition: PartitionId, image: &PartitionImage) {
        let hosted = self.hosted.load();
        let Some(Ok(known)) = hosted.get(&partition) else {
            return;
        };
        if known.epoch.swap(image.epoch, Ordering::AcqRel) != image.epoch {
            let image = image.clone();
            // A worker that is gone has no replicas.
            let _ = (self.worker(partition)).send(Command::Assign { partition, image });
        }
    }

    /// Says that the controller has not changed which replicas of a partition are in sync.
    pub fn in_sync_refused(&self, partition: PartitionId) {
        // A worker that is gone asks for nothing more.
        let _ = (self.worker(partition)).send(Command::InSyncRefused { partition });
    }

    /// Looks for followers that are late.
    pub fn find_late(&self) {
        for worker in &self.workers {
            // A worker that is gone has no followers.
            let _ = worker.send(Command::FindLate);
        }
    }

    /// Has the settings of a topic hold for its partitions here.
    pub fn configure(&self, topic: &TopicImage, config: &Arc<TopicConfig>) {
        for index in 0..topic.partitions.len() as i32 {
            let partition = PartitionId {
                topic_id: topic.id,
                index,
            };
            if let Some(Ok(hosted)) = self.hosted.load().get(&partition) {
                hosted.config.store(Arc::clone(config));
            }
            let config = Arc::clone(config);
            // A worker that is gone has nothing to configure.
            let _ = (self.worker(partition)).send(Command::Configure { partition, config });
        }
    }

    fn remove(&self, partition: PartitionId) -> oneshot::Receiver<()> {
        let (reply, removed) = oneshot::channel();
        // When the worker is gone, the reply is dropped.
        let _ = (self.worker(partition)).send(Command::Remove { partition, reply });
        removed
    }

    /// The directory of this id; the first one where the metadata names none.
    fn dir_of(&self, id: Uuid) -> Option<Arc<Dir>> {
        let found = match id {
            Uuid::ZERO => self.dirs.first(),
            id => self.dirs.iter().find(|dir| dir.id == id),
        };
        found.map(Arc::clone)
    }

    /// Who owns a partition: partitions of one topic go round, so that their load does.
    fn worker(&self, id: PartitionId) -> &mpsc::UnboundedSender<Command> {
        let first = id.topic_id.0[15] as usize;
        let index = usize::try_from(id.index).unwrap_or(0);
        &self.workers[(first + index) % self.workers.len()]
    }

    /// Stores up to where the logs are durable, so that less is read after a crash.
    pub async fn checkpoint(&self) {
        for reply in self.ask_all(|reply| Command::Checkpoint { reply }) {
            // A worker that is gone has stored it.
            let _ = reply.await;
        }
    }

    /// Passes of compaction for the logs that are due.
    pub async fn plan_cleaning(&self) -> Vec<(PartitionId, Cleaning)> {
        let mut planned = Vec::new();
        for reply in self.ask_all(|reply| Command::PlanCleaning { reply }) {
            // A worker that is gone has nothing to clean.
            planned.extend(reply.await.unwrap_or_default());
        }
        planned
    }

    /// Puts a cleaned segment in its place; false when the pass is of no use any more.
    pub async fn finish_cleaning(&self, partition: PartitionId, cleaned: Cleaned) -> bool {
        let _removing = self.removing().await;
        let (reply, answer) = oneshot::channel();
        let command = Command::Cleaned {
            partition,
            cleaned,
            reply,
        };
        // When the worker is gone, the reply is dropped.
        let _ = self.worker(partition).send(command);
        let Ok(Some(removed)) = answer.await else {
            return false;
        };
        self.unlink(vec![removed]).await;
        true
    }

    /// Deletes what is older or larger than its topics keep.
    pub async fn retain(&self) {
        let _removing = self.removing().await;
        for reply in self.ask_all(|reply| Command::Retain { reply }) {
            // A worker that is gone has deleted nothing.
            self.unlink(reply.await.unwrap_or_default()).await;
        }
        self.keep_reserves().await;
    }

    /// Keeps room for the next time, where that is needed.
    async fn keep_reserves(&self) {
        for dir in &self.dirs {
            let kept = Arc::clone(dir);
            let keeping = move || kept.log_dir().keep_reserve();
            if let Some(Err(error)) = apart(&*self.driver, keeping).await {
                let path = dir.path().display();
                tracing::warn!(%path, %error, "cannot keep room for deleting when the disk is full");
            }
        }
    }

    /// Unlinks what no log has any more. Large files take time: it is done where nobody waits.
    ///
    /// # Cancel safety
    /// It is done even if the call is dropped.
    pub async fn unlink(&self, removed: Vec<Removed>) {
        let unlinking = move || removed.into_iter().try_for_each(Removed::unlink);
        if let Some(Err(error)) = apart(&*self.driver, unlinking).await {
            tracing::warn!(%error, "cannot unlink segments that are deleted; the next start does it");
        }
    }

    /// Closes all logs; returns whether all are durable and sound. Nothing is appended any more.
    pub async fn close(&self) -> bool {
        let mut is_clean = self.hosted.load().values().all(Result::is_ok);
        for reply in self.ask_all(|reply| Command::Close { reply }) {
            is_clean &= reply.await.unwrap_or(false);
        }
        is_clean
    }

    fn ask_all<T>(
        &self,
        command: impl Fn(oneshot::Sender<T>) -> Command,
    ) -> Vec<oneshot::Receiver<T>> {
        let ask = |worker: &mpsc::UnboundedSender<Command>| {
            let (reply, answer) = oneshot::channel();
            // When the worker is gone, the reply is dropped.
            let _ = worker.send(command(reply));
            answer
        };
        self.workers.iter().map(ask).collect()
    }
}
