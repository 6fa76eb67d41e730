//! What a broker does by itself from time to time.

use std::collections::BTreeMap;
use std::sync::Arc;

use millrace_kafka_wire::Uuid;
use millrace_kafka_wire::metadata::{BrokerRegistrationChangeRecord, MetadataRecord};
use tokio::time::{Duration, MissedTickBehavior, interval};

use super::{Broker, Topic};
use crate::metadata::Image;
use crate::stop::Stop;

/// `log.flush.offset.checkpoint.interval.ms`: how much is read and checked after a crash is what was
/// written in this time.
const CHECKPOINT: Duration = Duration::from_secs(60);
/// `log.retention.check.interval.ms`.
const RETENTION: Duration = Duration::from_secs(300);

/// How often rates, lags and directories are looked at.
const METRICS: Duration = Duration::from_secs(5);

/// Stores recovery points and deletes what is too old, until the broker stops.
pub(super) async fn run(broker: Arc<Broker>, stopping: Stop) {
    let mut checkpoint = every(CHECKPOINT);
    let mut retention = every(RETENTION);
    let mut metrics = every(METRICS);
    loop {
        tokio::select! {
            biased;
            () = stopping.told() => return,
            _ = metrics.tick() => {
                broker.metrics.sample();
                broker.metrics.show_lags(lags(&broker).await);
                tell_offline_dirs(&broker).await;
            }
            _ = checkpoint.tick() => broker.partitions.checkpoint().await,
            _ = retention.tick() => broker.partitions.retain().await,
        }
    }
}

/// How far each group is behind the end of each partition for which it has committed.
async fn lags(broker: &Broker) -> BTreeMap<(String, String, i32), i64> {
    let mut lags = BTreeMap::new();
    for committed in broker.groups.committed().await {
        let found = broker.find(Topic::Name(&committed.topic), committed.partition);
        // What is not here has no end to be behind.
        if let Ok(view) = found.and_then(|it| it.partition.view()) {
            let of = (
                committed.group.to_string(),
                committed.topic.to_string(),
                committed.partition,
            );
            lags.insert(of, (view.high_watermark - committed.offset).max(0));
        }
    }
    lags
}

/// Tells the cluster which directories are left when one has failed, so that nothing new is put there.
/// The next start tells it of all again.
async fn tell_offline_dirs(broker: &Broker) {
    let dirs = broker.partitions.dirs().iter();
    let left = dirs.filter(|it| it.failure().is_none()).map(|it| it.id);
    let left: Vec<Uuid> = left.collect();
    let image = broker.metadata.image();
    let known = image.brokers.get(&broker.node_id);
    if left.is_empty() || known.is_none_or(|it| it.dirs == left) {
        return;
    }
    let record = BrokerRegistrationChangeRecord {
        broker_id: broker.node_id,
        broker_epoch: broker.epoch,
        log_dirs: left,
        ..BrokerRegistrationChangeRecord::default()
    };
    let change = move |_: &Image| (vec![MetadataRecord::BrokerRegistrationChange(record)], ());
    if let Err(refused) = broker.metadata.change(change).await {
        tracing::warn!(reason = %refused.reason, "cannot tell the cluster that a log directory is offline");
    }
}

fn every(time: Duration) -> tokio::time::Interval {
    let mut interval = interval(time);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
