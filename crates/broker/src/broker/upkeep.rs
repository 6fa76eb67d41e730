//! What a broker does by itself from time to time.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::{Duration, MissedTickBehavior, interval};

use super::{Broker, Topic};
use crate::stop::Stop;

/// `log.flush.offset.checkpoint.interval.ms`: how much is read and checked after a crash is what was
/// written in this time.
const CHECKPOINT: Duration = Duration::from_secs(60);
/// `log.retention.check.interval.ms`.
const RETENTION: Duration = Duration::from_secs(300);

/// How often rates and lags are looked at.
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

fn every(time: Duration) -> tokio::time::Interval {
    let mut interval = interval(time);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
