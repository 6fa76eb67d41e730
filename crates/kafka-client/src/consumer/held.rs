//! Partitions that stand still before a batch that cannot be read.

use std::collections::HashMap;

use millrace_kafka_wire::Str;

use crate::admin::TopicPartition;
use crate::error::Error;

/// What is held, and why.
#[derive(Debug, Default)]
pub struct Held(HashMap<TopicPartition, Why>);

#[derive(Debug)]
struct Why {
    error: Error,
    /// It is being tried again.
    is_tried: bool,
}

impl Held {
    pub fn hold(&mut self, partition: TopicPartition, error: Error) {
        let is_tried = false;
        self.0.insert(partition, Why { error, is_tried });
    }

    pub fn contains(&self, partition: &TopicPartition) -> bool {
        self.0.contains_key(partition)
    }

    /// Whether it was held.
    pub fn release(&mut self, partition: &TopicPartition) -> bool {
        self.0.remove(partition).is_some()
    }

    pub fn release_topic(&mut self, topic: &Str) {
        self.0.retain(|it, _| it.topic != *topic);
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether it was held and not tried already.
    pub fn try_again(&mut self, partition: &TopicPartition) -> bool {
        let why = self.0.get_mut(partition);
        why.is_some_and(|it| !std::mem::replace(&mut it.is_tried, true))
    }

    /// What stands still, but for what is tried again.
    pub fn standing(&self) -> impl Iterator<Item = (&TopicPartition, &Error)> {
        let standing = self.0.iter().filter(|(_, why)| !why.is_tried);
        standing.map(|(partition, why)| (partition, &why.error))
    }
}
