//! Ids of producers, from blocks that the metadata hands out.

use std::future::Future;

use tokio::sync::Mutex;

use crate::partitions::Refused;

/// So many ids are one block.
const BLOCK: i64 = 1000;

/// What is left of the block of this broker.
#[derive(Default)]
pub(super) struct ProducerIds(Mutex<Block>);

#[derive(Default)]
struct Block {
    next: i64,
    end: i64,
}

impl ProducerIds {
    /// The next id; `block` is asked for a block of so many when there is none left, and says its
    /// first.
    pub async fn next<F>(&self, block: impl FnOnce(i64) -> F) -> Result<i64, Refused>
    where
        F: Future<Output = Result<i64, Refused>>,
    {
        let mut own = self.0.lock().await;
        if own.next == own.end {
            own.next = block(BLOCK).await?;
            own.end = own.next + BLOCK;
        }
        own.next += 1;
        Ok(own.next - 1)
    }
}
