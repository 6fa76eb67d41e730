//! DescribeLogDirs (KIP-113, KIP-827): what lies in which directory, and how large it is.

use std::collections::BTreeMap;

use millrace_kafka_wire::api::describe_log_dirs::{
    DescribeLogDirsPartition, DescribeLogDirsRequest, DescribeLogDirsResponse,
    DescribeLogDirsResult, DescribeLogDirsTopic,
};
use millrace_kafka_wire::{ErrorCode, Str, Uuid};

use super::Call;
use crate::partitions::{Dir, Partition, answered};

/// The partitions of a directory, topic by topic.
type Found = BTreeMap<Str, Vec<DescribeLogDirsPartition>>;

pub async fn handle(call: Call, request: DescribeLogDirsRequest) -> DescribeLogDirsResponse {
    let mut by_dir: BTreeMap<Uuid, Found> = BTreeMap::new();
    for partition in call.broker.partitions().all() {
        if !is_asked_for(&request, &partition) {
            continue;
        }
        // One that has just gone is in no directory.
        let Ok(described) = answered(partition.describe()).await else {
            continue;
        };
        let topics = by_dir.entry(described.dir).or_default();
        let of_topic = topics.entry(partition.topic.clone()).or_default();
        of_topic.push(DescribeLogDirsPartition {
            partition_index: partition.id.index,
            partition_size: i64::try_from(described.size).unwrap_or(i64::MAX),
            ..DescribeLogDirsPartition::default()
        });
    }
    let dirs = call.broker.partitions().dirs().iter();
    let results = dirs.map(|dir| {
        let found = by_dir.remove(&dir.id).unwrap_or_default();
        result(&call, dir, found)
    });
    DescribeLogDirsResponse {
        results: results.collect(),
        ..DescribeLogDirsResponse::default()
    }
}

fn is_asked_for(request: &DescribeLogDirsRequest, partition: &Partition) -> bool {
    let Some(topics) = &request.topics else {
        return true;
    };
    let index = partition.id.index;
    let is_it =
        |topic: &Str, partitions: &[i32]| *topic == partition.topic && partitions.contains(&index);
    topics.iter().any(|it| is_it(&it.topic, &it.partitions))
}

fn result(call: &Call, dir: &Dir, found: Found) -> DescribeLogDirsResult {
    let size = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    let log_dir = dir.path().display().to_string().into();
    let (total, usable) = match call.broker.partitions().space(dir) {
        Ok(space) => space,
        Err(error) => {
            tracing::warn!(dir = %dir.path().display(), %error, "the disk does not say how large it is");
            return DescribeLogDirsResult {
                error_code: ErrorCode::KafkaStorageError.number(),
                log_dir,
                ..DescribeLogDirsResult::default()
            };
        }
    };
    let topics = found.into_iter().map(|(name, mut partitions)| {
        partitions.sort_unstable_by_key(|it| it.partition_index);
        DescribeLogDirsTopic { name, partitions }
    });
    DescribeLogDirsResult {
        log_dir,
        topics: topics.collect(),
        total_bytes: size(total),
        usable_bytes: size(usable),
        ..DescribeLogDirsResult::default()
    }
}
