//! Metadata: the brokers, and who leads which partition.

use std::sync::Arc;

use millrace_kafka_wire::api::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker,
    MetadataResponsePartition, MetadataResponseTopic,
};
use millrace_kafka_wire::{ErrorCode, Str};

use super::{Call, operations};
use crate::metadata::topics::check_name;
use crate::metadata::{Image, TopicImage};
use crate::partitions::Refused;

pub async fn handle(call: Call, request: MetadataRequest) -> MetadataResponse {
    let is_all = match &request.topics {
        None => true,
        // Version 0 has no null.
        Some(topics) => topics.is_empty() && call.version == 0,
    };
    let wanted = request.topics.unwrap_or_default();
    let include = request.include_topic_authorized_operations;
    let topic_operations = operations::if_asked(include, operations::TOPIC);
    let mut image = call.broker.metadata().image();
    let mut topics = Vec::new();
    if is_all {
        topics.extend(
            image
                .topics()
                .map(|it| described(it, &image, topic_operations)),
        );
    }
    for topic in &wanted {
        let found = find(&image, topic);
        let may_create = request.allow_auto_topic_creation || call.version < 4;
        let found = match (found, &topic.name) {
            (Err(ErrorCode::UnknownTopicOrPartition), Some(name)) if may_create => {
                create(&call, name, &mut image).await
            }
            (found, _) => found,
        };
        topics.push(match found {
            Ok(found) => described(&found, &image, topic_operations),
            Err(code) => unknown(topic, code, call.version),
        });
    }
    MetadataResponse {
        brokers: brokers(&call, &image),
        cluster_id: Some(call.broker.cluster_id().clone()),
        controller_id: call.broker.node_id(),
        topics,
        cluster_authorized_operations: operations::if_asked(
            request.include_cluster_authorized_operations,
            operations::CLUSTER,
        ),
        ..MetadataResponse::default()
    }
}

fn find(image: &Image, topic: &MetadataRequestTopic) -> Result<Arc<TopicImage>, ErrorCode> {
    match &topic.name {
        Some(name) => {
            let found = image.topic(name).cloned();
            found.ok_or(ErrorCode::UnknownTopicOrPartition)
        }
        None => {
            let found = image.topic_by_id(topic.topic_id).cloned();
            found.ok_or(ErrorCode::UnknownTopicId)
        }
    }
}

/// Creates a topic that somebody wants to use, if the broker is told to.
async fn create(
    call: &Call,
    name: &Str,
    image: &mut Arc<Image>,
) -> Result<Arc<TopicImage>, ErrorCode> {
    let is_bad = |refused: &Refused| refused.code == ErrorCode::InvalidTopicException;
    if check_name(name, image).as_ref().is_err_and(is_bad) {
        return Err(ErrorCode::InvalidTopicException);
    }
    let created = call.broker.create_automatically(name).await;
    *image = call.broker.metadata().image();
    match (created, image.topic(name)) {
        (_, Some(topic)) => Ok(Arc::clone(topic)),
        (Err(refused), None) => Err(refused.code),
        (Ok(()), None) => Err(ErrorCode::UnknownTopicOrPartition),
    }
}

fn described(topic: &TopicImage, image: &Image, operations: i32) -> MetadataResponseTopic {
    let partitions = (0..).zip(&topic.partitions);
    let partitions = partitions.map(|(partition_index, it)| {
        let is_there = image.brokers.contains_key(&it.leader);
        let error = match is_there {
            true => ErrorCode::None,
            false => ErrorCode::LeaderNotAvailable,
        };
        MetadataResponsePartition {
            error_code: error.number(),
            partition_index,
            leader_id: if is_there { it.leader } else { -1 },
            leader_epoch: it.leader_epoch,
            replica_nodes: it.replicas.clone(),
            isr_nodes: it.isr.clone(),
            offline_replicas: Vec::new(),
        }
    });
    MetadataResponseTopic {
        error_code: ErrorCode::None.number(),
        name: Some(topic.name.clone()),
        topic_id: topic.id,
        is_internal: topic.is_internal(),
        partitions: partitions.collect(),
        topic_authorized_operations: operations,
    }
}

fn unknown(topic: &MetadataRequestTopic, code: ErrorCode, version: i16) -> MetadataResponseTopic {
    MetadataResponseTopic {
        error_code: code.number(),
        // Before version 12 a name cannot be left out.
        name: match version < 12 {
            true => Some(topic.name.clone().unwrap_or_default()),
            false => topic.name.clone(),
        },
        topic_id: topic.topic_id,
        topic_authorized_operations: operations::NOT_ASKED,
        ..MetadataResponseTopic::default()
    }
}

fn brokers(call: &Call, image: &Image) -> Vec<MetadataResponseBroker> {
    let alive = image.brokers.iter().filter(|(_, it)| !it.is_fenced);
    let described = alive.map(|(node_id, broker)| {
        let (host, port) = call.broker.address_of(*node_id, broker, &call.peer);
        MetadataResponseBroker {
            node_id: *node_id,
            host,
            port,
            rack: broker.rack.clone(),
        }
    });
    described.collect()
}
