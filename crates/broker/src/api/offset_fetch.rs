//! OffsetFetch: how far groups have read.

use millrace_kafka_wire::api::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics, OffsetFetchResponse,
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use millrace_kafka_wire::{ErrorCode, Str};

use super::Call;
use super::offset_commit::TOPIC_IDS;
use crate::group::{Request, Response};
use crate::metadata::Image;

/// From this version on several groups are asked for at once.
const SEVERAL: i16 = 8;

pub async fn handle(call: Call, request: OffsetFetchRequest) -> OffsetFetchResponse {
    if call.version < SEVERAL {
        let group = request.group_id.clone();
        return ask(&call, &group, request).await;
    }
    let mut groups = Vec::with_capacity(request.groups.len());
    for group in request.groups {
        groups.extend(fetch(&call, group, request.require_stable).await);
    }
    OffsetFetchResponse {
        groups,
        ..OffsetFetchResponse::default()
    }
}

/// Asks the coordinator of one group.
async fn fetch(
    call: &Call,
    mut group: OffsetFetchRequestGroup,
    require_stable: bool,
) -> Vec<OffsetFetchResponseGroup> {
    let image = call.broker.metadata().image();
    let id = group.group_id.clone();
    let mut unknown = Vec::new();
    if let Some(topics) = &mut group.topics {
        topics.retain_mut(|topic| {
            let is_known = complete(&image, topic, call.version);
            if !is_known {
                unknown.push(failed(topic));
            }
            is_known
        });
    }
    let request = OffsetFetchRequest {
        groups: vec![group],
        require_stable,
        ..OffsetFetchRequest::default()
    };
    let mut groups = ask(call, &id, request).await.groups;
    if let Some(group) = groups.first_mut() {
        group.topics.extend(unknown);
        // A topic that is gone has no id that the client could know.
        if call.version >= TOPIC_IDS {
            group.topics.retain(|topic| !topic.topic_id.is_zero());
        }
    }
    groups
}

async fn ask(call: &Call, group: &Str, request: OffsetFetchRequest) -> OffsetFetchResponse {
    match call.ask_group(group, Request::OffsetFetch(request)).await {
        Response::OffsetFetch(response) => response,
        other => unreachable!("{other:?} answers another request"),
    }
}

/// Gives a topic both its name and its id, as far as there are such; false where an id is of none.
fn complete(image: &Image, topic: &mut OffsetFetchRequestTopics, version: i16) -> bool {
    if version < TOPIC_IDS {
        // What was committed for a topic that is gone is still told.
        topic.topic_id = image.topic(&topic.name).map(|it| it.id).unwrap_or_default();
        return true;
    }
    match image.topic_by_id(topic.topic_id) {
        Some(found) => {
            topic.name = found.name.clone();
            true
        }
        None => false,
    }
}

fn failed(topic: &OffsetFetchRequestTopics) -> OffsetFetchResponseTopics {
    let partitions = topic
        .partition_indexes
        .iter()
        .map(|index| OffsetFetchResponsePartitions {
            partition_index: *index,
            committed_offset: -1,
            committed_leader_epoch: -1,
            metadata: Some(Str::EMPTY),
            error_code: ErrorCode::UnknownTopicId.number(),
        });
    OffsetFetchResponseTopics {
        name: Str::EMPTY,
        topic_id: topic.topic_id,
        partitions: partitions.collect(),
    }
}
