//! The coordinators of consumer groups on this broker.

use std::collections::BTreeMap;
use std::sync::Arc;

use millrace_kafka_wire::{ErrorCode, Str};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::actor::{Actor, Ask, Told};
use super::topic::{InternalTopic, partition_for};
use crate::broker::Random;
use crate::clock::Clock;
use crate::config::BrokerConfig;
use crate::group::{Caller, GroupSettings, MemberIds, Request, Response};
use crate::metadata::{Metadata, TopicImage};
use crate::partitions::{Partition, PartitionId, Partitions};

/// The coordinators of consumer groups on this broker.
pub struct Groups {
    metadata: Arc<Metadata>,
    partitions: Arc<Partitions>,
    clock: Clock,
    random: Random,
    topic: InternalTopic,
    settings: GroupSettings,
    actors: Mutex<BTreeMap<PartitionId, Running>>,
}

struct Running {
    partition: Arc<Partition>,
    asks: mpsc::UnboundedSender<Told>,
}

impl Groups {
    pub fn new(
        metadata: Arc<Metadata>,
        partitions: Arc<Partitions>,
        clock: Clock,
        random: Random,
        config: &BrokerConfig,
    ) -> Self {
        let groups = &config.groups;
        let topic = InternalTopic {
            name: "__consumer_offsets",
            partitions: groups.offsets.partitions,
            config: groups.offsets.topic.clone(),
        };
        let settings = GroupSettings {
            min_session_timeout_ms: groups.min_session_timeout_ms,
            max_session_timeout_ms: groups.max_session_timeout_ms,
            initial_rebalance_delay_ms: groups.initial_rebalance_delay_ms,
            max_size: groups.max_size,
            offset_metadata_max_bytes: groups.offsets.max_metadata_bytes,
            offsets_retention_ms: groups.offsets.retention_ms,
            offsets_retention_check_interval_ms: groups.offsets.retention_check_ms,
            max_batch_bytes: config.topics.rules.max_batch_bytes,
        };
        Self {
            topic,
            metadata,
            partitions,
            clock,
            random,
            settings,
            actors: Mutex::default(),
        }
    }

    /// The broker that coordinates a group; the topic of groups is made when there is none.
    ///
    /// # Errors
    /// The topic cannot be made, or nobody leads the group's partition.
    pub async fn coordinator_of(&self, group: &str) -> Result<i32, ErrorCode> {
        let topic = self.topic.get_or_create(&self.metadata, &self.random).await;
        let topic = topic.map_err(|_| ErrorCode::CoordinatorNotAvailable)?;
        let index = partition_for(group, topic.partitions.len());
        let leader = topic.partition(index).map_or(-1, |it| it.leader);
        match leader {
            -1 => Err(ErrorCode::CoordinatorNotAvailable),
            leader => Ok(leader),
        }
    }

    /// Asks the coordinator of a group.
    pub async fn ask(&self, group: &str, caller: Caller, request: Request) -> Response {
        let topic = self.metadata.image().topic(self.topic.name).cloned();
        // Whoever did not look for the coordinator before finds no group.
        let Some(topic) = topic else {
            return request.failed(caller.version, ErrorCode::NotCoordinator);
        };
        let index = partition_for(group, topic.partitions.len());
        self.ask_partition(&topic, index, caller, request).await
    }

    /// Asks each coordinator of this broker: one request for each, and the answers.
    pub async fn ask_all(&self, caller: &Caller, request: &Request) -> Vec<Response> {
        let mut answers = Vec::new();
        let Some(topic) = self.metadata.image().topic(self.topic.name).cloned() else {
            return answers;
        };
        for index in 0..topic.partitions.len() as i32 {
            let asked = self.ask_partition(&topic, index, caller.clone(), request.clone());
            answers.push(asked.await);
        }
        answers
    }

    /// Has what was committed for a topic forgotten, as it is gone.
    pub fn topic_deleted(&self, topic: &Str) {
        let Some(offsets) = self.metadata.image().topic(self.topic.name).cloned() else {
            return;
        };
        for index in 0..offsets.partitions.len() as i32 {
            let id = PartitionId {
                topic_id: offsets.id,
                index,
            };
            if let Ok(partition) = self.partitions.get(id) {
                // An actor that is gone has nothing to forget.
                let _ = self
                    .actor(partition)
                    .send(Told::TopicDeleted(topic.clone()));
            }
        }
    }

    async fn ask_partition(
        &self,
        topic: &TopicImage,
        index: i32,
        caller: Caller,
        request: Request,
    ) -> Response {
        let version = caller.version;
        let id = PartitionId {
            topic_id: topic.id,
            index,
        };
        let Ok(partition) = self.partitions.get(id) else {
            return request.failed(version, ErrorCode::NotCoordinator);
        };
        let (reply, answer) = oneshot::channel();
        let lost = request.failed(version, ErrorCode::NotCoordinator);
        let ask = Ask {
            caller,
            request,
            reply,
        };
        // An actor that is gone drops the reply.
        let _ = self.actor(partition).send(Told::Asked(ask));
        answer.await.unwrap_or(lost)
    }

    /// The actor of a partition; starts one when there is none.
    fn actor(&self, partition: Arc<Partition>) -> mpsc::UnboundedSender<Told> {
        let mut actors = self.actors.lock();
        let known = actors.get(&partition.id);
        if let Some(running) = known.filter(|it| Arc::ptr_eq(&it.partition, &partition)) {
            return running.asks.clone();
        }
        let (asks, inbox) = mpsc::unbounded_channel();
        let random = Arc::clone(&self.random);
        let ids = move || -> MemberIds {
            let random = Arc::clone(&random);
            Box::new(move || u128::from_be_bytes((*random.lock())()))
        };
        let actor = Actor {
            partition: Arc::clone(&partition),
            inbox,
            clock: self.clock.clone(),
            settings: self.settings.clone(),
            ids: Arc::new(ids),
        };
        tokio::spawn(actor.run());
        let running = Running {
            asks: asks.clone(),
            partition: Arc::clone(&partition),
        };
        actors.insert(partition.id, running);
        asks
    }
}

/// Kafka writes a slash before the address of a client.
pub fn client_host(address: std::net::IpAddr) -> Str {
    format!("/{address}").into()
}
