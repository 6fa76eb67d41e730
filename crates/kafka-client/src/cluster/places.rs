//! Where the partitions of a topic are.

use millrace_kafka_wire::Uuid;
use millrace_kafka_wire::api::metadata::MetadataResponseTopic;

/// Who leads a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leader {
    pub broker: i32,
    pub epoch: i32,
}

/// A topic, with the leaders of its partitions by the numbers of the partitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    id: Uuid,
    leaders: Vec<Option<Leader>>,
}

impl Places {
    /// Partitions that are told twice, or whose numbers leave gaps, are as good as not told.
    pub fn read(topic: &MetadataResponseTopic) -> Self {
        let mut leaders = vec![None; topic.partitions.len()];
        for partition in &topic.partitions {
            let index = usize::try_from(partition.partition_index).unwrap_or(usize::MAX);
            if let Some(place) = leaders.get_mut(index) {
                *place = (partition.leader_id >= 0).then_some(Leader {
                    broker: partition.leader_id,
                    epoch: partition.leader_epoch,
                });
            }
        }
        Self {
            id: topic.topic_id,
            leaders,
        }
    }

    /// What tells the topic from others that have its name at other times; zero when the broker does
    /// not say.
    pub fn topic_id(&self) -> Uuid {
        self.id
    }

    /// How many partitions there are.
    pub fn count(&self) -> usize {
        self.leaders.len()
    }

    pub fn leader(&self, partition: i32) -> Option<Leader> {
        let index = usize::try_from(partition).ok()?;
        *self.leaders.get(index)?
    }

    /// Whether there are partitions, and each has a leader.
    pub fn is_whole(&self) -> bool {
        !self.leaders.is_empty() && self.leaders.iter().all(Option::is_some)
    }
}
