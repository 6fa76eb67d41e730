//! A broker from start to end.

use std::sync::Arc;

use millrace_kafka_wire::{ErrorCode, Str, Uuid};
use millrace_log::new_id;
use parking_lot::Mutex;
use tokio::task::JoinSet;

use crate::api::Sessions;
use crate::clock::Clock;
use crate::config::BrokerConfig;
use crate::coordinators::{Groups, HoldSwitch, Transactions};
use crate::live::Live;
use crate::metadata::topics::{Layout, NewTopic};
use crate::metadata::{BrokerImage, Metadata, TopicImage};
use crate::metrics::Metrics;
use crate::net::{Budget, Limits, NO_LISTENER, Peer, connect};
use crate::partitions::{Partition, PartitionId, Partitions, Refused};
use crate::stop::{Stop, Stopper};

mod cleaner;
mod format;
mod here;
mod ids;
mod open;
mod replicas;
mod start;
mod start_error;
mod upkeep;

pub use format::{Formatted, NewUser, format};
pub use here::{start_here, system_random};
pub use ids::ProducerIds;
pub use start::start;
pub(crate) use start::{Purpose, start_for};
pub use start_error::StartError;

/// What all requests of a broker share.
pub struct Broker {
    node_id: i32,
    live: Arc<Live>,
    cluster_id: Str,
    /// That of its registration.
    epoch: i64,
    metadata: Arc<Metadata>,
    partitions: Arc<Partitions>,
    groups: Arc<Groups>,
    transactions: Transactions,
    fetch_sessions: Sessions,
    metrics: Metrics,
    limits: Limits,
    request_budget: Budget,
    stopping: Stop,
    clock: Clock,
    producer_ids: Arc<ProducerIds>,
    random: Random,
    /// Decisions on transactions are held.
    held: HoldSwitch,
    /// One at a time is made.
    backup: Arc<tokio::sync::Mutex<()>>,
}

/// Where ids come from; a simulator gives its own.
pub type Random = Arc<Mutex<dyn FnMut() -> [u8; 16] + Send>>;

/// How a request names a topic.
#[derive(Clone, Copy, Debug)]
pub enum Topic<'a> {
    Name(&'a str),
    Id(Uuid),
}

/// A partition that this broker leads.
pub struct Found {
    pub topic: Arc<TopicImage>,
    pub partition: Arc<Partition>,
}

/// A broker that runs.
pub struct Running {
    broker: Arc<Broker>,
    /// Its listeners and its upkeep.
    tasks: JoinSet<()>,
    addresses: Vec<std::net::SocketAddr>,
    stopping: Stopper,
    is_new: bool,
}

impl Broker {
    pub fn node_id(&self) -> i32 {
        self.node_id
    }

    /// The settings that hold now.
    pub fn config(&self) -> Arc<BrokerConfig> {
        self.live.config()
    }

    pub fn cluster_id(&self) -> &Str {
        &self.cluster_id
    }

    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    pub fn partitions(&self) -> &Partitions {
        &self.partitions
    }

    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    pub fn transactions(&self) -> &Transactions {
        &self.transactions
    }

    /// Says to coordinators of transactions that begin whether decisions are held.
    pub fn held(&self) -> &HoldSwitch {
        &self.held
    }

    /// Whoever makes a backup has it.
    pub fn backup(&self) -> &Arc<tokio::sync::Mutex<()>> {
        &self.backup
    }

    /// Gives ids that no producer has or had.
    pub fn producer_ids(&self) -> &ProducerIds {
        &self.producer_ids
    }

    pub fn fetch_sessions(&self) -> &Sessions {
        &self.fetch_sessions
    }

    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The memory of requests.
    pub fn request_budget(&self) -> &Budget {
        &self.request_budget
    }

    /// Waits until the broker stops.
    pub async fn stopped(&self) {
        self.stopping.told().await;
    }

    /// Connects a client within this process, which speaks Kafka's protocol over the pipe.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn connect(self: &Arc<Self>) -> tokio::io::DuplexStream {
        connect(self)
    }

    /// Tells when the broker stops.
    pub(crate) fn stopping(&self) -> Stop {
        self.stopping.clone()
    }

    /// 16 bytes that nobody can guess.
    pub fn random_bytes(&self) -> [u8; 16] {
        (self.random.lock())()
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// A new random id.
    pub fn new_id(&self) -> Uuid {
        let mut random = self.random.lock();
        new_id(&mut *random)
    }

    /// A random number.
    pub fn new_number(&self) -> u32 {
        let [a, b, c, d, ..] = (*self.random.lock())();
        u32::from_be_bytes([a, b, c, d])
    }

    /// The partition that a request names.
    ///
    /// # Errors
    /// There is none, or this broker does not lead it, or its log cannot be used.
    pub fn find(&self, topic: Topic<'_>, index: i32) -> Result<Found, Refused> {
        let image = self.metadata.image();
        let (found, code) = match topic {
            Topic::Name(name) => (image.topic(name), ErrorCode::UnknownTopicOrPartition),
            Topic::Id(id) => (image.topic_by_id(id), ErrorCode::UnknownTopicId),
        };
        let found = found.ok_or_else(|| Refused::new(code, "there is no such topic"))?;
        if found.partition(index).is_none() {
            let code = ErrorCode::UnknownTopicOrPartition;
            return Err(Refused::new(code, "the topic has no such partition"));
        }
        let topic_id = found.id;
        Ok(Found {
            topic: Arc::clone(found),
            partition: self.partitions.get(PartitionId { topic_id, index })?,
        })
    }

    /// Host and port of a broker, as a client is to be told: what is advertised for the listener
    /// that the client came through; where nothing is, the address that it reached.
    pub fn address_of(&self, id: i32, broker: &BrokerImage, peer: &Peer) -> (Str, i32) {
        if id == self.node_id && peer.listener == NO_LISTENER {
            // It connects without an address, and tells brokers apart by them.
            return (Str::from("in-process"), 1);
        }
        let config = self.config();
        let listener = config.listeners.get(peer.listener);
        let is_advertised = listener.is_none_or(|it| it.advertised.is_some());
        if id == self.node_id && !is_advertised {
            let local = peer.local;
            return (local.ip().to_string().into(), i32::from(local.port()));
        }
        let name = listener.map(|it| it.name.as_str());
        let endpoint = broker
            .endpoints
            .iter()
            .find(|it| Some(it.name.as_str()) == name);
        let endpoint = endpoint.or_else(|| broker.endpoints.first());
        endpoint.map_or((Str::EMPTY, -1), |it| (it.host.clone(), i32::from(it.port)))
    }

    /// Makes a topic that somebody wants to use, as `auto.create.topics.enable` says.
    ///
    /// # Errors
    /// It is not to be made, or cannot be.
    pub async fn create_automatically(&self, name: &str) -> Result<(), Refused> {
        let config = self.config();
        if !config.auto_create_topics {
            let code = ErrorCode::UnknownTopicOrPartition;
            return Err(Refused::new(code, "`auto.create.topics.enable` is false"));
        }
        let topic = NewTopic {
            name: name.into(),
            id: self.new_id(),
            partitions: Layout::Count {
                partitions: config.num_partitions,
                replicas: config.default_replication_factor,
            },
            config: Vec::new(),
        };
        self.metadata.create_topic(topic).await
    }
}

impl Running {
    /// Where it listens, in the order of its listeners.
    pub fn addresses(&self) -> &[std::net::SocketAddr] {
        &self.addresses
    }

    /// Adds to what it does until it stops: `task` has to end then.
    pub(crate) fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Whether this start has formatted the directory.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// What its requests share.
    pub fn broker(&self) -> &Arc<Broker> {
        &self.broker
    }

    /// Stops: answers what has begun, closes all logs and marks the directories as closed. Returns
    /// whether all is durable and sound.
    pub async fn stop(mut self) -> bool {
        self.stopping.tell();
        let patience = std::time::Duration::from_secs(5);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, ended).await.is_err() {
            tracing::warn!("some requests were not answered before the end");
            self.tasks.abort_all();
        }
        let broker = &self.broker;
        let are_closed = broker.partitions.close().await;
        let is_clean = broker.metadata.close().await && are_closed;
        if is_clean {
            for dir in broker.partitions.dirs() {
                if let Err(error) = dir.log_dir().mark_clean(broker.epoch) {
                    let dir = dir.path().display();
                    tracing::warn!(%dir, %error, "cannot mark the directory as closed: the next start checks it");
                    return false;
                }
                dir.log_dir().release();
            }
        }
        is_clean
    }
}
