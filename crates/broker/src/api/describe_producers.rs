//! DescribeProducers (KIP-664): who writes to partitions, and in which open transactions.

use millrace_kafka_wire::api::describe_producers::{
    DescribeProducersRequest, DescribeProducersResponse, PartitionResponse, ProducerState,
    TopicResponse,
};
use millrace_log::Producer;

use super::Call;
use crate::broker::{Found, Topic};
use crate::partitions::{Described, Refused, answered};

pub async fn handle(call: Call, request: DescribeProducersRequest) -> DescribeProducersResponse {
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let mut partitions = Vec::with_capacity(topic.partition_indexes.len());
        for index in &topic.partition_indexes {
            let described = describe(&call, &topic.name, *index).await;
            partitions.push(response(*index, described));
        }
        topics.push(TopicResponse {
            name: topic.name.clone(),
            partitions,
        });
    }
    DescribeProducersResponse {
        topics,
        ..DescribeProducersResponse::default()
    }
}

async fn describe(call: &Call, topic: &str, index: i32) -> Result<Described, Refused> {
    let Found { partition, .. } = call.broker.find(Topic::Name(topic), index)?;
    answered(partition.describe()).await
}

fn response(partition_index: i32, described: Result<Described, Refused>) -> PartitionResponse {
    match described {
        Ok(described) => PartitionResponse {
            partition_index,
            active_producers: described.producers.iter().map(state).collect(),
            ..PartitionResponse::default()
        },
        Err(refused) => PartitionResponse {
            partition_index,
            error_code: refused.code.number(),
            error_message: Some(refused.reason.into()),
            ..PartitionResponse::default()
        },
    }
}

fn state((id, producer): &(i64, Producer)) -> ProducerState {
    ProducerState {
        producer_id: *id,
        producer_epoch: producer.epoch.into(),
        last_sequence: producer.last_sequence(),
        last_timestamp: producer.last_timestamp,
        coordinator_epoch: producer.coordinator_epoch,
        current_txn_start_offset: producer.txn_first_offset.unwrap_or(-1),
    }
}
