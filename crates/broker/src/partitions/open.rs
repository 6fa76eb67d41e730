//! Opening the log of a partition.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI32};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use millrace_kafka_wire::Str;
use millrace_log::{Files, Log, LogError, OpenReport, PartitionMetadata, TopicPartition};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::dirs::Dir;
use super::owned::Owned;
use super::partition::{Partition, PartitionId, View};
use super::replicas::Replicas;
use super::waits::Waits;
use super::worker::Command;
use crate::config::TopicConfig;
use crate::metadata::PartitionImage;

/// What the metadata says of a partition that this broker leads.
pub(super) struct OpenPartition {
    pub id: PartitionId,
    pub topic: Str,
    pub replicas: Replicas,
    pub dir: Arc<Dir>,
    pub files: Arc<dyn Files>,
    pub config: TopicConfig,
}

impl Partition {
    pub fn name(&self) -> TopicPartition {
        TopicPartition {
            topic: self.topic.clone(),
            partition: self.id.index,
        }
    }
}

/// Opens the log, recovers it and begins the epoch of this leader.
///
/// # Durability
/// What the log holds is on the medium on return.
///
/// # Errors
/// The disk fails, the log is damaged, or its directory belongs to another topic.
pub(super) fn open(
    what: OpenPartition,
    worker: &mpsc::UnboundedSender<Command>,
    now: i64,
) -> Result<Owned, LogError> {
    if let Some(error) = what.dir.failure() {
        return Err(error.clone());
    }
    let name = TopicPartition {
        topic: what.topic.clone(),
        partition: what.id.index,
    };
    let path = what.dir.log_dir().partition_path(&name);
    let stored = PartitionMetadata::read(&*what.files, &path)?;
    let topic_id = what.id.topic_id;
    if stored.is_some_and(|it| it.topic_id != topic_id) {
        // A topic of this name was deleted while its directory could not be.
        what.dir.forget(&name)?;
        what.dir.log_dir().remove_partition(&name)?;
    }
    let opening = what.dir.opening(&name, now);
    let (mut log, report) = Log::open(
        Arc::clone(&what.files),
        &path,
        what.config.log.clone(),
        opening,
    )?;
    tell(&name, &report);
    if stored.is_none_or(|it| it.topic_id != topic_id) {
        PartitionMetadata { topic_id }.write(&*what.files, &path)?;
    }
    let PartitionImage {
        leader_epoch,
        epoch,
        ..
    } = *what.replicas.image();
    log.start_epoch(leader_epoch);
    log.sync()?;
    if what.replicas.is_alone() {
        log.set_high_watermark(log.end_offset());
    }
    let partition = Partition {
        id: what.id,
        topic: what.topic,
        config: ArcSwap::from_pointee(what.config),
        view: ArcSwap::from_pointee(View::of(&log, leader_epoch)),
        waits: Waits::default(),
        follower_waits: Waits::default(),
        failure: OnceLock::new(),
        dir: Arc::clone(&what.dir),
        is_gone: AtomicBool::new(false),
        epoch: AtomicI32::new(epoch),
        transactions: Mutex::new(open_transactions(&log)),
        worker: worker.clone(),
    };
    Ok(Owned::new(Arc::new(partition), log, what.replicas))
}

/// The producers with an open transaction.
fn open_transactions(log: &Log) -> BTreeMap<i64, i16> {
    let open = log
        .producers()
        .filter(|(_, it)| it.txn_first_offset.is_some());
    open.map(|(id, it)| (id, it.epoch)).collect()
}

/// Says what a crash has left.
fn tell(name: &TopicPartition, report: &OpenReport) {
    if let Some(cut) = &report.cut {
        tracing::warn!(
            partition = %name,
            file = %cut.path.display(),
            position = cut.position,
            offset = cut.offset,
            bytes = cut.bytes,
            reason = %cut.reason,
            "cut an end off the log that was never durable"
        );
    }
    if !report.rebuilt.is_empty() || !report.skipped.is_empty() {
        let (rebuilt, skipped) = (report.rebuilt.len(), report.skipped.len());
        tracing::info!(partition = %name, rebuilt, skipped, "made files anew that follow from the log");
    }
}
