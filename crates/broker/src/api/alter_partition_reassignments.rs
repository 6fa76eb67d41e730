//! AlterPartitionReassignments (KIP-455, KIP-860): has partitions move to other brokers, or stay.

use millrace_kafka_wire::api::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ReassignablePartition,
    ReassignablePartitionResponse, ReassignableTopic, ReassignableTopicResponse,
};
use millrace_kafka_wire::metadata::MetadataRecord;
use millrace_kafka_wire::{ErrorCode, Str};

use super::Call;
use crate::metadata::{Image, Target, Turn, reassign};
use crate::partitions::Refused;

pub async fn handle(
    call: Call,
    request: AlterPartitionReassignmentsRequest,
) -> AlterPartitionReassignmentsResponse {
    let allow_replication_factor_change = request.allow_replication_factor_change;
    let (topics, may_change) = (request.topics, allow_replication_factor_change);
    let decided = (call.broker.metadata()).change(move |image| decide(image, &topics, may_change));
    let response = AlterPartitionReassignmentsResponse {
        allow_replication_factor_change,
        error_message: None,
        ..AlterPartitionReassignmentsResponse::default()
    };
    match decided.await {
        Ok(responses) => AlterPartitionReassignmentsResponse {
            responses,
            ..response
        },
        Err(refused) => AlterPartitionReassignmentsResponse {
            error_code: refused.code.number(),
            error_message: Some(refused.reason.into()),
            ..response
        },
    }
}

fn decide(
    image: &Image,
    topics: &[ReassignableTopic],
    may_change_factor: bool,
) -> (Vec<MetadataRecord>, Vec<ReassignableTopicResponse>) {
    let mut turn = Turn::new(image);
    let responses = topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            let moved = move_one(&mut turn, &topic.name, partition, may_change_factor);
            response(partition.partition_index, moved.err())
        });
        ReassignableTopicResponse {
            name: topic.name.clone(),
            partitions: partitions.collect(),
        }
    });
    let responses = responses.collect();
    (turn.into_records(), responses)
}

fn move_one(
    turn: &mut Turn,
    topic: &Str,
    asked: &ReassignablePartition,
    may_change_factor: bool,
) -> Result<(), Refused> {
    let target = match &asked.replicas {
        None => Target::Back,
        Some(ids) => Target::Brokers {
            ids,
            may_change_factor,
        },
    };
    let image = turn.image();
    let topic = image.topic(topic).map(|it| &**it);
    if let Some(record) = reassign(image, topic, asked.partition_index, target)? {
        turn.add(record);
    }
    Ok(())
}

fn response(partition_index: i32, refused: Option<Refused>) -> ReassignablePartitionResponse {
    let code = refused.as_ref().map_or(ErrorCode::None, |it| it.code);
    ReassignablePartitionResponse {
        partition_index,
        error_code: code.number(),
        error_message: refused.map(|it| it.reason.into()),
    }
}
