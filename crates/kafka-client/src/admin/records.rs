//! Deletes records from the start of partitions.

use std::collections::HashMap;

use millrace_kafka_wire::api::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};

use super::TopicPartition;
use crate::Result;
use crate::cluster::Cluster;
use crate::error::Error;

/// How long the broker may take.
const TIMEOUT_MS: i32 = 30_000;

impl Cluster {
    /// Deletes the records before these offsets.
    ///
    /// # Errors
    /// One of the partitions is not there, or has no such offset; the others may be done.
    pub async fn delete_records(&self, before: &HashMap<TopicPartition, i64>) -> Result<()> {
        self.retry(|| self.try_delete_records(before)).await
    }

    async fn try_delete_records(&self, before: &HashMap<TopicPartition, i64>) -> Result<()> {
        let mut by_leader: HashMap<i32, Vec<DeleteRecordsTopic>> = HashMap::new();
        for (partition, offset) in before {
            let leader = self.leader(partition).await?;
            by_leader
                .entry(leader)
                .or_default()
                .push(DeleteRecordsTopic {
                    name: partition.topic.clone(),
                    partitions: vec![DeleteRecordsPartition {
                        partition_index: partition.partition,
                        offset: *offset,
                    }],
                });
        }
        for (broker, topics) in by_leader {
            let request = DeleteRecordsRequest {
                topics,
                timeout_ms: TIMEOUT_MS,
            };
            let connection = self.broker(broker).await?;
            let response = connection.call(&request).await?;
            for topic in &response.topics {
                for result in &topic.partitions {
                    let partition = TopicPartition::new(&topic.name, result.partition_index);
                    let checked = Error::check(result.error_code, None);
                    if checked.is_err() {
                        self.forget(&partition.topic).await;
                    }
                    checked.map_err(|error| {
                        let error = connection.explain::<DeleteRecordsRequest>(error);
                        error.of(&partition)
                    })?;
                }
            }
        }
        Ok(())
    }
}
