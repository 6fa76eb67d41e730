//! Reads topics: what an input is.

mod batches;
mod progress;
mod ready;
mod standstill;
mod subscription;
mod task;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use millrace_component::{BuiltRateLimit, Flow, Identity, Incoming, Input};
use millrace_kafka_client::{Cluster, ConsumerSettings};
use millrace_message::Error;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::client::Client;
use crate::failure::not_connected;
use crate::record::Naming;

pub use batches::Batching;
pub use subscription::Subscription;

/// Batches that are read ahead of the engine.
const READ_AHEAD: usize = 64;
/// How long a rate limit is left alone that could not be asked.
const RATE_LIMIT_PAUSE: Duration = Duration::from_secs(1);

/// What is read, and how.
pub struct ReaderConfig {
    pub client: Client,
    pub consumer: ConsumerSettings,
    pub subscription: Subscription,
    /// How often offsets are committed.
    pub commit_period: Duration,
    /// How many messages of a partition may be on their way, at least one.
    pub checkpoint_limit: usize,
    /// Whether records are deleted behind what was committed.
    pub deletes: bool,
    /// The stream that it is read for, and by whom.
    pub flow: Flow,
    pub identity: Arc<Identity>,
    pub naming: Naming,
    /// How the messages of a partition become batches; without it each is one.
    pub batching: Option<Batching>,
    /// Of which every batch takes a place.
    pub rate_limit: Option<BuiltRateLimit>,
}

/// Reads topics, and commits what was acknowledged when it reads them for a group.
///
/// What is committed is the offset before which everything was acknowledged, so that after a kill
/// nothing is left out and what came behind it is read again. A message that failed for good is
/// read again, with all that came behind it.
///
/// A partition stands still before a batch that cannot be read, when all before it was handed out: what
/// is behind it may depend on it. Others are read on. A stream that ends so has not read what there
/// is, and fails.
pub struct Reader {
    config: Arc<ReaderConfig>,
    unread: standstill::Unread,
    session: Option<Session>,
}

/// From a connect to the loss of the connection.
struct Session {
    incoming: mpsc::Receiver<Incoming>,
    /// Waits for the rate limit.
    next: Option<Incoming>,
    /// Nothing more is to be read.
    stop: CancellationToken,
    /// Nothing more will be acknowledged.
    end: CancellationToken,
    /// Why no broker can be reached.
    outage: watch::Receiver<Option<Error>>,
    _watch: AbortOnDropHandle<()>,
    task: JoinHandle<Result<(), Error>>,
}

impl Reader {
    pub fn new(config: ReaderConfig) -> Self {
        Self {
            config: Arc::new(config),
            unread: standstill::Unread::default(),
            session: None,
        }
    }

    /// What it was to read and could not, the stream has left undone.
    fn note_unread(&self) {
        if let Some(error) = self.unread.lock().values().next() {
            self.config
                .flow
                .note_unfinished(Error::rejected(error.to_string()));
        }
    }
}

#[async_trait]
impl Input for Reader {
    async fn connect(&mut self) -> Result<(), Error> {
        let config = &self.config;
        let cluster = config.client.connect().await?;
        let counts = config.subscription.counts(&cluster).await;
        let counts = counts.map_err(|error| not_connected(&error))?;
        let (sender, incoming) = mpsc::channel(READ_AHEAD);
        let (stop, end) = (CancellationToken::new(), CancellationToken::new());
        let (told, outage) = watch::channel(None);
        let watch = tokio::spawn(tell_outages(Arc::clone(&cluster), told));
        self.unread.lock().clear();
        let unread = Arc::clone(&self.unread);
        let task = task::Task::new(Arc::clone(config), cluster, (counts, unread), sender);
        let task = tokio::spawn(task.run(stop.clone(), end.clone()));
        self.session = Some(Session {
            incoming,
            next: None,
            stop,
            end,
            outage,
            _watch: AbortOnDropHandle::new(watch),
            task,
        });
        Ok(())
    }

    async fn read(&mut self) -> Result<Incoming, Error> {
        let Some(session) = &mut self.session else {
            return Err(Error::not_connected("not connected"));
        };
        if let Some(incoming) = session.read(self.config.rate_limit.as_ref()).await {
            return Ok(incoming);
        }
        let ended = (&mut session.task).await;
        self.session = None;
        Err(match ended {
            Ok(Ok(())) => Error::not_connected("the reader has stopped"),
            Ok(Err(error)) => error,
            Err(panic) => Error::fatal(format!("the reader panicked: {panic}")),
        })
    }

    fn outage(&self) -> Option<watch::Receiver<Option<Error>>> {
        self.session.as_ref().map(|it| it.outage.clone())
    }

    async fn stop(&mut self) {
        if let Some(session) = &mut self.session {
            session.stop.cancel();
            // What nobody has seen stays uncommitted.
            session.next = None;
            session.incoming.close();
            while session.incoming.try_recv().is_ok() {}
        }
    }

    async fn close(&mut self) -> Result<(), Error> {
        let Some(session) = self.session.take() else {
            self.note_unread();
            return Ok(());
        };
        session.stop.cancel();
        session.end.cancel();
        let ended = session.task.await;
        self.note_unread();
        match ended {
            Ok(result) => result,
            Err(panic) => Err(Error::fatal(format!("the reader panicked: {panic}"))),
        }
    }
}

/// The task of a consumer bears an outage for a while, and stays a member of its group: it is seen
/// here alone.
async fn tell_outages(cluster: Arc<Cluster>, told: watch::Sender<Option<Error>>) {
    loop {
        let error = cluster.lost().await;
        told.send_replace(Some(not_connected(&error)));
        cluster.reached().await;
        told.send_replace(None);
    }
}

impl Session {
    /// The next batch, when the rate limit lets it pass. Cancel safe: it waits here.
    async fn read(&mut self, rate_limit: Option<&BuiltRateLimit>) -> Option<Incoming> {
        if self.next.is_none() {
            self.next = Some(self.incoming.recv().await?);
        }
        if let (Some(limit), Some(next)) = (rate_limit, &self.next) {
            let bytes = next.batch.iter().map(|it| it.bytes().len()).sum();
            loop {
                let pause = match limit.acquire(bytes).await {
                    Ok(None) => break,
                    Ok(Some(pause)) => pause,
                    Err(error) => {
                        tracing::warn!(%error, "the rate limit cannot be asked");
                        RATE_LIMIT_PAUSE
                    }
                };
                tokio::time::sleep(pause).await;
            }
        }
        self.next.take()
    }
}
