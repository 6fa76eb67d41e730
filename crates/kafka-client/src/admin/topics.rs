//! Topics: made, listed, extended, removed.

use std::collections::BTreeMap;

use millrace_kafka_wire::api::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use millrace_kafka_wire::api::create_topics::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use millrace_kafka_wire::api::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use millrace_kafka_wire::api::metadata::MetadataResponseTopic;
use millrace_kafka_wire::{Request, Str};

use super::change_ms;
use crate::Result;
use crate::cluster::{Cluster, subject};
use crate::connection::Connection;
use crate::error::{Error, Reason};

/// From this version on topics that are deleted are structs.
const DELETED_AS_STRUCTS: i16 = 6;

/// A topic to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewTopic {
    pub name: String,
    /// Without them, as many as the broker has by default.
    pub partitions: Option<i32>,
    pub replication_factor: Option<i16>,
    pub configs: Vec<(String, String)>,
}

/// A topic that was made. Old brokers do not tell how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedTopic {
    pub partitions: Option<i32>,
    pub replication_factor: Option<i16>,
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicInfo {
    pub name: String,
    pub id: String,
    pub is_internal: bool,
    pub partitions: Vec<PartitionInfo>,
}

/// A partition; brokers by their ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionInfo {
    pub partition: i32,
    pub leader: Option<i32>,
    pub leader_epoch: i32,
    pub replicas: Vec<i32>,
    pub in_sync: Vec<i32>,
}

impl Cluster {
    /// Makes a topic, or only checks whether it could be made.
    ///
    /// # Errors
    /// The broker refuses. After a broken connection it may have been made.
    pub async fn create_topic(&self, topic: &NewTopic, is_tried: bool) -> Result<CreatedTopic> {
        let config = |(name, value): &(String, String)| CreatableTopicConfig {
            name: (&**name).into(),
            value: Some((&**value).into()),
        };
        let request = CreateTopicsRequest {
            topics: vec![CreatableTopic {
                name: (&*topic.name).into(),
                num_partitions: topic.partitions.unwrap_or(-1),
                replication_factor: topic.replication_factor.unwrap_or(-1),
                configs: topic.configs.iter().map(config).collect(),
                ..CreatableTopic::default()
            }],
            timeout_ms: change_ms(),
            validate_only: is_tried,
        };
        let (connection, response) = self.change(&request).await?;
        let result = response.topics.into_iter().next();
        let result = one_of::<CreateTopicsRequest, _>(&connection, &topic.name, result)?;
        refused::<CreateTopicsRequest>(
            &connection,
            &topic.name,
            result.error_code,
            result.error_message.as_ref(),
        )?;
        Ok(CreatedTopic {
            partitions: Some(result.num_partitions).filter(|it| *it > 0),
            replication_factor: Some(result.replication_factor).filter(|it| *it > 0),
        })
    }

    /// Gives a topic more partitions: as many as said, together.
    ///
    /// # Errors
    /// As those of [`create_topic`](Self::create_topic).
    pub async fn create_partitions(&self, topic: &str, count: i32) -> Result<()> {
        let request = CreatePartitionsRequest {
            topics: vec![CreatePartitionsTopic {
                name: topic.into(),
                count,
                assignments: None,
            }],
            timeout_ms: change_ms(),
            validate_only: false,
        };
        let (connection, response) = self.change(&request).await?;
        let result = response.results.into_iter().next();
        let result = one_of::<CreatePartitionsRequest, _>(&connection, topic, result)?;
        self.forget(topic).await;
        let (code, message) = (result.error_code, result.error_message.as_ref());
        refused::<CreatePartitionsRequest>(&connection, topic, code, message)
    }

    /// Removes a topic with all that it holds.
    ///
    /// # Errors
    /// As those of [`create_topic`](Self::create_topic).
    pub async fn delete_topic(&self, topic: &str) -> Result<()> {
        let version = self
            .controller()
            .await?
            .version_of::<DeleteTopicsRequest>()?;
        let mut request = DeleteTopicsRequest {
            timeout_ms: change_ms(),
            ..DeleteTopicsRequest::default()
        };
        match version >= DELETED_AS_STRUCTS {
            true => request.topics.push(DeleteTopicState {
                name: Some(topic.into()),
                ..DeleteTopicState::default()
            }),
            false => request.topic_names.push(topic.into()),
        }
        let (connection, response) = self.change(&request).await?;
        let result = response.responses.into_iter().next();
        let result = one_of::<DeleteTopicsRequest, _>(&connection, topic, result)?;
        self.forget(topic).await;
        let (code, message) = (result.error_code, result.error_message.as_ref());
        refused::<DeleteTopicsRequest>(&connection, topic, code, message)
    }

    /// All topics, by name.
    ///
    /// # Errors
    /// The broker does not tell them.
    pub async fn list_topics(&self) -> Result<Vec<TopicInfo>> {
        let response = self.retry(|| self.metadata(None, false)).await?;
        let known = response.topics.iter().filter(|it| it.error_code == 0);
        let mut topics: Vec<_> = known.map(topic_info).collect();
        topics.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(topics)
    }

    /// How many partitions topics have now; 0 for one that is not there. One that is not there may
    /// be made by asking, if the broker does so.
    ///
    /// # Errors
    /// The broker does not tell them.
    pub async fn partition_counts(
        &self,
        topics: &[&str],
        may_create: bool,
    ) -> Result<BTreeMap<String, usize>> {
        let mut counts = BTreeMap::new();
        // What was made by asking has leaders a moment later.
        for _ in 0..2 {
            let response = self
                .retry(|| self.metadata(Some(topics), may_create))
                .await?;
            counts = topics.iter().map(|it| ((*it).to_owned(), 0)).collect();
            for topic in response.topics.iter().filter(|it| it.error_code == 0) {
                let name = topic.name.as_deref().unwrap_or_default();
                counts.insert(name.to_owned(), topic.partitions.len());
            }
            if !may_create || counts.values().all(|count| *count > 0) {
                break;
            }
        }
        Ok(counts)
    }

    /// One topic.
    ///
    /// # Errors
    /// There is none of this name, or the broker does not tell it.
    pub async fn describe_topic(&self, topic: &str) -> Result<TopicInfo> {
        self.places_now(topic).await?;
        let asked = [topic];
        let response = self.retry(|| self.metadata(Some(&asked), false)).await?;
        let mut topics = response.topics.iter();
        let found = topics.find(|it| it.name.as_deref() == Some(topic));
        let none = || Error::new(Reason::Incomplete("leaves out a topic")).of(subject(topic));
        found.map(topic_info).ok_or_else(none)
    }

    /// Fails for a topic that is not there.
    async fn places_now(&self, topic: &str) -> Result<()> {
        self.forget(topic).await;
        self.places(topic, false).await.map(drop)
    }

    /// The broker that changes are sent to: every broker of a cluster without ZooKeeper hands them
    /// on.
    pub(super) async fn controller(&self) -> Result<Connection> {
        self.retry(|| self.any()).await
    }

    /// Sends a change once: whether it was done is unknown when the connection breaks.
    async fn change<R: Request>(&self, request: &R) -> Result<(Connection, R::Response)> {
        let connection = self.controller().await?;
        let pending = connection.begin(request, super::CHANGE).await?;
        Ok((connection, pending.wait().await?))
    }
}

/// What a response says of the one that was asked for.
fn one_of<R: Request, T>(connection: &Connection, topic: &str, found: Option<T>) -> Result<T> {
    let reason = Reason::Incomplete("leaves out the topic");
    found.ok_or_else(|| connection.error::<R>(reason).of(subject(topic)))
}

fn refused<R: Request>(
    connection: &Connection,
    topic: &str,
    code: i16,
    message: Option<&Str>,
) -> Result<()> {
    let checked = Error::check(code, message);
    checked.map_err(|error| connection.explain::<R>(error).of(subject(topic)))
}

fn topic_info(topic: &MetadataResponseTopic) -> TopicInfo {
    let partitions = topic.partitions.iter().map(|it| PartitionInfo {
        partition: it.partition_index,
        leader: Some(it.leader_id).filter(|it| *it >= 0),
        leader_epoch: it.leader_epoch,
        replicas: it.replica_nodes.clone(),
        in_sync: it.isr_nodes.clone(),
    });
    let mut partitions: Vec<_> = partitions.collect();
    partitions.sort_by_key(|it| it.partition);
    TopicInfo {
        name: topic.name.as_deref().unwrap_or_default().to_owned(),
        id: topic.topic_id.to_string(),
        is_internal: topic.is_internal,
        partitions,
    }
}
