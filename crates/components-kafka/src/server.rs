//! A log of an input's own, which serves Kafka's clients.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use millrace_component::{
    BuildContext, LogClient, LogServers, LogSettings, NewLog, Registry, ServedLog,
};
use millrace_kafka_client::{Cluster, NewTopic, Settings};
use millrace_message::Error;
use millrace_spec::{FieldKind, FieldType, Node, ReadContext};
use millrace_telemetry::Scope;
use parking_lot::Mutex;
use tokio::io::duplex;

use crate::failure::not_reached;
use crate::log::settings_over;

/// What the log keeps of a topic is deleted in steps of this size, behind what was acknowledged.
const SEGMENT_BYTES: u64 = 64 << 20;

/// Settings of the broker by the names that Kafka has for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrokerSettings(pub LogSettings);

impl FieldType for BrokerSettings {
    fn kind() -> FieldKind {
        FieldKind::Any
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        let registry = cx.extension::<Registry>();
        match registry.and_then(|it| it.log_settings()) {
            Some(read) => read(node, cx).map(Self),
            // Nobody is there who would start a broker either.
            None => BTreeMap::read(node, cx).map(Self),
        }
    }
}

/// What is served, and where.
pub struct ServerConfig {
    pub settings: LogSettings,
    pub data_dir: PathBuf,
    pub topics: Vec<String>,
    pub partitions: i32,
}

/// A log that is started with the first connect and stopped at the end.
pub struct Server {
    config: ServerConfig,
    servers: Arc<LogServers>,
    scope: Scope,
    settings: Settings,
    /// How the log is reached while it runs.
    client: Arc<Mutex<Option<Arc<LogClient>>>>,
    running: Option<ServedLog>,
}

impl Server {
    /// # Errors
    /// The process starts no brokers.
    pub fn new(config: ServerConfig, cx: &BuildContext) -> Result<Self, Error> {
        let servers = cx.service::<LogServers>();
        let none = || Error::fatal("this process starts no broker");
        let client = Arc::new(Mutex::new(None::<Arc<LogClient>>));
        let slot = Arc::clone(&client);
        let connect = move || match &*slot.lock() {
            Some(client) => client.connect(),
            // A pipe whose other end nobody holds: it breaks.
            None => duplex(1).0,
        };
        Ok(Self {
            config,
            servers: servers.ok_or_else(none)?,
            scope: cx.metrics().clone(),
            settings: settings_over(cx, connect),
            client,
            running: None,
        })
    }

    /// How it is reached, as soon as it runs.
    pub fn settings(&self) -> Settings {
        self.settings.clone()
    }

    /// Sees that it runs and has its topics.
    ///
    /// # Errors
    /// Fatal when it cannot be started.
    pub async fn start(&mut self) -> Result<(), Error> {
        if self.running.is_none() {
            let log = NewLog {
                settings: self.config.settings.clone(),
                data_dir: self.config.data_dir.clone(),
                scope: self.scope.clone(),
            };
            let running = self.servers.start(log).await?;
            for address in &running.addresses {
                tracing::info!(%address, "clients of Kafka are served");
            }
            *self.client.lock() = Some(Arc::clone(&running.client));
            self.running = Some(running);
        }
        self.make_topics().await
    }

    /// Makes the topics that are not there. Those that are keep their partitions.
    async fn make_topics(&self) -> Result<(), Error> {
        let cluster = Cluster::connect(self.settings.clone()).await;
        let cluster = cluster.map_err(|error| not_reached(&error))?;
        let present = cluster.list_topics().await;
        let present = present.map_err(|error| not_reached(&error))?;
        let is_missing = |name: &&String| !present.iter().any(|it| it.name == **name);
        for name in self.config.topics.iter().filter(is_missing) {
            let topic = NewTopic {
                name: name.clone(),
                partitions: Some(self.config.partitions),
                replication_factor: None,
                configs: vec![("segment.bytes".to_owned(), SEGMENT_BYTES.to_string())],
            };
            let made = cluster.create_topic(&topic, false).await;
            made.map_err(|error| not_reached(&error))?;
        }
        Ok(())
    }

    /// Stops it, when nothing reads it any more.
    pub async fn stop(&mut self) {
        *self.client.lock() = None;
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }
}
