//! What is fetched from the leaders of partitions.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use millrace_kafka_wire::api::fetch::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, FetchableTopicResponse, PartitionData,
};
use millrace_kafka_wire::{ErrorCode, Str, Uuid};
use tokio::task::JoinSet;

use super::settings::{ConsumerSettings, Isolation};
use crate::Result;
use crate::admin::TopicPartition;
use crate::cluster::{Cluster, TopicIds};
use crate::connection::Connection;
use crate::error::Error;

/// From the next version on, topics are asked for by their ids.
const LAST_BY_NAME: i16 = 12;

/// One answered request.
pub struct Fetched {
    broker: i32,
    /// With the offsets that were asked for.
    pub asked: HashMap<TopicPartition, i64>,
    pub names: Names,
    pub result: Result<FetchResponse>,
}

/// The names of topics that were asked for by their ids; none where they were asked for by name.
#[derive(Debug, Default)]
pub struct Names(HashMap<Uuid, Str>);

impl Names {
    /// The name of a topic of an answer, as long as it is the topic that is read now.
    pub fn of(&self, answer: &FetchableTopicResponse, ids: &TopicIds) -> Option<Str> {
        if answer.topic_id.is_zero() {
            return Some(answer.topic.detach());
        }
        let name = self.0.get(&answer.topic_id)?;
        (ids.get(name) == Some(answer.topic_id)).then(|| name.clone())
    }
}

/// The open requests: at most one for each broker.
pub struct Fetches {
    cluster: Arc<Cluster>,
    open: JoinSet<Fetched>,
    brokers: HashSet<i32>,
    /// For fetches alone: a broker answers in order, and a fetch may wait long.
    connections: HashMap<i32, Connection>,
    partitions: HashSet<TopicPartition>,
}

impl Fetches {
    pub fn new(cluster: Arc<Cluster>) -> Self {
        Self {
            cluster,
            open: JoinSet::new(),
            brokers: HashSet::new(),
            connections: HashMap::new(),
            partitions: HashSet::new(),
        }
    }

    /// Asks for these partitions, as far as their leaders are not asked already. `wait` is how long a
    /// leader may wait for records.
    pub async fn begin(
        &mut self,
        wanted: Vec<(TopicPartition, i64)>,
        ids: &TopicIds,
        settings: &ConsumerSettings,
        wait: Duration,
    ) -> Result<()> {
        let mut by_leader: HashMap<i32, HashMap<TopicPartition, i64>> = HashMap::new();
        for (partition, offset) in wanted {
            if self.partitions.contains(&partition) {
                continue;
            }
            let leader = self.cluster.leader_once(&partition).await?;
            if !self.brokers.contains(&leader) {
                by_leader
                    .entry(leader)
                    .or_default()
                    .insert(partition, offset);
            }
        }
        for (broker, asked) in by_leader {
            let connection = self.connection(broker).await?;
            let (request, names) = request(&asked, ids, settings, wait);
            let most = match names.0.is_empty() {
                true => LAST_BY_NAME,
                false => i16::MAX,
            };
            let pending = connection.begin_up_to(most, &request, wait).await?;
            self.brokers.insert(broker);
            self.partitions.extend(asked.keys().cloned());
            self.open.spawn(async move {
                let result = pending.wait().await;
                let result = result.and_then(|it| match Error::check(it.error_code, None) {
                    Ok(()) => Ok(it),
                    Err(error) => Err(connection.explain::<FetchRequest>(error)),
                });
                Fetched {
                    broker,
                    asked,
                    names,
                    result,
                }
            });
        }
        Ok(())
    }

    async fn connection(&mut self, broker: i32) -> Result<Connection> {
        let known = self.connections.get(&broker);
        if let Some(open) = known.filter(|it| it.is_open()) {
            return Ok(open.clone());
        }
        let own = self.cluster.own_connection(broker).await?;
        self.connections.insert(broker, own.clone());
        Ok(own)
    }

    /// The next answer; waits for ever when nothing is open. Cancel safe.
    pub async fn next(&mut self) -> Fetched {
        loop {
            match self.open.join_next().await {
                Some(Ok(fetched)) => {
                    self.brokers.remove(&fetched.broker);
                    for partition in fetched.asked.keys() {
                        self.partitions.remove(partition);
                    }
                    return fetched;
                }
                Some(Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }
}

fn request(
    asked: &HashMap<TopicPartition, i64>,
    ids: &TopicIds,
    settings: &ConsumerSettings,
    wait: Duration,
) -> (FetchRequest, Names) {
    let by_id = ids.has_all(asked.keys().map(|it| &it.topic));
    let mut names = HashMap::new();
    let mut topics: Vec<FetchTopic> = Vec::new();
    for (it, offset) in asked {
        let partition = FetchPartition {
            partition: it.partition,
            fetch_offset: *offset,
            current_leader_epoch: -1,
            last_fetched_epoch: -1,
            log_start_offset: -1,
            partition_max_bytes: settings.max_partition_fetch_bytes,
            ..FetchPartition::default()
        };
        match topics.iter_mut().find(|topic| topic.topic == it.topic) {
            Some(topic) => topic.partitions.push(partition),
            None => {
                let id = ids.get(&it.topic).filter(|_| by_id).unwrap_or(Uuid::ZERO);
                if by_id {
                    names.insert(id, it.topic.clone());
                }
                topics.push(FetchTopic {
                    topic: it.topic.clone(),
                    topic_id: id,
                    partitions: vec![partition],
                });
            }
        }
    }
    let wait = wait.as_millis();
    let request = FetchRequest {
        replica_id: -1,
        max_wait_ms: i32::try_from(wait).unwrap_or(i32::MAX),
        min_bytes: settings.fetch_min_bytes,
        max_bytes: settings.fetch_max_bytes,
        isolation_level: i8::from(settings.isolation == Isolation::ReadCommitted),
        // No session: every request says all that it wants.
        session_epoch: -1,
        topics,
        ..FetchRequest::default()
    };
    (request, Names(names))
}

/// What is to be done with what was fetched from a partition.
pub enum Outcome {
    Data(PartitionData),
    /// The offset that was asked for is not there.
    OutOfRange,
    /// The topic that was asked for by its id is not there (any more).
    Replaced(Error),
    /// Asking again may help.
    Again(Error),
    Failed(Error),
}

/// Looks at the error of a partition.
pub fn outcome(data: PartitionData) -> Outcome {
    let Err(error) = Error::check(data.error_code, None) else {
        return Outcome::Data(data);
    };
    let error = error.during(<FetchRequest as millrace_kafka_wire::Request>::KEY);
    match error.code() {
        Some(ErrorCode::OffsetOutOfRange) => Outcome::OutOfRange,
        Some(ErrorCode::UnknownTopicId | ErrorCode::InconsistentTopicId) => {
            Outcome::Replaced(error)
        }
        _ if error.is_retriable() => Outcome::Again(error),
        _ => Outcome::Failed(error),
    }
}
