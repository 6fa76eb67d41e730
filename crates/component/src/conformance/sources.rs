//! How the suites read a source: the end of an input or a buffer.

use std::collections::BTreeSet;
use std::time::Duration;

use millrace_message::{Error, MessageBatch};
use tokio::time::timeout;

use super::children::text;
use crate::Source;

/// Longer than anything takes that ends.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub async fn next(source: &Source) -> Option<MessageBatch> {
    let next = timeout(PATIENCE, source.batches().pop()).await;
    next.expect("it neither emits nor ends")
}

pub async fn finish(source: Source) {
    let finished = timeout(PATIENCE, source.finish()).await;
    finished
        .expect("it does not close in time")
        .expect("it ends in order");
}

/// Reads to the end. These messages fail when they come for the first time; gives the texts of those
/// that were delivered, in order.
pub async fn deliver_after_failures(source: Source, mut failing: BTreeSet<&str>) -> Vec<String> {
    let mut delivered = Vec::new();
    while let Some(batch) = next(&source).await {
        for message in batch {
            let text = text(&message);
            if failing.remove(text.as_str()) {
                message.fail(Error::retry("the output is away"));
            } else {
                delivered.push(text);
                message.deliver();
            }
        }
    }
    finish(source).await;
    delivered
}
