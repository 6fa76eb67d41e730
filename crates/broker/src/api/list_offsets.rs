//! ListOffsets: where a partition begins and ends, and where a time is (KIP-79, KIP-734).

use millrace_kafka_wire::api::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopicResponse,
};

use super::Call;
use super::fetch::{Reader, check_epoch};
use crate::broker::{Found, Topic};
use crate::compression::decompress;
use crate::partitions::Refused;

/// From this version on the leader epoch is told.
const EPOCHS: i16 = 4;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
/// The earliest that is on this broker's disk: all of it is.
const EARLIEST_LOCAL: i64 = -4;

pub async fn handle(call: Call, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let partitions = topic.partitions.iter().map(|asked| {
            let found = find(&call, &topic.name, asked, &request);
            found.unwrap_or_else(|refused| ListOffsetsPartitionResponse {
                partition_index: asked.partition_index,
                error_code: refused.code.number(),
                timestamp: -1,
                offset: -1,
                leader_epoch: -1,
            })
        });
        topics.push(ListOffsetsTopicResponse {
            name: topic.name.clone(),
            partitions: partitions.collect(),
        });
    }
    ListOffsetsResponse {
        topics,
        ..ListOffsetsResponse::default()
    }
}

fn find(
    call: &Call,
    topic: &str,
    asked: &ListOffsetsPartition,
    request: &ListOffsetsRequest,
) -> Result<ListOffsetsPartitionResponse, Refused> {
    let index = asked.partition_index;
    let Found { partition, .. } = call.broker.find(Topic::Name(topic), index)?;
    let view = partition.view()?;
    check_epoch(asked.current_leader_epoch, view.leader_epoch)
        .map_err(|code| Refused::new(code, "the leader epoch is another"))?;
    let end = Reader::of(request.replica_id, -1, request.isolation_level).end(&view);
    let epoch_at = |offset| view.log.epoch_for(offset).unwrap_or(-1);
    let at = |offset: i64, timestamp: i64, leader_epoch: i32| ListOffsetsPartitionResponse {
        partition_index: index,
        error_code: 0,
        timestamp,
        offset,
        leader_epoch: if call.version < EPOCHS {
            -1
        } else {
            leader_epoch
        },
    };
    let start = view.log.start_offset();
    let by_time = match asked.timestamp {
        LATEST => return Ok(at(end, -1, view.leader_epoch)),
        EARLIEST | EARLIEST_LOCAL => return Ok(at(start, -1, epoch_at(start))),
        MAX_TIMESTAMP => view.log.max_timestamp(end, &decompress),
        timestamp if timestamp >= 0 => view.log.offset_for_time(timestamp, end, &decompress),
        // Tiered storage, which there is none of.
        _ => return Ok(at(-1, -1, -1)),
    };
    let found = by_time.map_err(|error| Refused::from(&error))?;
    Ok(found.map_or_else(
        || at(-1, -1, -1),
        |it| at(it.offset, it.timestamp, it.leader_epoch),
    ))
}
