//! WriteTxnMarkers (KIP-98, KIP-664): ends transactions in partitions without their coordinator, as
//! an operator wants it of one that hangs: its coordinator knows of no such transaction.

use std::collections::BTreeSet;

use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::write_txn_markers::{
    WritableTxnMarker, WritableTxnMarkerPartitionResult, WritableTxnMarkerResult,
    WritableTxnMarkerTopicResult, WriteTxnMarkersRequest, WriteTxnMarkersResponse,
};
use millrace_kafka_wire::batch::{BatchBuilder, ControlType};
use millrace_log::{Batch, Origin};

use super::Call;
use crate::broker::{Found, Topic};
use crate::coordinators::GroupNews;
use crate::partitions::{Acks, Refused, answered};

pub async fn handle(call: Call, request: WriteTxnMarkersRequest) -> WriteTxnMarkersResponse {
    let mut markers = Vec::with_capacity(request.markers.len());
    for marker in &request.markers {
        let mut topics = Vec::with_capacity(marker.topics.len());
        for topic in &marker.topics {
            let mut partitions = Vec::with_capacity(topic.partition_indexes.len());
            // Whoever names one twice gets one marker.
            for index in topic.partition_indexes.iter().collect::<BTreeSet<_>>() {
                let written = write(&call, marker, &topic.name, *index).await;
                let code = written.err().map_or(ErrorCode::None, |it| it.code);
                partitions.push(WritableTxnMarkerPartitionResult {
                    partition_index: *index,
                    error_code: code.number(),
                });
            }
            topics.push(WritableTxnMarkerTopicResult {
                name: topic.name.clone(),
                partitions,
            });
        }
        markers.push(WritableTxnMarkerResult {
            producer_id: marker.producer_id,
            topics,
        });
    }
    WriteTxnMarkersResponse { markers }
}

/// Writes the marker to one partition; it is durable on return.
async fn write(
    call: &Call,
    marker: &WritableTxnMarker,
    topic: &str,
    index: i32,
) -> Result<(), Refused> {
    let Found {
        topic, partition, ..
    } = call.broker.find(Topic::Name(topic), index)?;
    let kind = match marker.transaction_result {
        true => ControlType::Commit,
        false => ControlType::Abort,
    };
    let producer = (marker.producer_id, marker.producer_epoch);
    let now = call.broker.clock().now();
    let bytes = BatchBuilder::marker(kind, producer, marker.coordinator_epoch, now);
    let batch = Batch::own(bytes.into());
    let batch = batch.map_err(|error| Refused::new(ErrorCode::CorruptMessage, error))?;
    let origin = Origin::Coordinator {
        transaction_version: u8::try_from(marker.transaction_version).unwrap_or(0),
    };
    answered(partition.append(batch, origin, Acks::All)).await?;
    let groups = call.broker.groups();
    if topic.name == *groups.topic() {
        let news = GroupNews::Marker {
            producer_id: marker.producer_id,
            is_commit: marker.transaction_result,
        };
        groups.tell(&topic, index, news);
    }
    Ok(())
}
