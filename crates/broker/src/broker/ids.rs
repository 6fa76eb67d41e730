//! Ids of producers, from blocks that the metadata hands out.

use std::sync::Arc;

use millrace_kafka_wire::metadata::{MetadataRecord, ProducerIdsRecord};
use tokio::sync::Mutex;

use crate::metadata::Metadata;
use crate::partitions::Refused;

/// So many ids are one block.
const BLOCK: i64 = 1000;

/// Gives ids that no producer has or had.
pub struct ProducerIds {
    metadata: Arc<Metadata>,
    /// Id and epoch of this broker.
    broker: (i32, i64),
    /// What is left of the block.
    left: Mutex<std::ops::Range<i64>>,
}

impl ProducerIds {
    pub(super) fn new(metadata: Arc<Metadata>, broker: (i32, i64)) -> Self {
        Self {
            metadata,
            broker,
            left: Mutex::new(0..0),
        }
    }

    /// The next id.
    ///
    /// # Errors
    /// The metadata cannot be changed.
    pub async fn next(&self) -> Result<i64, Refused> {
        let mut left = self.left.lock().await;
        if left.is_empty() {
            let first = self.new_block().await?;
            *left = first..first + BLOCK;
        }
        let next = left.start;
        left.start += 1;
        Ok(next)
    }

    async fn new_block(&self) -> Result<i64, Refused> {
        let (broker_id, broker_epoch) = self.broker;
        let changed = self.metadata.change(move |image| {
            let first = image.next_producer_id;
            let record = ProducerIdsRecord {
                broker_id,
                broker_epoch,
                next_producer_id: first + BLOCK,
            };
            (vec![MetadataRecord::ProducerIds(record)], first)
        });
        changed.await
    }
}
