//! ElectLeaders (KIP-183, KIP-460): leaders of partitions, as an operator wants them.

use millrace_kafka_wire::api::elect_leaders::{
    ElectLeadersRequest, ElectLeadersResponse, PartitionResult, ReplicaElectionResult,
    TopicPartitions,
};
use millrace_kafka_wire::metadata::MetadataRecord;
use millrace_kafka_wire::{ErrorCode, Str};

use super::Call;
use crate::metadata::{Election, Image, Turn, elect};
use crate::partitions::Refused;

pub async fn handle(call: Call, request: ElectLeadersRequest) -> ElectLeadersResponse {
    if request.topic_partitions.as_ref().is_some_and(Vec::is_empty) {
        return ElectLeadersResponse::default();
    }
    let election = match request.election_type {
        0 => Election::Preferred,
        1 => Election::Unclean,
        other => {
            let reason = format!("no election has the type {other}");
            let refused = Refused::new(ErrorCode::InvalidRequest, reason);
            return failed(&call, &request, &refused);
        }
    };
    let asked = request.topic_partitions.clone();
    let decided = call.broker.metadata().change(move |image| match &asked {
        Some(topics) => in_topics(image, topics, election),
        None => everywhere(image, election),
    });
    match decided.await {
        Ok(replica_election_results) => ElectLeadersResponse {
            replica_election_results,
            ..ElectLeadersResponse::default()
        },
        Err(refused) => failed(&call, &request, &refused),
    }
}

type Decided = (Vec<MetadataRecord>, Vec<ReplicaElectionResult>);

fn in_topics(image: &Image, topics: &[TopicPartitions], election: Election) -> Decided {
    let mut turn = Turn::new(image);
    let results = topics.iter().map(|asked| {
        let partitions = asked.partitions.iter().map(|index| {
            let decided = decide(&mut turn, &asked.topic, *index, election);
            result(*index, decided.as_ref().err())
        });
        ReplicaElectionResult {
            topic: asked.topic.clone(),
            partition_result: partitions.collect(),
        }
    });
    let results = results.collect();
    (turn.into_records(), results)
}

/// Where nothing is to do nothing is told, but for the name of the topic.
fn everywhere(image: &Image, election: Election) -> Decided {
    let mut turn = Turn::new(image);
    let results = image.topics().map(|topic| {
        let indexes = 0..topic.partitions.len() as i32;
        let partitions =
            indexes.filter_map(
                |index| match decide(&mut turn, &topic.name, index, election) {
                    Err(refused) if refused.code == ErrorCode::ElectionNotNeeded => None,
                    decided => Some(result(index, decided.as_ref().err())),
                },
            );
        ReplicaElectionResult {
            topic: topic.name.clone(),
            partition_result: partitions.collect(),
        }
    });
    let results = results.collect();
    (turn.into_records(), results)
}

fn decide(turn: &mut Turn, topic: &Str, index: i32, election: Election) -> Result<(), Refused> {
    let image = turn.image();
    let topic = image.topic(topic).map(|it| &**it);
    let record = elect(image, topic, index, election)?;
    turn.add(record);
    Ok(())
}

fn result(partition_id: i32, refused: Option<&Refused>) -> PartitionResult {
    PartitionResult {
        partition_id,
        error_code: refused.map_or(ErrorCode::None, |it| it.code).number(),
        error_message: refused.map(|it| it.reason.as_str().into()),
    }
}

fn failed(call: &Call, request: &ElectLeadersRequest, refused: &Refused) -> ElectLeadersResponse {
    let topics = request.topic_partitions.iter().flatten();
    let results = topics.map(|asked| {
        let partitions = asked.partitions.iter();
        ReplicaElectionResult {
            topic: asked.topic.clone(),
            partition_result: partitions.map(|it| result(*it, Some(refused))).collect(),
        }
    });
    ElectLeadersResponse {
        // Version 0 says it of each partition alone.
        error_code: match call.version {
            0 => ErrorCode::None.number(),
            _ => refused.code.number(),
        },
        replica_election_results: results.collect(),
        ..ElectLeadersResponse::default()
    }
}
