//! CreateTopics.

use std::collections::HashMap;

use millrace_kafka_wire::api::create_topics::{
    CreatableTopic, CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse,
};
use millrace_kafka_wire::metadata::MetadataRecord;
use millrace_kafka_wire::{ErrorCode, Str, Uuid};

use super::Call;
use crate::config::{BrokerConfig, describe_created, topic_overrides};
use crate::live::Live;
use crate::metadata::Image;
use crate::metadata::topics::{Layout, NewTopic, create};
use crate::partitions::Refused;

pub async fn handle(call: Call, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let topics: Vec<_> = request
        .topics
        .iter()
        .map(|it| new_topic(&call, it))
        .collect();
    let names = request
        .topics
        .iter()
        .map(|it| it.name.clone())
        .collect::<Vec<_>>();
    let is_tried = request.validate_only;
    let config = call.broker.config();
    let decided = if is_tried {
        Ok(decide(&call.broker.metadata().image(), &topics, &config).1)
    } else {
        let changed = call
            .broker
            .metadata()
            .change(move |image| decide(image, &topics, &config));
        changed.await
    };
    let results = match decided {
        Ok(results) => results,
        Err(refused) => {
            let failed = names.into_iter().map(|name| failed(name, &refused));
            failed.collect()
        }
    };
    CreateTopicsResponse {
        topics: results,
        ..CreateTopicsResponse::default()
    }
}

/// A topic with what it says nothing of; or why it cannot be.
fn new_topic(call: &Call, asked: &CreatableTopic) -> (Str, Result<NewTopic, Refused>) {
    let config = call.broker.config();
    let invalid = |reason: &str| Err(Refused::new(ErrorCode::InvalidRequest, reason));
    let partitions = if asked.assignments.is_empty() {
        let or_default = |number: i32, default: i32| if number == -1 { default } else { number };
        Layout::Count {
            partitions: or_default(asked.num_partitions, config.num_partitions),
            replicas: if asked.replication_factor == -1 {
                1
            } else {
                asked.replication_factor
            },
        }
    } else {
        if asked.num_partitions != -1 || asked.replication_factor != -1 {
            let reason = "a topic has assignments, or numbers of partitions and replicas, not both";
            return (asked.name.clone(), invalid(reason));
        }
        let assigned = asked.assignments.iter();
        Layout::Manual(
            assigned
                .map(|it| (it.partition_index, it.broker_ids.clone()))
                .collect(),
        )
    };
    let settings = match topic_overrides(&config, &asked.configs) {
        Ok(settings) => settings,
        Err(refusal) => {
            let refused = Refused::new(refusal.code, refusal.message);
            return (asked.name.clone(), Err(refused));
        }
    };
    let topic = NewTopic {
        name: asked.name.clone(),
        id: call.broker.new_id(),
        partitions,
        config: (settings.iter())
            .map(|(name, value)| (name.as_str().into(), value.as_str().into()))
            .collect(),
    };
    (asked.name.clone(), Ok(topic))
}

/// The records of those topics that can be made, and what each is told.
fn decide(
    image: &Image,
    topics: &[(Str, Result<NewTopic, Refused>)],
    config: &BrokerConfig,
) -> (Vec<MetadataRecord>, Vec<CreatableTopicResult>) {
    let mut named: HashMap<&str, usize> = HashMap::new();
    for (name, _) in topics {
        *named.entry(name).or_default() += 1;
    }
    let mut next = image.clone();
    let mut all = Vec::new();
    let mut results = Vec::new();
    for (name, topic) in topics {
        let made = match topic {
            _ if named[name.as_str()] > 1 => {
                let reason = "the topic is named more than once";
                Err(Refused::new(ErrorCode::InvalidRequest, reason))
            }
            Ok(topic) => make(&mut next, topic, config),
            Err(refused) => Err(refused.clone()),
        };
        results.push(match made {
            Ok((records, result)) => {
                all.extend(records);
                result
            }
            Err(refused) => failed(name.clone(), &refused),
        });
    }
    (all, results)
}

fn make(
    next: &mut Image,
    topic: &NewTopic,
    config: &BrokerConfig,
) -> Result<(Vec<MetadataRecord>, CreatableTopicResult), Refused> {
    let records = create(next, topic)?;
    for record in &records {
        let applied = next.apply(record);
        applied.map_err(|reason| Refused::new(ErrorCode::UnknownServerError, reason))?;
    }
    let made = next.topic(&topic.name);
    let partitions = made.map_or(&[][..], |it| &it.partitions);
    let result = CreatableTopicResult {
        name: topic.name.clone(),
        topic_id: topic.id,
        error_message: None,
        num_partitions: partitions.len() as i32,
        replication_factor: partitions.first().map_or(-1, |it| it.replicas.len() as i16),
        configs: Some(describe_created(
            config,
            &Live::overrides(next, &topic.name),
        )),
        ..CreatableTopicResult::default()
    };
    Ok((records, result))
}

fn failed(name: Str, refused: &Refused) -> CreatableTopicResult {
    CreatableTopicResult {
        name,
        topic_id: Uuid::ZERO,
        error_code: refused.code.number(),
        error_message: Some(refused.reason.as_str().into()),
        num_partitions: -1,
        replication_factor: -1,
        ..CreatableTopicResult::default()
    }
}
