//! Reads topics as a member of a group: what an input is.

mod progress;
mod task;

use std::time::Duration;

use async_trait::async_trait;
use millrace_component::{Incoming, Input};
use millrace_kafka_client::{Cluster, Consumer, ConsumerSettings, Settings};
use millrace_message::Error;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::failure::not_connected;

/// Messages that are read ahead of the engine.
const READ_AHEAD: usize = 64;

/// What is read, and how.
pub struct ReaderConfig {
    pub client: Settings,
    pub consumer: ConsumerSettings,
    pub group: String,
    pub topics: Vec<String>,
    /// How often offsets are committed.
    pub commit_period: Duration,
    /// How many messages of a partition may be on their way.
    pub checkpoint_limit: usize,
}

/// Reads topics as a member of a group, and commits what was acknowledged.
///
/// What is committed is the offset before which everything was acknowledged, so that after a kill
/// nothing is left out and what came behind it is read again. A message that failed for good is
/// read again, with all that came behind it.
pub struct Reader {
    config: std::sync::Arc<ReaderConfig>,
    session: Option<Session>,
}

/// From a connect to the loss of the connection.
struct Session {
    incoming: mpsc::Receiver<Incoming>,
    /// Nothing more is to be read.
    stop: CancellationToken,
    /// Nothing more will be acknowledged.
    end: CancellationToken,
    task: JoinHandle<Result<(), Error>>,
}

impl Reader {
    pub fn new(config: ReaderConfig) -> Self {
        Self {
            config: std::sync::Arc::new(config),
            session: None,
        }
    }
}

#[async_trait]
impl Input for Reader {
    async fn connect(&mut self) -> Result<(), Error> {
        let config = &self.config;
        let cluster = Cluster::connect(config.client.clone()).await;
        let cluster = cluster.map_err(|error| not_connected(&error))?;
        let topics: Vec<&str> = config.topics.iter().map(String::as_str).collect();
        let consumer = Consumer::in_group(cluster, config.consumer.clone(), &config.group, &topics);
        let (sender, incoming) = mpsc::channel(READ_AHEAD);
        let (stop, end) = (CancellationToken::new(), CancellationToken::new());
        let task = task::Task::new(std::sync::Arc::clone(config), consumer, sender);
        let task = tokio::spawn(task.run(stop.clone(), end.clone()));
        self.session = Some(Session {
            incoming,
            stop,
            end,
            task,
        });
        Ok(())
    }

    async fn read(&mut self) -> Result<Incoming, Error> {
        let Some(session) = &mut self.session else {
            return Err(Error::not_connected("not connected"));
        };
        if let Some(incoming) = session.incoming.recv().await {
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

    async fn stop(&mut self) {
        if let Some(session) = &mut self.session {
            session.stop.cancel();
            // What nobody has seen stays uncommitted.
            session.incoming.close();
            while session.incoming.try_recv().is_ok() {}
        }
    }

    async fn close(&mut self) -> Result<(), Error> {
        let Some(session) = self.session.take() else {
            return Ok(());
        };
        session.stop.cancel();
        session.end.cancel();
        match session.task.await {
            Ok(result) => result,
            Err(panic) => Err(Error::fatal(format!("the reader panicked: {panic}"))),
        }
    }
}
