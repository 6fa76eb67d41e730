//! DeleteTopics: by name, and from version 6 on by id.

use std::sync::Arc;

use millrace_kafka_wire::api::delete_topics::{
    DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};
use millrace_kafka_wire::metadata::MetadataRecord;
use millrace_kafka_wire::{ErrorCode, Uuid};

use super::Call;
use crate::coordinators::GroupNews;
use crate::metadata::topics::delete;
use crate::metadata::{Image, TopicImage};
use crate::partitions::Refused;

pub async fn handle(call: Call, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let by_name = request.topic_names.iter().map(|name| DeleteTopicState {
        name: Some(name.clone()),
        topic_id: Uuid::ZERO,
    });
    let wanted: Vec<_> = by_name.chain(request.topics.iter().cloned()).collect();
    let asked = wanted.clone();
    let removing = call.broker.partitions().removing().await;
    let broker = Arc::clone(&call.broker);
    // Whoever asked may be gone before files are.
    let changing = tokio::spawn(async move {
        let changing = broker.metadata().change(move |image| decide(image, &asked));
        let changed = changing.await;
        drop(removing);
        changed
    });
    let changed = changing.await.unwrap_or_else(|_| Err(Refused::gone()));
    let responses = changed.unwrap_or_else(|refused| {
        let failed = wanted.iter().map(|it| failed(it, &refused));
        failed.collect()
    });
    for deleted in responses.iter().filter(|it| it.error_code == 0) {
        if let Some(name) = &deleted.name {
            let news = || GroupNews::TopicDeleted(name.clone());
            call.broker.groups().tell_all(news);
        }
    }
    DeleteTopicsResponse {
        responses,
        ..DeleteTopicsResponse::default()
    }
}

fn decide(
    image: &Image,
    wanted: &[DeleteTopicState],
) -> (Vec<MetadataRecord>, Vec<DeletableTopicResult>) {
    let mut records = Vec::new();
    let mut results = Vec::new();
    let mut gone: Vec<Uuid> = Vec::new();
    for state in wanted {
        results.push(match find(image, state) {
            Ok(topic) if gone.contains(&topic.id) => {
                let reason = "the topic is named more than once";
                failed(state, &Refused::new(ErrorCode::InvalidRequest, reason))
            }
            Ok(topic) => {
                gone.push(topic.id);
                records.push(delete(topic));
                DeletableTopicResult {
                    name: Some(topic.name.clone()),
                    topic_id: topic.id,
                    ..DeletableTopicResult::default()
                }
            }
            Err(refused) => failed(state, &refused),
        });
    }
    (records, results)
}

fn find<'a>(image: &'a Image, state: &DeleteTopicState) -> Result<&'a TopicImage, Refused> {
    let (found, code) = match &state.name {
        Some(name) => (image.topic(name), ErrorCode::UnknownTopicOrPartition),
        None => (image.topic_by_id(state.topic_id), ErrorCode::UnknownTopicId),
    };
    match found {
        Some(topic) if topic.is_internal() => {
            let reason = "the topic is the broker's own";
            Err(Refused::new(ErrorCode::InvalidTopicException, reason))
        }
        Some(topic) => Ok(topic),
        None => Err(Refused::new(code, "there is no such topic")),
    }
}

fn failed(state: &DeleteTopicState, refused: &Refused) -> DeletableTopicResult {
    DeletableTopicResult {
        name: state.name.clone(),
        topic_id: state.topic_id,
        error_code: refused.code.number(),
        error_message: Some(refused.reason.as_str().into()),
    }
}
