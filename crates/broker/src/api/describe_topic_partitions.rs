//! DescribeTopicPartitions (KIP-966): the topics page by page.

use std::collections::BTreeSet;
use std::sync::Arc;

use millrace_kafka_wire::api::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
    DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use millrace_kafka_wire::{ErrorCode, Str};

use super::{Call, operations};
use crate::metadata::topics::check_name;
use crate::metadata::{Image, TopicImage};

pub async fn handle(
    call: Call,
    request: DescribeTopicPartitionsRequest,
) -> DescribeTopicPartitionsResponse {
    let image = call.broker.metadata().image();
    let (from_topic, from_partition) = match &request.cursor {
        Some(cursor) => (cursor.topic_name.clone(), cursor.partition_index),
        None => (Str::EMPTY, 0),
    };
    let names: BTreeSet<Str> = match request.topics.is_empty() {
        true => image.topics().map(|it| it.name.clone()).collect(),
        false => request.topics.into_iter().map(|it| it.name).collect(),
    };
    let wanted = usize::try_from(request.response_partition_limit).unwrap_or(0);
    let most = call.broker.config().max_listed_partitions;
    let mut page = Page {
        left: wanted.min(most).max(1),
        topics: Vec::new(),
        next: None,
    };
    for name in names.into_iter().filter(|it| *it >= from_topic) {
        let first = if name == from_topic {
            from_partition
        } else {
            0
        };
        if page.left == 0 {
            page.next = Some((name, 0));
        } else {
            page.add(&image, name, usize::try_from(first).unwrap_or(0));
        }
        if page.next.is_some() {
            break;
        }
    }
    let next_cursor = page.next.map(|(topic_name, partition_index)| Cursor {
        topic_name,
        partition_index,
    });
    DescribeTopicPartitionsResponse {
        topics: page.topics,
        next_cursor,
        ..DescribeTopicPartitionsResponse::default()
    }
}

/// What fits into one response.
struct Page {
    /// Partitions for which there is room.
    left: usize,
    topics: Vec<DescribeTopicPartitionsResponseTopic>,
    /// Where the next page begins.
    next: Option<(Str, i32)>,
}

impl Page {
    fn add(&mut self, image: &Image, name: Str, first: usize) {
        let Some(topic) = image.topic(&name) else {
            self.topics.push(unknown(image, name));
            return;
        };
        let partitions = topic.partitions.len();
        let end = partitions.min(first.saturating_add(self.left));
        let described = first.min(end)..end;
        self.left -= described.len();
        self.topics.push(DescribeTopicPartitionsResponseTopic {
            name: Some(name.clone()),
            topic_id: topic.id,
            is_internal: topic.is_internal(),
            partitions: described.map(|it| partition(image, topic, it)).collect(),
            topic_authorized_operations: operations::TOPIC,
            ..DescribeTopicPartitionsResponseTopic::default()
        });
        if end < partitions {
            self.next = Some((name, end as i32));
        }
    }
}

fn unknown(image: &Image, name: Str) -> DescribeTopicPartitionsResponseTopic {
    let refused = check_name(&name, image).err();
    let is_bad = refused.is_some_and(|it| it.code == ErrorCode::InvalidTopicException);
    let code = match is_bad {
        true => ErrorCode::InvalidTopicException,
        false => ErrorCode::UnknownTopicOrPartition,
    };
    DescribeTopicPartitionsResponseTopic {
        error_code: code.number(),
        name: Some(name),
        ..DescribeTopicPartitionsResponseTopic::default()
    }
}

fn partition(
    image: &Image,
    topic: &Arc<TopicImage>,
    index: usize,
) -> DescribeTopicPartitionsResponsePartition {
    let found = &topic.partitions[index];
    let is_there = image.brokers.contains_key(&found.leader);
    let error = match is_there {
        true => ErrorCode::None,
        false => ErrorCode::LeaderNotAvailable,
    };
    DescribeTopicPartitionsResponsePartition {
        error_code: error.number(),
        partition_index: index as i32,
        leader_id: if is_there { found.leader } else { -1 },
        leader_epoch: found.leader_epoch,
        replica_nodes: found.replicas.clone(),
        isr_nodes: found.isr.clone(),
        eligible_leader_replicas: Some(Vec::new()),
        last_known_elr: Some(Vec::new()),
        offline_replicas: Vec::new(),
    }
}
