//! Compacts logs, one after another, on a thread of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use millrace_kafka_wire::batch::compress;
use millrace_log::{Cleaned, Cleaning, CleaningTools, LogError};
use tokio::time::{Duration, sleep};

use super::Broker;
use crate::compression::decompress;
use crate::partitions::PartitionId;

/// Looks for logs that are due, and cleans them, until the broker stops. Its thread may wait for the
/// disk.
pub(super) async fn run(broker: Arc<Broker>) {
    let is_stopping = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&is_stopping);
    let watched = Arc::clone(&broker);
    let cleaning = async move {
        loop {
            let config = watched.config().cleaner.clone();
            sleep(Duration::from_millis(
                u64::try_from(config.backoff_ms).unwrap_or(0).max(10),
            ))
            .await;
            if config.is_enabled {
                // A log is cleaned up to where a crash would find it durable.
                watched.partitions.checkpoint().await;
                for (partition, pass) in watched.partitions.plan_cleaning().await {
                    clean(&watched, partition, pass, config.memory, &is_stopping).await;
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = cleaning => {}
        () = broker.stopped() => seen.store(true, Ordering::Release),
    }
}

/// One pass over one log. A pass that fails has changed nothing and is planned again.
async fn clean(
    broker: &Broker,
    partition: PartitionId,
    mut pass: Cleaning,
    memory: usize,
    is_stopping: &AtomicBool,
) {
    loop {
        match next(&mut pass, memory, is_stopping) {
            Ok(Some(cleaned)) => {
                if !broker.partitions.finish_cleaning(partition, cleaned).await {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => {
                broker.metrics.cleaning_failed.inc();
                tracing::error!(partition = partition.index, %error, "cannot compact a log; it is tried again");
                return;
            }
        }
    }
}

fn next(
    pass: &mut Cleaning,
    memory: usize,
    is_stopping: &AtomicBool,
) -> Result<Option<Cleaned>, LogError> {
    pass.run(&CleaningTools {
        decompress: &decompress,
        compress: &compress,
        memory,
        go_on: &|_| !is_stopping.load(Ordering::Acquire),
    })
}
