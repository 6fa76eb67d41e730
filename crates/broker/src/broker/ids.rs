//! Ids of producers, from blocks that the metadata hands out.

use std::sync::Arc;

use millrace_kafka_wire::metadata::{MetadataRecord, ProducerIdsRecord};
use tokio::sync::Mutex;

use crate::metadata::Metadata;
use crate::partitions::Refused;

/// So many ids are one block.
const BLOCK: i64 = 1000;
/// More than a broker gives in its life.
const LEAP: i64 = 1 << 32;

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
            let first = self.take(BLOCK).await?;
            *left = first..first + BLOCK;
        }
        let next = left.start;
        left.start += 1;
        Ok(next)
    }

    /// Goes far ahead, so that no id is given which the broker has given whose copy this one is, also
    /// since it was copied. Returns the first one that may be given now.
    ///
    /// # Errors
    /// The metadata cannot be changed.
    pub async fn leap(&self) -> Result<i64, Refused> {
        let mut left = self.left.lock().await;
        *left = 0..0;
        Ok(self.take(LEAP).await? + LEAP)
    }

    /// Takes so many ids; the first of them.
    async fn take(&self, count: i64) -> Result<i64, Refused> {
        let (broker_id, broker_epoch) = self.broker;
        let changed = self.metadata.change(move |image| {
            let first = image.next_producer_id;
            let record = ProducerIdsRecord {
                broker_id,
                broker_epoch,
                next_producer_id: first + count,
            };
            (vec![MetadataRecord::ProducerIds(record)], first)
        });
        changed.await
    }
}
