//! A partition as the rest of the broker sees it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use millrace_kafka_wire::{ErrorCode, Str, Uuid};
use millrace_log::{Batch, Log, LogError, Origin, Producer, Removed, Snapshot};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::dirs::Dir;
use super::replicas::Followed;
use super::waits::Waits;
use super::worker::Command;
use crate::config::TopicConfig;

/// Which partition, whatever its topic is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId {
    pub topic_id: Uuid,
    pub index: i32,
}

/// A partition that this broker leads. Its log belongs to a [`Worker`](super::worker::Worker); this
/// is how others write to it, and what they see of it.
pub struct Partition {
    pub id: PartitionId,
    /// The name of its topic.
    pub topic: Str,
    pub(super) config: ArcSwap<TopicConfig>,
    /// Changes at each append and each commit.
    pub(super) view: ArcSwap<View>,
    /// Fetches of consumers, which wait for records below the high watermark.
    pub(super) waits: Waits,
    /// Fetches of followers, which wait for the end of the log to move.
    pub(super) follower_waits: Waits,
    pub(super) failure: OnceLock<LogError>,
    pub(super) dir: Arc<Dir>,
    pub(super) is_gone: AtomicBool,
    /// The state of it in the metadata that its worker was told last.
    pub(super) epoch: AtomicI32,
    /// Producers with a transaction that has written here: their epochs.
    pub(super) transactions: Mutex<BTreeMap<i64, i16>>,
    pub(super) worker: mpsc::UnboundedSender<Command>,
}

/// A partition at one moment.
pub struct View {
    pub log: Snapshot,
    pub high_watermark: i64,
    pub last_stable_offset: i64,
    pub leader_epoch: i32,
}

impl View {
    /// What a log shows now.
    pub(super) fn of(log: &Log, leader_epoch: i32) -> Self {
        Self {
            log: log.snapshot(),
            high_watermark: log.high_watermark(),
            last_stable_offset: log.last_stable_offset(),
            leader_epoch,
        }
    }
}

/// What operators are told of a partition.
pub struct Described {
    /// The directory that it is in.
    pub dir: Uuid,
    /// The bytes of its segments.
    pub size: u64,
    /// Its producers, by their ids.
    pub producers: Vec<(i64, Producer)>,
}

/// When an append is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    /// When it is written; it is durable soon.
    Leader,
    /// When the high watermark has passed it: it is durable and replicated.
    All,
}

/// What became of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    pub base_offset: i64,
    /// Where the topic says `LogAppendTime`.
    pub append_time: Option<i64>,
    pub log_start_offset: i64,
}

/// Why something was not done, as Kafka's clients hear of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub code: ErrorCode,
    pub reason: String,
}

impl Refused {
    pub fn new(code: ErrorCode, reason: impl ToString) -> Self {
        Self {
            code,
            reason: reason.to_string(),
        }
    }

    /// The worker is gone, as the broker stops or the partition was deleted.
    pub fn gone() -> Self {
        let reason = "the partition is no longer here";
        Self::new(ErrorCode::NotLeaderOrFollower, reason)
    }
}

impl From<&LogError> for Refused {
    fn from(error: &LogError) -> Self {
        Self::new(ErrorCode::KafkaStorageError, error)
    }
}

/// Comes when an append is answered.
pub type Reply<T> = oneshot::Receiver<Result<T, Refused>>;

impl Partition {
    /// The partition as it is now.
    ///
    /// # Errors
    /// Its disk has failed: nothing of it is served.
    pub fn view(&self) -> Result<Arc<View>, Refused> {
        match self.failure() {
            None => Ok(self.view.load_full()),
            Some(error) => Err(error.into()),
        }
    }

    /// The directory that it is in.
    pub fn dir(&self) -> &Arc<Dir> {
        &self.dir
    }

    /// Why nothing of it is served: its log has failed, or the disk of its directory.
    pub(super) fn failure(&self) -> Option<&LogError> {
        self.failure.get().or_else(|| self.dir.failure())
    }

    /// Whether nobody owns its log any more: it was deleted, or the broker stops.
    pub fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Acquire)
    }

    /// Whether a producer has written here in its transaction that is open, so that it may go on.
    pub fn is_in_transaction(&self, producer_id: i64, epoch: i16) -> bool {
        self.transactions.lock().get(&producer_id) == Some(&epoch)
    }

    /// What its topic is told.
    pub fn config(&self) -> Arc<TopicConfig> {
        self.config.load_full()
    }

    /// Fetches of consumers that wait for its records.
    pub fn waits(&self) -> &Waits {
        &self.waits
    }

    /// Fetches of followers that wait for its records.
    pub fn follower_waits(&self) -> &Waits {
        &self.follower_waits
    }

    /// Notes what a follower has. The view shows what follows from that when it is answered, which is
    /// with false when there is no such replica.
    pub fn followed(&self, followed: Followed) -> Reply<bool> {
        self.ask(|partition, reply| Command::Followed {
            partition,
            followed,
            reply,
        })
    }

    /// Has a batch appended. Appends of one caller come into the log in the order of the calls.
    ///
    /// # Durability
    /// As `acks` says.
    ///
    /// # Cancel safety
    /// The batch is appended even if the reply is dropped.
    pub fn append(&self, batch: Batch, origin: Origin, acks: Acks) -> Reply<Written> {
        self.ask(|partition, reply| Command::Append {
            partition,
            batch,
            origin,
            acks,
            reply,
        })
    }

    /// Has the records below an offset deleted; −1 stands for all below the high watermark. Replies
    /// where the log starts, and what is left to unlink.
    pub fn delete_records(&self, offset: i64) -> Reply<(i64, Removed)> {
        self.ask(|partition, reply| Command::DeleteRecords {
            partition,
            offset,
            reply,
        })
    }

    /// What is known of it that its view does not show.
    pub fn describe(&self) -> Reply<Described> {
        self.ask(|partition, reply| Command::Describe { partition, reply })
    }

    fn ask<T>(
        &self,
        command: impl FnOnce(PartitionId, oneshot::Sender<Result<T, Refused>>) -> Command,
    ) -> Reply<T> {
        let (reply, answer) = oneshot::channel();
        // When the worker is gone, the reply is dropped, which its receiver hears.
        let _ = self.worker.send(command(self.id, reply));
        answer
    }
}

/// What a reply says, also when its worker is gone.
pub async fn answered<T>(reply: Reply<T>) -> Result<T, Refused> {
    reply.await.unwrap_or_else(|_| Err(Refused::gone()))
}
