//! What a fetch of another broker says of its copy of a partition.
//!
//! Source: KIP-595 (where copies part), KIP-497 and KIP-841 (who may be in sync), KIP-903 (a broker
//! that has begun anew may have lost what it had).

use std::sync::Arc;

use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::fetch::{EpochEndOffset, FetchPartition};

use super::super::Call;
use crate::partitions::{Followed, Partition, Refused, View, answered};

/// The broker that fetches.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Follower {
    pub id: i32,
    /// The epoch of its registration; −1 where it does not say so.
    pub broker_epoch: i64,
}

impl Follower {
    /// Notes that it has all below the offset that it asks for, and returns what follows from that.
    pub async fn note(
        self,
        call: &Call,
        partition: &Partition,
        asked: &FetchPartition,
        view: &Arc<View>,
    ) -> Result<Arc<View>, ErrorCode> {
        let image = call.broker.metadata().image();
        let registered = image.brokers.get(&self.id);
        if registered.is_some_and(|it| self.broker_epoch >= 0 && it.epoch > self.broker_epoch) {
            // It is of a process that is gone.
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        if !(view.log.start_offset()..=view.log.end_offset()).contains(&asked.fetch_offset) {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        let is_eligible = registered.is_some_and(|it| {
            !it.is_fenced && (self.broker_epoch < 0 || it.epoch == self.broker_epoch)
        });
        let followed = Followed {
            replica: self.id,
            offset: asked.fetch_offset,
            is_eligible,
        };
        let code = |refused: Refused| refused.code;
        match answered(partition.followed(followed)).await.map_err(code)? {
            true => partition.view().map_err(code),
            // It may know of an assignment that this broker has not heard of yet, or the other way.
            false if asked.current_leader_epoch >= 0 => Err(ErrorCode::UnknownLeaderEpoch),
            false => Err(ErrorCode::NotLeaderOrFollower),
        }
    }
}

/// Where the log of a follower parts from this one, which it has to be cut back to: it has records of
/// an epoch that this log does not have, or more of one than there are.
pub fn diverging(view: &View, asked: &FetchPartition) -> Option<EpochEndOffset> {
    if asked.last_fetched_epoch < 0 {
        return None;
    }
    let found = view.log.end_offset_for_epoch(asked.last_fetched_epoch);
    let (epoch, end_offset) = found.unwrap_or((-1, -1));
    let parts = epoch < asked.last_fetched_epoch || end_offset < asked.fetch_offset;
    parts.then_some(EpochEndOffset { epoch, end_offset })
}
