//! ListPartitionReassignments (KIP-455): what is moving to other brokers.

use millrace_kafka_wire::api::list_partition_reassignments::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
    OngoingPartitionReassignment, OngoingTopicReassignment,
};

use super::Call;
use crate::metadata::TopicImage;

pub async fn handle(
    call: Call,
    request: ListPartitionReassignmentsRequest,
) -> ListPartitionReassignmentsResponse {
    let image = call.broker.metadata().image();
    let topics = match &request.topics {
        None => {
            let all = image.topics();
            all.filter_map(|it| ongoing(it, 0..it.partitions.len() as i32))
                .collect()
        }
        Some(asked) => {
            let asked = asked.iter().filter_map(|it| {
                let indexes = it.partition_indexes.iter().copied();
                ongoing(image.topic(&it.name)?, indexes)
            });
            asked.collect()
        }
    };
    ListPartitionReassignmentsResponse {
        error_message: None,
        topics,
        ..ListPartitionReassignmentsResponse::default()
    }
}

/// Those of the partitions that are there and move; none when there are none.
fn ongoing(
    topic: &TopicImage,
    indexes: impl Iterator<Item = i32>,
) -> Option<OngoingTopicReassignment> {
    let moving = indexes.filter_map(|partition_index| {
        let partition = topic.partition(partition_index)?;
        partition
            .is_reassigned()
            .then(|| OngoingPartitionReassignment {
                partition_index,
                replicas: partition.replicas.clone(),
                adding_replicas: partition.adding.clone(),
                removing_replicas: partition.removing.clone(),
            })
    });
    let partitions: Vec<_> = moving.collect();
    (!partitions.is_empty()).then(|| OngoingTopicReassignment {
        name: topic.name.clone(),
        partitions,
    })
}
