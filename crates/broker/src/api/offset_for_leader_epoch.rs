//! OffsetForLeaderEpoch (KIP-101, KIP-320): where the records of a leader end.

use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition, OffsetForLeaderTopicResult,
};

use super::Call;
use super::fetch::check_epoch;
use crate::broker::{Found, Topic};
use crate::partitions::Refused;

pub async fn handle(
    call: Call,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            let found = find(&call, &topic.topic, asked);
            let code = found.as_ref().err().map_or(ErrorCode::None, |it| it.code);
            let (leader_epoch, end_offset) = found.ok().flatten().unwrap_or((-1, -1));
            EpochEndOffset {
                error_code: code.number(),
                partition: asked.partition,
                leader_epoch,
                end_offset,
            }
        });
        OffsetForLeaderTopicResult {
            topic: topic.topic.clone(),
            partitions: partitions.collect(),
        }
    });
    OffsetForLeaderEpochResponse {
        topics: topics.collect(),
        ..OffsetForLeaderEpochResponse::default()
    }
}

fn find(
    call: &Call,
    topic: &str,
    asked: &OffsetForLeaderPartition,
) -> Result<Option<(i32, i64)>, Refused> {
    let Found { partition, .. } = call.broker.find(Topic::Name(topic), asked.partition)?;
    let view = partition.view()?;
    check_epoch(asked.current_leader_epoch, view.leader_epoch)
        .map_err(|code| Refused::new(code, "the leader epoch is another"))?;
    Ok(view.log.end_offset_for_epoch(asked.leader_epoch))
}
