//! CreatePartitions: gives topics more partitions.

use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic,
    CreatePartitionsTopicResult,
};
use millrace_kafka_wire::metadata::MetadataRecord;

use super::Call;
use crate::metadata::Image;
use crate::metadata::topics::add_partitions;
use crate::partitions::Refused;

type Decided = (Vec<MetadataRecord>, Vec<CreatePartitionsTopicResult>);

pub async fn handle(call: Call, request: CreatePartitionsRequest) -> CreatePartitionsResponse {
    let topics = request.topics.clone();
    let decided = if request.validate_only {
        Ok(decide(&call.broker.metadata().image(), &topics).1)
    } else {
        (call.broker.metadata())
            .change(move |image| decide(image, &topics))
            .await
    };
    let results = decided.unwrap_or_else(|refused| {
        let failed = request.topics.iter().map(|it| result(it, Some(&refused)));
        failed.collect()
    });
    CreatePartitionsResponse {
        results,
        ..CreatePartitionsResponse::default()
    }
}

fn decide(image: &Image, topics: &[CreatePartitionsTopic]) -> Decided {
    let mut all = Vec::new();
    let mut results = Vec::new();
    for (at, topic) in topics.iter().enumerate() {
        let is_named_before = topics[..at].iter().any(|it| it.name == topic.name);
        let decided = match is_named_before {
            true => {
                let reason = "the topic is named more than once";
                Err(Refused::new(ErrorCode::InvalidRequest, reason))
            }
            false => added(image, topic),
        };
        results.push(result(topic, decided.as_ref().err()));
        all.extend(decided.unwrap_or_default());
    }
    (all, results)
}

fn added(image: &Image, asked: &CreatePartitionsTopic) -> Result<Vec<MetadataRecord>, Refused> {
    let unknown = || Refused::new(ErrorCode::UnknownTopicOrPartition, "there is no such topic");
    let topic = image.topic(&asked.name).ok_or_else(unknown)?;
    let manual = asked.assignments.as_ref();
    let manual = manual.map(|all| all.iter().map(|it| it.broker_ids.clone()).collect());
    add_partitions(image, topic, asked.count, manual)
}

fn result(topic: &CreatePartitionsTopic, refused: Option<&Refused>) -> CreatePartitionsTopicResult {
    CreatePartitionsTopicResult {
        name: topic.name.clone(),
        error_code: refused.map_or(ErrorCode::None, |it| it.code).number(),
        error_message: refused.map(|it| it.reason.as_str().into()),
    }
}
