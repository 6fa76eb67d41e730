//! DescribeTopicPartitions (KIP-966): partitions of many topics, page by page.

use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
    DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};

use super::Call;
use crate::metadata::{Image, TopicImage};

pub async fn handle(
    call: Call,
    request: DescribeTopicPartitionsRequest,
) -> DescribeTopicPartitionsResponse {
    let image = call.broker.metadata().image();
    let mut names: Vec<_> = match request.topics.is_empty() {
        true => image.topics().map(|it| it.name.clone()).collect(),
        false => request.topics.iter().map(|it| it.name.clone()).collect(),
    };
    names.sort();
    names.dedup();
    let start = request.cursor.unwrap_or_default();
    names.retain(|name| *name >= start.topic_name);
    let asked = usize::try_from(request.response_partition_limit).unwrap_or(0);
    let mut left = asked.clamp(1, call.broker.config().max_listed_partitions.max(1));
    let mut response = DescribeTopicPartitionsResponse::default();
    for name in names {
        let from = match name == start.topic_name {
            true => usize::try_from(start.partition_index).unwrap_or(0),
            false => 0,
        };
        if left == 0 {
            response.next_cursor = Some(Cursor {
                topic_name: name,
                partition_index: from as i32,
            });
            break;
        }
        let Some(topic) = image.topic(&name) else {
            response.topics.push(DescribeTopicPartitionsResponseTopic {
                error_code: ErrorCode::UnknownTopicOrPartition.number(),
                name: Some(name),
                topic_authorized_operations: i32::MIN,
                ..DescribeTopicPartitionsResponseTopic::default()
            });
            continue;
        };
        let described = described(topic, &image, from, left);
        let end = from + described.partitions.len();
        left -= described.partitions.len();
        response.topics.push(described);
        if end < topic.partitions.len() {
            response.next_cursor = Some(Cursor {
                topic_name: name,
                partition_index: end as i32,
            });
            break;
        }
    }
    response
}

fn described(
    topic: &TopicImage,
    image: &Image,
    from: usize,
    most: usize,
) -> DescribeTopicPartitionsResponseTopic {
    let partitions = (0..).zip(&topic.partitions).skip(from).take(most);
    let partitions = partitions.map(|(partition_index, it)| {
        let is_there = image.brokers.contains_key(&it.leader);
        DescribeTopicPartitionsResponsePartition {
            error_code: match is_there {
                true => ErrorCode::None.number(),
                false => ErrorCode::LeaderNotAvailable.number(),
            },
            partition_index,
            leader_id: if is_there { it.leader } else { -1 },
            leader_epoch: it.leader_epoch,
            replica_nodes: it.replicas.clone(),
            isr_nodes: it.isr.clone(),
            eligible_leader_replicas: Some(Vec::new()),
            last_known_elr: Some(Vec::new()),
            offline_replicas: Vec::new(),
        }
    });
    DescribeTopicPartitionsResponseTopic {
        error_code: ErrorCode::None.number(),
        name: Some(topic.name.clone()),
        topic_id: topic.id,
        is_internal: topic.is_internal(),
        partitions: partitions.collect(),
        topic_authorized_operations: i32::MIN,
    }
}
