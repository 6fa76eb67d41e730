//! Reassignments: a partition moves to other brokers, which copy it before those that it leaves
//! (KIP-455, KIP-860).

use std::collections::BTreeSet;

use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::metadata::MetadataRecord;

use super::image::{Image, PartitionImage, TopicImage};
use super::partition_change::{Changing, Election};
use super::topics::check_brokers;
use crate::partitions::Refused;

/// Where a partition is to be.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// On these brokers, the preferred leader first.
    Brokers {
        ids: &'a [i32],
        /// Whether they may be more or fewer than before.
        may_change_factor: bool,
    },
    /// Where it was before it was moved.
    Back,
}

/// The record that moves a partition; none when it is where it is to be.
///
/// # Errors
/// There is no such partition (`UNKNOWN_TOPIC_OR_PARTITION`); it cannot be on these brokers
/// (`INVALID_REPLICA_ASSIGNMENT`, `INVALID_REPLICATION_FACTOR`); it is to go back, and does not move
/// (`NO_REASSIGNMENT_IN_PROGRESS`).
pub fn reassign(
    image: &Image,
    topic: Option<&TopicImage>,
    index: i32,
    target: Target<'_>,
) -> Result<Option<MetadataRecord>, Refused> {
    let partition = Changing::find(image, topic, index)?;
    let next = match target {
        Target::Back => reverted(partition.now)?,
        Target::Brokers {
            ids,
            may_change_factor,
        } => {
            check_brokers(image, index, ids)?;
            if !may_change_factor {
                check_factor(partition.now, ids)?;
            }
            moved(partition.now, ids)
        }
    };
    Ok(partition.record(next, Election::Online))
}

/// Those that it has and is to leave are replicas until all others are in sync.
fn moved(now: &PartitionImage, ids: &[i32]) -> PartitionImage {
    let without = |these: &[i32], those: &[i32]| -> BTreeSet<i32> {
        let left = these.iter().filter(|it| !those.contains(it));
        left.copied().collect()
    };
    let removing = without(&now.replicas, ids);
    PartitionImage {
        replicas: ids.iter().chain(&removing).copied().collect(),
        adding: without(ids, &original(now)).into_iter().collect(),
        removing: removing.into_iter().collect(),
        ..now.clone()
    }
}

fn reverted(now: &PartitionImage) -> Result<PartitionImage, Refused> {
    if !now.is_reassigned() {
        let reason = "the partition does not move";
        return Err(Refused::new(ErrorCode::NoReassignmentInProgress, reason));
    }
    let mut isr = now.isr.clone();
    isr.retain(|it| !now.adding.contains(it));
    if isr.is_empty() {
        let reason = "no replica of before is in sync: to go back would lose records";
        return Err(Refused::new(ErrorCode::InvalidReplicaAssignment, reason));
    }
    Ok(PartitionImage {
        replicas: original(now),
        isr,
        adding: Vec::new(),
        removing: Vec::new(),
        ..now.clone()
    })
}

/// The replicas that it had before it was moved.
fn original(now: &PartitionImage) -> Vec<i32> {
    let before = now.replicas.iter().filter(|it| !now.adding.contains(it));
    before.copied().collect()
}

/// One that moves has the factor that it will have.
fn check_factor(now: &PartitionImage, ids: &[i32]) -> Result<(), Refused> {
    let staying = now.replicas.iter().filter(|it| !now.removing.contains(it));
    let (factor, given) = (staying.count(), ids.len());
    match factor == given {
        true => Ok(()),
        false => Err(Refused::new(
            ErrorCode::InvalidReplicationFactor,
            format!("the partition has {factor} replicas, and is given {given} brokers"),
        )),
    }
}

#[cfg(test)]
mod tests;
