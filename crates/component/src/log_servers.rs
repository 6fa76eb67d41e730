//! How a component starts a log of its own that serves Kafka's clients.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;
use millrace_message::Error;
use millrace_spec::{Node, ReadContext};
use millrace_telemetry::Scope;
use parking_lot::Mutex;

use crate::LogClient;

/// Settings of a broker, by the names that Kafka has for them.
pub type LogSettings = BTreeMap<String, String>;

/// Reads settings of a broker in a config, and complains of those that cannot be. What is secret of
/// them is kept out of logs.
pub type ReadLogSettings = fn(&Node, &mut ReadContext) -> Option<LogSettings>;

/// A log that is to be started.
pub struct NewLog {
    /// Among them the listeners.
    pub settings: LogSettings,
    /// Where its records are.
    pub data_dir: PathBuf,
    /// Where its metrics are registered.
    pub scope: Scope,
}

/// A log that runs. It is to be stopped: what is dropped is closed by the next start.
pub struct ServedLog {
    /// How this process reaches it.
    pub client: Arc<LogClient>,
    /// Where it listens.
    pub addresses: Vec<SocketAddr>,
    /// The mutex makes it one that threads can share.
    stop: Mutex<BoxFuture<'static, ()>>,
}

impl ServedLog {
    /// `stop` answers what has begun and closes the log.
    pub fn new(
        client: Arc<LogClient>,
        addresses: Vec<SocketAddr>,
        stop: BoxFuture<'static, ()>,
    ) -> Self {
        Self {
            client,
            addresses,
            stop: Mutex::new(stop),
        }
    }

    /// Stops it, when nothing uses it any more.
    pub async fn stop(self) {
        self.stop.into_inner().await;
    }
}

type Starting = BoxFuture<'static, Result<ServedLog, Error>>;

/// Starts logs: a service of the process.
pub struct LogServers {
    start: Box<dyn Fn(NewLog) -> Starting + Send + Sync>,
}

impl LogServers {
    /// `start` starts a log.
    pub fn new(start: impl Fn(NewLog) -> Starting + Send + Sync + 'static) -> Self {
        Self {
            start: Box::new(start),
        }
    }

    /// Starts a log.
    ///
    /// # Errors
    /// Fatal: its settings contradict each other, an address or the directory is in use, or the disk
    /// fails.
    pub async fn start(&self, log: NewLog) -> Result<ServedLog, Error> {
        (self.start)(log).await
    }
}
