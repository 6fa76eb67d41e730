//! Which replicas of a partition are in sync, as its leader asks for (AlterPartition, KIP-497).

use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::metadata::MetadataRecord;

use super::partition_change::{Changing, Election};
use super::{Image, Metadata, PartitionImage};
use crate::partitions::{InSync, Refused};

/// How many replicas have left those in sync, and how many have joined them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    pub left: usize,
    pub joined: usize,
}

impl Metadata {
    /// Changes which replicas of a partition are in sync.
    ///
    /// # Errors
    /// Another broker leads, or does so in another epoch (`FENCED_LEADER_EPOCH`); the partition has
    /// changed since (`INVALID_UPDATE_VERSION`); one of them may not be in sync (`INELIGIBLE_REPLICA`).
    /// Those of [`Metadata::change`].
    pub async fn set_in_sync(&self, wanted: InSync) -> Result<Moved, Refused> {
        let changed = self.change(move |image| match decide(image, &wanted) {
            Ok((record, moved)) => (Vec::from_iter(record), Ok(moved)),
            Err(refused) => (Vec::new(), Err(refused)),
        });
        changed.await?
    }
}

fn decide(image: &Image, wanted: &InSync) -> Result<(Option<MetadataRecord>, Moved), Refused> {
    let changing = check(image, wanted)?;
    let partition = changing.now;
    let moved = Moved {
        left: missing(&partition.isr, &wanted.in_sync),
        joined: missing(&wanted.in_sync, &partition.isr),
    };
    let next = PartitionImage {
        isr: wanted.in_sync.clone(),
        ..partition.clone()
    };
    Ok((changing.record(next, Election::Online), moved))
}

/// How many are in one list and not in the other.
fn missing(these: &[i32], those: &[i32]) -> usize {
    these.iter().filter(|it| !those.contains(it)).count()
}

fn check<'a>(image: &'a Image, wanted: &InSync) -> Result<Changing<'a>, Refused> {
    let topic = image.topic_by_id(wanted.partition.topic_id);
    let topic = topic.map(|it| &**it);
    let changing = Changing::find(image, topic, wanted.partition.index)?;
    let partition = changing.now;
    if partition.leader != wanted.leader || partition.leader_epoch != wanted.leader_epoch {
        let reason = "the partition is led by another broker, or in another epoch";
        return Err(Refused::new(ErrorCode::FencedLeaderEpoch, reason));
    }
    if partition.epoch != wanted.epoch {
        let reason = "the partition has changed since";
        return Err(Refused::new(ErrorCode::InvalidUpdateVersion, reason));
    }
    let is_fit = |id: &i32| {
        let broker = image.brokers.get(id);
        partition.replicas.contains(id) && broker.is_some_and(|it| !it.is_fenced)
    };
    let leads = wanted.in_sync.contains(&wanted.leader);
    match wanted.in_sync.iter().find(|id| !is_fit(id)) {
        None if leads => Ok(changing),
        unfit => {
            let id = unfit.copied().unwrap_or(wanted.leader);
            let reason = format!("broker {id} cannot be in or out of sync here");
            Err(Refused::new(ErrorCode::IneligibleReplica, reason))
        }
    }
}
