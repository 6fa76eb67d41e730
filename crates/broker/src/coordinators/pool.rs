//! The coordinators of one kind on this broker: one actor for each partition of their topic.

use std::collections::BTreeMap;
use std::sync::Arc;

use millrace_kafka_wire::ErrorCode;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::actor::{Actor, Ask, Perform, Told};
use super::machine::Machine;
use super::topic::{InternalTopic, partition_for};
use crate::broker::{ProducerIds, Random};
use crate::clock::Clock;
use crate::driver::Driver;
use crate::group::Caller;
use crate::metadata::{Metadata, TopicImage};
use crate::partitions::{Partition, PartitionId, Partitions};

/// What coordinators of every kind need.
#[derive(Clone)]
pub struct Surroundings {
    pub metadata: Arc<Metadata>,
    pub partitions: Arc<Partitions>,
    pub clock: Clock,
    pub driver: Arc<dyn Driver>,
    pub random: Random,
    pub producer_ids: Arc<ProducerIds>,
}

/// The coordinators of one kind on this broker.
pub struct Coordinators<M: Machine> {
    around: Surroundings,
    topic: InternalTopic,
    begin: Arc<dyn Fn(&Partition) -> M + Send + Sync>,
    perform: Perform<M>,
    actors: Mutex<BTreeMap<PartitionId, Running<M>>>,
}

struct Running<M: Machine> {
    partition: Arc<Partition>,
    inbox: mpsc::UnboundedSender<Told<M>>,
}

impl<M: Machine> Coordinators<M> {
    pub(super) fn new(
        around: Surroundings,
        topic: InternalTopic,
        begin: impl Fn(&Partition) -> M + Send + Sync + 'static,
        perform: Perform<M>,
    ) -> Self {
        Self {
            around,
            topic,
            begin: Arc::new(begin),
            perform,
            actors: Mutex::default(),
        }
    }

    /// The broker that coordinates what is called so; the topic is made when there is none.
    ///
    /// # Errors
    /// The topic cannot be made, or nobody leads the partition.
    pub async fn coordinator_of(&self, name: &str) -> Result<i32, ErrorCode> {
        let topic = self.made_topic().await?;
        let index = partition_for(name, topic.partitions.len());
        match topic.partition(index).map_or(-1, |it| it.leader) {
            -1 => Err(ErrorCode::CoordinatorNotAvailable),
            leader => Ok(leader),
        }
    }

    /// The partition that has what is called so; the topic is made when there is none.
    ///
    /// # Errors
    /// The topic cannot be made.
    pub async fn partition_of(&self, name: &str) -> Result<i32, ErrorCode> {
        let topic = self.made_topic().await?;
        Ok(partition_for(name, topic.partitions.len()))
    }

    /// Asks the coordinator of what is called so.
    pub async fn ask(&self, name: &str, caller: Caller, request: M::Request) -> M::Response {
        match self.existing_topic() {
            Some(topic) => {
                let index = partition_for(name, topic.partitions.len());
                self.ask_partition(&topic, index, caller, request).await
            }
            // Whoever did not look for the coordinator before finds nothing.
            None => M::refuse(&request, caller.version, ErrorCode::NotCoordinator),
        }
    }

    /// Asks each coordinator of this broker: one request for each, and the answers.
    pub async fn ask_all(&self, caller: &Caller, request: &M::Request) -> Vec<M::Response>
    where
        M::Request: Clone,
    {
        let Some(topic) = self.existing_topic() else {
            return Vec::new();
        };
        // All are asked before the first one has answered.
        let indexes = 0..topic.partitions.len() as i32;
        let asked =
            indexes.map(|index| self.ask_partition(&topic, index, caller.clone(), request.clone()));
        let asked: Vec<_> = asked.collect();
        let mut answers = Vec::with_capacity(asked.len());
        for answer in asked {
            answers.push(answer.await);
        }
        answers
    }

    /// Tells each coordinator of this broker.
    pub fn tell_all(&self, news: impl Fn() -> M::News) {
        if let Some(topic) = self.existing_topic() {
            for index in 0..topic.partitions.len() as i32 {
                self.tell(&topic, index, news());
            }
        }
    }

    /// Tells those that run; none is started for it.
    pub fn tell_running(&self, news: impl Fn() -> M::News) {
        for running in self.actors.lock().values() {
            // An actor that is gone has nothing to hear.
            let _ = running.inbox.send(Told::News(news()));
        }
    }

    /// The name of their topic.
    pub fn topic(&self) -> &'static str {
        self.topic.name
    }

    /// Tells the coordinator of one partition, if this broker has it.
    pub fn tell(&self, topic: &TopicImage, index: i32, news: M::News) {
        let topic_id = topic.id;
        if let Ok(partition) = self.around.partitions.get(PartitionId { topic_id, index }) {
            // An actor that is gone has nothing to hear.
            let _ = self.actor(partition).send(Told::News(news));
        }
    }

    async fn made_topic(&self) -> Result<Arc<TopicImage>, ErrorCode> {
        let made = self
            .topic
            .get_or_create(&self.around.metadata, &self.around.random);
        made.await.map_err(|_| ErrorCode::CoordinatorNotAvailable)
    }

    fn existing_topic(&self) -> Option<Arc<TopicImage>> {
        self.around.metadata.image().topic(self.topic.name).cloned()
    }

    /// Asks with the call; the answer comes later.
    fn ask_partition(
        &self,
        topic: &TopicImage,
        index: i32,
        caller: Caller,
        request: M::Request,
    ) -> impl Future<Output = M::Response> + Send + use<M> {
        let topic_id = topic.id;
        let lost = M::refuse(&request, caller.version, ErrorCode::NotCoordinator);
        let (reply, answer) = oneshot::channel();
        if let Ok(partition) = self.around.partitions.get(PartitionId { topic_id, index }) {
            let ask = Ask {
                caller,
                request,
                reply,
            };
            // An actor that is gone drops the reply.
            let _ = self.actor(partition).send(Told::Asked(ask));
        }
        async move { answer.await.unwrap_or(lost) }
    }

    /// The actor of a partition; starts one when there is none.
    fn actor(&self, partition: Arc<Partition>) -> mpsc::UnboundedSender<Told<M>> {
        let mut actors = self.actors.lock();
        let known = actors.get(&partition.id);
        if let Some(running) = known.filter(|it| Arc::ptr_eq(&it.partition, &partition)) {
            return running.inbox.clone();
        }
        let (own, inbox) = mpsc::unbounded_channel();
        let actor = Actor {
            partition: Arc::clone(&partition),
            inbox,
            clock: self.around.clock.clone(),
            driver: Arc::clone(&self.around.driver),
            begin: Arc::clone(&self.begin),
            perform: Arc::clone(&self.perform),
        };
        tokio::spawn(actor.run());
        let running = Running {
            partition: Arc::clone(&partition),
            inbox: own.clone(),
        };
        actors.insert(partition.id, running);
        own
    }
}
