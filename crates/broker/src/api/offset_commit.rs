//! OffsetCommit: keeps how far a group has read.

use millrace_kafka_wire::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestTopic, OffsetCommitResponse,
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use millrace_kafka_wire::{ErrorCode, Str};

use super::Call;
use crate::group::{Request, Response};
use crate::metadata::Image;

/// From this version on topics are named by their ids.
pub(super) const TOPIC_IDS: i16 = 10;

pub async fn handle(call: Call, mut request: OffsetCommitRequest) -> OffsetCommitResponse {
    let image = call.broker.metadata().image();
    let group: Str = request.group_id.clone();
    let mut unknown = Vec::new();
    let mut known = Vec::new();
    for mut topic in std::mem::take(&mut request.topics) {
        match complete(&image, &mut topic, call.version) {
            Ok(()) => known.push(topic),
            Err(code) => unknown.push(failed(&topic, code)),
        }
    }
    // Who commits nothing that exists may still be no member: the coordinator says so.
    request.topics = known;
    let mut response = match call.ask_group(&group, Request::OffsetCommit(request)).await {
        Response::OffsetCommit(response) => response,
        other => unreachable!("{other:?} answers another request"),
    };
    response.topics.extend(unknown);
    response
}

/// Gives a topic both its name and its id.
fn complete(
    image: &Image,
    topic: &mut OffsetCommitRequestTopic,
    version: i16,
) -> Result<(), ErrorCode> {
    let (found, code) = match version < TOPIC_IDS {
        true => (image.topic(&topic.name), ErrorCode::UnknownTopicOrPartition),
        false => (image.topic_by_id(topic.topic_id), ErrorCode::UnknownTopicId),
    };
    let found = found.ok_or(code)?;
    topic.name = found.name.clone();
    topic.topic_id = found.id;
    Ok(())
}

fn failed(topic: &OffsetCommitRequestTopic, code: ErrorCode) -> OffsetCommitResponseTopic {
    let partitions = topic
        .partitions
        .iter()
        .map(|it| OffsetCommitResponsePartition {
            partition_index: it.partition_index,
            error_code: code.number(),
        });
    OffsetCommitResponseTopic {
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        partitions: partitions.collect(),
    }
}
