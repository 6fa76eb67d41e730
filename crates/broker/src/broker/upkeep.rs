//! What a broker does by itself from time to time.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::{Duration, MissedTickBehavior, interval};

use super::Broker;
use crate::net::stopped;

/// `log.flush.offset.checkpoint.interval.ms`: how much is read and checked after a crash is what was
/// written in this time.
const CHECKPOINT: Duration = Duration::from_secs(60);
/// `log.retention.check.interval.ms`.
const RETENTION: Duration = Duration::from_secs(300);

/// Stores recovery points and deletes what is too old, until the broker stops.
pub(super) async fn run(broker: Arc<Broker>, mut stopping: watch::Receiver<bool>) {
    let mut checkpoint = every(CHECKPOINT);
    let mut retention = every(RETENTION);
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut stopping) => return,
            _ = checkpoint.tick() => broker.partitions.checkpoint().await,
            _ = retention.tick() => broker.partitions.retain().await,
        }
    }
}

fn every(time: Duration) -> tokio::time::Interval {
    let mut interval = interval(time);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
