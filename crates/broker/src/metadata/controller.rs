//! The one who changes the cluster: one change after another, each a function of what the one
//! before has left.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use arc_swap::ArcSwap;
use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::metadata::MetadataRecord;
use millrace_log::LogError;
use tokio::sync::{mpsc, oneshot};

use super::image::Image;
use super::log::MetadataLog;
use super::quorum::Keeper;
use crate::clock::Clock;
use crate::partitions::{Refused, Removing};

/// So many changes share one sync at most.
const TURN: usize = 256;

/// Is called with every new image before those who asked for it are answered.
pub type Committed =
    Box<dyn Fn(Arc<Image>) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Lets files of the log be removed as long as what it returns is there; not now, when that is nothing.
pub type MayRemove = Box<dyn Fn() -> Option<Removing> + Send + Sync>;

/// The cluster as everybody sees it, and the way to change it.
pub struct Metadata {
    image: ArcSwap<Image>,
    keeper: Keeper,
    changes: mpsc::Sender<Command>,
}

enum Command {
    Change(Box<dyn Change>),
    Close(oneshot::Sender<bool>),
}

/// A change that somebody waits for.
trait Change: Send {
    /// The records that make it.
    fn decide(&mut self, image: &Image) -> Vec<MetadataRecord>;
    /// It is durable, and everybody sees it; or it failed.
    fn done(self: Box<Self>, result: Result<(), Refused>);
}

struct Asked<F, T> {
    decide: Option<F>,
    result: Option<T>,
    reply: oneshot::Sender<Result<T, Refused>>,
}

impl<F, T> Change for Asked<F, T>
where
    F: FnOnce(&Image) -> (Vec<MetadataRecord>, T) + Send,
    T: Send,
{
    fn decide(&mut self, image: &Image) -> Vec<MetadataRecord> {
        let Some(decide) = self.decide.take() else {
            return Vec::new();
        };
        let (records, result) = decide(image);
        self.result = Some(result);
        records
    }

    fn done(self: Box<Self>, result: Result<(), Refused>) {
        let Self {
            result: value,
            reply,
            ..
        } = *self;
        if let Some(value) = value {
            // Who asked may be gone; the change stays.
            let _ = reply.send(result.map(|()| value));
        }
    }
}

impl Metadata {
    /// The cluster as it is, and the loop that changes it.
    pub fn new(
        log: MetadataLog,
        image: Image,
        keeper: Keeper,
        clock: Clock,
    ) -> (Arc<Self>, Controller) {
        let (changes, inbox) = mpsc::channel(TURN);
        let metadata = Arc::new(Self {
            image: ArcSwap::from_pointee(image),
            keeper,
            changes,
        });
        let controller = Controller {
            log,
            metadata: Arc::clone(&metadata),
            inbox,
            clock,
        };
        (metadata, controller)
    }

    /// The cluster as it is.
    pub fn image(&self) -> Arc<Image> {
        self.image.load_full()
    }

    /// Who keeps the log.
    pub fn keeper(&self) -> Keeper {
        self.keeper
    }

    /// Makes a change: `decide` says from the cluster as it is then which records make it, and what
    /// is returned. No records are no change.
    ///
    /// # Durability
    /// The change is on the medium on return, and has been applied to this broker.
    ///
    /// # Errors
    /// The disk failed or is full, or the broker stops: whether the change is made is not known.
    ///
    /// # Cancel safety
    /// The change may be made even if the call is dropped.
    pub async fn change<T: Send + 'static>(
        &self,
        decide: impl FnOnce(&Image) -> (Vec<MetadataRecord>, T) + Send + 'static,
    ) -> Result<T, Refused> {
        let (reply, answer) = oneshot::channel();
        let asked = Asked {
            decide: Some(decide),
            result: None,
            reply,
        };
        let stopped = || Refused::new(ErrorCode::NotController, "the broker stops");
        let sent = self.changes.send(Command::Change(Box::new(asked))).await;
        sent.map_err(|_| stopped())?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Ends the loop; returns whether its log is closed and sound.
    pub async fn close(&self) -> bool {
        let (reply, answer) = oneshot::channel();
        // A loop that has ended has failed.
        let _ = self.changes.send(Command::Close(reply)).await;
        answer.await.unwrap_or(false)
    }
}

/// The loop behind [`Metadata::change`].
pub struct Controller {
    log: MetadataLog,
    metadata: Arc<Metadata>,
    inbox: mpsc::Receiver<Command>,
    clock: Clock,
}

impl Controller {
    /// Works until it is told to close, or its log fails: then nothing can be changed any more, and
    /// `committed` is what everybody goes on with.
    pub async fn run(mut self, committed: Committed, may_remove: MayRemove) {
        let mut commands = Vec::new();
        while self.inbox.recv_many(&mut commands, TURN).await > 0 {
            let mut changes = Vec::new();
            let mut closing = None;
            for command in commands.drain(..) {
                match command {
                    Command::Change(change) => changes.push(change),
                    Command::Close(reply) => closing = Some(reply),
                }
            }
            let turned = self.turn(changes, &committed).await;
            if let Err(error) = turned.and_then(|()| self.snapshot(&may_remove)) {
                tracing::error!(%error, "the metadata log has failed: topics and settings stay as they are");
                return;
            }
            if let Some(reply) = closing {
                let closed = self.log.close();
                if let Err(error) = &closed {
                    tracing::error!(%error, "cannot close the metadata log");
                }
                // Who asked may be gone.
                let _ = reply.send(closed.is_ok());
                return;
            }
        }
    }

    /// Makes a snapshot if it is time, and nobody keeps the files of logs.
    fn snapshot(&mut self, may_remove: &MayRemove) -> Result<(), LogError> {
        let now = self.clock.now();
        if !self.log.is_snapshot_due(now) {
            return Ok(());
        }
        let Some(_removing) = may_remove() else {
            return Ok(());
        };
        self.log.take_snapshot(&self.metadata.image(), now)
    }

    /// Makes changes with one sync. An error is one after which the log takes no more.
    async fn turn(
        &mut self,
        changes: Vec<Box<dyn Change>>,
        committed: &Committed,
    ) -> Result<(), LogError> {
        let now = self.clock.now();
        let mut image = Image::clone(&self.metadata.image());
        let mut made = Vec::new();
        for mut change in changes {
            let before = image.clone();
            let records = change.decide(&image);
            match self.append(&records, &mut image, now) {
                Ok(()) => made.push(change),
                Err(error) => {
                    image = before;
                    change.done(Err(Refused::from(&error)));
                }
            }
        }
        if image.end_offset > self.metadata.image().end_offset {
            if let Err(error) = self.log.sync() {
                let refused = Refused::from(&error);
                made.into_iter()
                    .for_each(|it| it.done(Err(refused.clone())));
                return Err(error);
            }
            let image = Arc::new(image);
            committed(Arc::clone(&image)).await;
            self.metadata.image.store(image);
        }
        made.into_iter().for_each(|it| it.done(Ok(())));
        Ok(())
    }

    /// Appends the records of a change and takes them into the image.
    fn append(
        &mut self,
        records: &[MetadataRecord],
        image: &mut Image,
        now: i64,
    ) -> Result<(), LogError> {
        if records.is_empty() {
            return Ok(());
        }
        let mut next = image.clone();
        for record in records {
            next.apply(record).map_err(|reason| {
                tracing::error!(%reason, "a change of the metadata is refused");
                LogError::Misuse(
                    "a change of the metadata does not follow; see the log line before",
                )
            })?;
        }
        self.log.append(records, now)?;
        *image = next;
        Ok(())
    }
}
