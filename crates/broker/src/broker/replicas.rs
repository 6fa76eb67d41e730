//! Has the metadata say which replicas are in sync, as the leaders of partitions find it.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::{Duration, MissedTickBehavior, interval};

use super::Broker;
use crate::partitions::InSync;
use crate::stop::Stop;

/// Asks the controller for what leaders want, and looks for followers that are late, until the broker
/// stops.
pub(super) async fn run(
    broker: Arc<Broker>,
    mut wanted: mpsc::UnboundedReceiver<InSync>,
    stopping: Stop,
) {
    // As Kafka: twice as often as a follower may be late.
    let every = broker.config().replica_lag_time_max / 2;
    let mut look = interval(every.max(Duration::from_millis(1)));
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stopping.told() => return,
            Some(wanted) = wanted.recv() => set(&broker, wanted).await,
            _ = look.tick() => broker.partitions.find_late(),
        }
    }
}

async fn set(broker: &Broker, wanted: InSync) {
    let (partition, in_sync) = (wanted.partition, format!("{:?}", wanted.in_sync));
    let topic = broker
        .metadata
        .image()
        .topic_by_id(partition.topic_id)
        .cloned();
    let topic = topic.map(|it| it.name.to_string());
    let (topic, index) = (topic.unwrap_or_default(), partition.index);
    match broker.metadata.set_in_sync(wanted).await {
        Ok(moved) => {
            tracing::info!(%topic, partition = index, %in_sync, "other replicas are in sync");
            broker.metrics.in_sync_moved(moved.left, moved.joined);
        }
        Err(refused) => {
            tracing::debug!(%topic, partition = index, %in_sync, reason = %refused.reason, "the replicas in sync stay");
            broker.partitions.in_sync_refused(partition);
        }
    }
}
