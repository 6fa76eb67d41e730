//! Topics that are made before they are written to.

use std::collections::HashSet;

use millrace_kafka_client::{Cluster, ErrorCode, NewTopic, Result};
use parking_lot::Mutex;

/// How topics are made.
#[derive(Clone, Copy, Debug)]
pub struct Creation {
    /// As many as the broker has by default, without a number.
    pub partitions: Option<i32>,
    pub replication_factor: Option<i16>,
}

/// The topics that are there.
#[derive(Default)]
pub struct Created(Mutex<HashSet<String>>);

impl Created {
    /// Makes a topic, unless it is there.
    pub async fn see_to(&self, creation: &Creation, cluster: &Cluster, topic: &str) -> Result<()> {
        if self.0.lock().contains(topic) {
            return Ok(());
        }
        let counts = cluster.partition_counts(&[topic], false).await?;
        if counts.values().all(|count| *count == 0) {
            let new = NewTopic {
                name: topic.to_owned(),
                partitions: creation.partitions,
                replication_factor: creation.replication_factor,
                configs: Vec::new(),
            };
            match cluster.create_topic(&new, false).await {
                // Somebody else was faster.
                Err(error) if error.code() == Some(ErrorCode::TopicAlreadyExists) => {}
                Err(error) => return Err(error),
                Ok(_) => {}
            }
        }
        self.0.lock().insert(topic.to_owned());
        Ok(())
    }
}
