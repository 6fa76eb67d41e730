//! The brokers of a cluster, and who of them leads and coordinates.

mod coordinator;
mod missing;
mod places;
mod topic_ids;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use millrace_kafka_wire::api::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use millrace_kafka_wire::{ErrorCode, Str};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::Result;
use crate::connection::Connection;
use crate::error::{Error, Reason};
use crate::settings::{Backoff, LONGEST_PAUSE, Settings};

use missing::Missing;
pub(crate) use places::Places;
pub(crate) use topic_ids::TopicIds;

/// A cluster as it was last heard of.
pub struct Cluster {
    settings: Settings,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By address.
    connections: HashMap<Arc<str>, Connection>,
    /// The addresses of the brokers by their ids.
    brokers: HashMap<i32, Arc<str>>,
    topics: HashMap<Str, Known>,
    missing: Missing,
}

/// A topic as it was heard of.
struct Known {
    places: Arc<Places>,
    since: Instant,
}

impl Cluster {
    /// Connects to the first address that answers.
    ///
    /// # Errors
    /// There is no address, or none answers: the error is that of the last one.
    pub async fn connect(settings: Settings) -> Result<Arc<Self>> {
        let cluster = Arc::new(Self {
            settings,
            state: Mutex::default(),
        });
        cluster.any().await?;
        Ok(cluster)
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A connection to some broker: one that is open, else the first that answers.
    ///
    /// # Errors
    /// As those of [`connect`](Self::connect).
    pub async fn any(&self) -> Result<Connection> {
        let state = self.state.lock().await;
        let mut open = state.connections.values().filter(|it| it.is_open());
        if let Some(open) = open.next() {
            return Ok(open.clone());
        }
        let bootstrap = self.settings.bootstrap.iter().map(|it| Arc::from(&**it));
        let addresses: Vec<Arc<str>> = bootstrap.chain(state.brokers.values().cloned()).collect();
        drop(state);
        let mut last = Error::invalid("there is no broker to begin with: name one as HOST:PORT");
        for address in addresses {
            match self.open(&address).await {
                Ok(connection) => return Ok(connection),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Waits until no broker can be reached, and says why: the connections have broken, and no
    /// broker that is known takes another one.
    ///
    /// Cancel safe.
    pub async fn lost(&self) -> Error {
        loop {
            match self.any().await {
                Ok(open) => open.closed().await,
                Err(error) => return error,
            }
            // Who takes a connection and ends it at once is not asked without a pause.
            tokio::time::sleep(self.settings.retry_backoff).await;
        }
    }

    /// Waits until a broker can be reached, with pauses that double up to a second.
    ///
    /// Cancel safe.
    pub async fn reached(&self) {
        let mut pause = self.settings.retry_backoff;
        while self.any().await.is_err() {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// The connection to an address. One is made at a time: who asks for another waits.
    async fn open(&self, address: &Arc<str>) -> Result<Connection> {
        let mut state = self.state.lock().await;
        if let Some(open) = state.connections.get(address).filter(|it| it.is_open()) {
            return Ok(open.clone());
        }
        let connection = Connection::open(address, &self.settings).await?;
        let kept = connection.clone();
        state.connections.insert(Arc::clone(address), kept);
        Ok(connection)
    }

    /// The connection to a broker of the cluster.
    ///
    /// # Errors
    /// The broker is not known, or does not answer.
    pub async fn broker(&self, id: i32) -> Result<Connection> {
        let known = self.state.lock().await.brokers.get(&id).cloned();
        let address = match known {
            Some(address) => address,
            None => {
                self.metadata(Some(&[]), false).await?;
                let known = self.state.lock().await.brokers.get(&id).cloned();
                let error = || Error::refused(ErrorCode::BrokerNotAvailable);
                known.ok_or_else(|| error().of(format_args!("broker {id}")))?
            }
        };
        self.open(&address).await
    }

    /// Another connection to a broker of the cluster, for requests that it may keep waiting: it
    /// answers those of one connection in order.
    pub(crate) async fn own_connection(&self, id: i32) -> Result<Connection> {
        let address = Arc::clone(self.broker(id).await?.broker());
        Connection::open(&address, &self.settings).await
    }

    /// All brokers that are known, by their ids.
    ///
    /// # Errors
    /// Nobody tells them.
    pub async fn broker_ids(&self) -> Result<Vec<i32>> {
        self.retry(|| self.metadata(Some(&[]), false)).await?;
        let state = self.state.lock().await;
        let mut ids: Vec<_> = state.brokers.keys().copied().collect();
        ids.sort_unstable();
        Ok(ids)
    }

    /// Asks where topics are: those named, or all.
    pub(crate) async fn metadata(
        &self,
        topics: Option<&[&str]>,
        may_create: bool,
    ) -> Result<MetadataResponse> {
        let named = |name: &&str| MetadataRequestTopic {
            name: Some((*name).into()),
            ..MetadataRequestTopic::default()
        };
        let request = MetadataRequest {
            topics: topics.map(|it| it.iter().map(named).collect()),
            allow_auto_topic_creation: may_create,
            ..MetadataRequest::default()
        };
        let connection = self.any().await?;
        let response = connection.call(&request).await?;
        Error::check(response.error_code, None)
            .map_err(|error| connection.explain::<MetadataRequest>(error))?;
        let mut state = self.state.lock().await;
        state.brokers.clear();
        for broker in &response.brokers {
            state.learn(broker.node_id, &broker.host, broker.port);
        }
        for topic in &response.topics {
            if let Some(name) = &topic.name {
                let known = Known {
                    places: Arc::new(Places::read(topic)),
                    since: Instant::now(),
                };
                state.topics.insert(name.detach(), known);
            }
        }
        Ok(response)
    }

    /// Where the partitions of a topic are, as far as it is known or can be asked. A topic that is
    /// not there may be made by asking, if the broker does so.
    pub(crate) async fn places(&self, topic: &str, may_create: bool) -> Result<Arc<Places>> {
        if let Some(known) = self.known(topic).await.filter(|it| it.is_whole()) {
            return Ok(known);
        }
        match may_create {
            true => self.made_places(topic).await,
            false => self.retry(|| self.ask_places(topic, false)).await,
        }
    }

    /// As [`places`](Self::places) for a topic that was there before, asked for at most once.
    pub(crate) async fn places_once(&self, topic: &str) -> Result<Arc<Places>> {
        match self.known(topic).await {
            Some(known) => Ok(known),
            None => self.ask_places(topic, true).await,
        }
    }

    /// What is known of a topic, unless it is too old.
    async fn known(&self, topic: &str) -> Option<Arc<Places>> {
        let state = self.state.lock().await;
        let known = state.topics.get(topic)?;
        let max_age = self.settings.metadata_max_age;
        let is_old = max_age.is_some_and(|it| known.since.elapsed() >= it);
        (!is_old).then(|| Arc::clone(&known.places))
    }

    async fn ask_places(&self, topic: &str, may_create: bool) -> Result<Arc<Places>> {
        let response = self.metadata(Some(&[topic]), may_create).await?;
        let mut topics = response.topics.iter();
        let found = topics.find(|it| it.name.as_deref() == Some(topic));
        let found = found.ok_or_else(|| {
            Error::new(Reason::Incomplete("leaves out a topic")).of(subject(topic))
        })?;
        let refused = Error::check(found.error_code, None);
        // Where topics are made by asking, one that is not there is there soon.
        let unknown = ErrorCode::UnknownTopicOrPartition.number();
        if found.error_code == unknown && !may_create {
            let text = format!(
                "there is no topic `{topic}` (`millrace topic list` has those that there are)"
            );
            return Err(Error::invalid(text));
        }
        let metadata = millrace_kafka_wire::ApiKey::Metadata;
        refused.map_err(|error| error.during(metadata).of(subject(topic)))?;
        Ok(Arc::new(Places::read(found)))
    }

    /// Forgets where a topic is, because somebody who should lead it does not.
    pub(crate) async fn forget(&self, topic: &str) {
        self.state.lock().await.topics.remove(topic);
    }

    /// Tries until it works or fails for good, with growing pauses, for as long as the settings
    /// say. What is tried must be harmless when it is done twice.
    pub(crate) async fn retry<T, F: Future<Output = Result<T>>>(
        &self,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T> {
        let mut backoff = Backoff::new(&self.settings);
        loop {
            match attempt().await {
                Ok(done) => return Ok(done),
                Err(error) if !error.is_retriable() && !error.is_ambiguous() => return Err(error),
                // Who refuses to be connected to at first is not waited for: an address may be wrong.
                Err(error) if self.is_unknown(&error).await => return Err(error),
                Err(error) => {
                    if !backoff.pause_after(&error).await {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Whether no broker has answered yet.
    async fn is_unknown(&self, error: &Error) -> bool {
        let is_connecting = matches!(error.reason(), Reason::Connect(_));
        is_connecting && self.state.lock().await.connections.is_empty()
    }
}

impl State {
    /// Keeps the address of a broker; a port that is none is left out.
    fn learn(&mut self, id: i32, host: &str, port: i32) {
        if let Some(port) = u16::try_from(port).ok().filter(|it| *it != 0) {
            // An address of IP version 6 has colons of its own.
            let address = match host.contains(':') {
                true => format!("[{host}]:{port}"),
                false => format!("{host}:{port}"),
            };
            self.brokers.insert(id, address.into());
        }
    }
}

pub(crate) fn subject(topic: &str) -> String {
    format!("topic `{topic}`")
}
