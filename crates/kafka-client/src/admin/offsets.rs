//! Where partitions begin and end, and where a time is in them.

use std::collections::HashMap;

use millrace_kafka_wire::api::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
};
use millrace_kafka_wire::{ErrorCode, Str};

use crate::Result;
use crate::cluster::{Cluster, Places};
use crate::error::{Error, Reason};

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    pub topic: Str,
    pub partition: i32,
}

impl TopicPartition {
    pub fn new(topic: &str, partition: i32) -> Self {
        Self {
            topic: topic.into(),
            partition,
        }
    }
}

impl std::fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "partition {} of topic `{}`", self.partition, self.topic)
    }
}

/// Which offset is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OffsetAt {
    Earliest,
    /// The one behind the last that consumers see.
    Latest,
    /// The first whose record is of this time or later, in milliseconds since 1970.
    Time(i64),
}

impl OffsetAt {
    fn timestamp(self) -> i64 {
        match self {
            Self::Latest => -1,
            Self::Earliest => -2,
            Self::Time(time) => time.max(0),
        }
    }
}

impl Cluster {
    /// Finds an offset in each partition. There is `None` where no record is of the time or later.
    ///
    /// # Errors
    /// One of the partitions is not there, or its leader does not tell.
    pub async fn offsets(
        &self,
        partitions: &[TopicPartition],
        at: OffsetAt,
        is_committed: bool,
    ) -> Result<HashMap<TopicPartition, Option<i64>>> {
        let found = self.retry(|| self.ask_offsets(partitions, at, is_committed));
        found.await
    }

    async fn ask_offsets(
        &self,
        partitions: &[TopicPartition],
        at: OffsetAt,
        is_committed: bool,
    ) -> Result<HashMap<TopicPartition, Option<i64>>> {
        let mut found = HashMap::new();
        for (broker, topics) in self.by_leader(partitions, at).await? {
            let request = ListOffsetsRequest {
                replica_id: -1,
                isolation_level: i8::from(is_committed),
                topics,
                timeout_ms: 0,
            };
            let connection = self.broker(broker).await?;
            let response = connection.call(&request).await?;
            for (partition, checked) in read(&response) {
                if checked.is_err() {
                    self.forget(&partition.topic).await;
                }
                let offset = checked.map_err(|error| {
                    let error = connection.explain::<ListOffsetsRequest>(error);
                    error.of(&partition)
                })?;
                found.insert(partition, offset);
            }
        }
        match partitions.iter().find(|it| !found.contains_key(it)) {
            Some(missing) => {
                Err(Error::new(Reason::Incomplete("leaves out a partition")).of(missing))
            }
            None => Ok(found),
        }
    }

    /// The partitions as the leaders of each are asked for them.
    async fn by_leader(
        &self,
        partitions: &[TopicPartition],
        at: OffsetAt,
    ) -> Result<HashMap<i32, Vec<ListOffsetsTopic>>> {
        let mut by_leader: HashMap<i32, Vec<ListOffsetsTopic>> = HashMap::new();
        for it in partitions {
            let leader = self.leader(it).await?;
            let topics = by_leader.entry(leader).or_default();
            let asked = ListOffsetsPartition {
                partition_index: it.partition,
                current_leader_epoch: -1,
                timestamp: at.timestamp(),
            };
            match topics.iter_mut().find(|topic| topic.name == it.topic) {
                Some(topic) => topic.partitions.push(asked),
                None => topics.push(ListOffsetsTopic {
                    name: it.topic.clone(),
                    partitions: vec![asked],
                }),
            }
        }
        Ok(by_leader)
    }

    /// The broker that leads a partition.
    pub(crate) async fn leader(&self, partition: &TopicPartition) -> Result<i32> {
        let places = self.places(&partition.topic, false).await?;
        self.leader_in(&places, partition).await
    }

    /// The broker that leads a partition, asked for at most once.
    pub(crate) async fn leader_once(&self, partition: &TopicPartition) -> Result<i32> {
        let places = self.places_once(&partition.topic).await?;
        self.leader_in(&places, partition).await
    }

    async fn leader_in(&self, places: &Places, partition: &TopicPartition) -> Result<i32> {
        if let Some(leader) = places.leader(partition.partition) {
            return Ok(leader.broker);
        }
        let count = places.count();
        self.forget(&partition.topic).await;
        let is_there = usize::try_from(partition.partition).is_ok_and(|it| it < count);
        match is_there {
            true => Err(Error::refused(ErrorCode::LeaderNotAvailable).of(partition)),
            false => Err(Error::invalid(format!(
                "there is no {partition}, which has {count} of them, from 0 on"
            ))),
        }
    }
}

fn read(response: &ListOffsetsResponse) -> Vec<(TopicPartition, Result<Option<i64>>)> {
    let mut all = Vec::new();
    for topic in &response.topics {
        for it in &topic.partitions {
            let partition = TopicPartition {
                topic: topic.name.detach(),
                partition: it.partition_index,
            };
            let offset = Some(it.offset).filter(|it| *it >= 0);
            all.push((
                partition,
                Error::check(it.error_code, None).map(|()| offset),
            ));
        }
    }
    all
}
