//! Makes the topics, deletes records, and makes and deletes topics of its own.

use std::collections::BTreeMap;

use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::create_topics::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use millrace_kafka_wire::api::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use millrace_kafka_wire::api::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use millrace_kafka_wire::api::metadata::{MetadataRequest, MetadataRequestTopic};
use millrace_log::files::sim::Random;
use parking_lot::Mutex;

use super::Stage;
use crate::link::{Gone, Link};
use crate::told::Place;

/// A topic of the history.
#[derive(Clone, Debug)]
pub struct Topic {
    pub name: &'static str,
    pub partitions: i32,
    pub settings: Vec<(&'static str, String)>,
}

/// Whether a topic is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Unknown,
    Made,
    Deleted,
}

/// See the module.
pub struct Operator {
    /// From these records are deleted.
    pub place: Place,
    own: Mutex<BTreeMap<String, Standing>>,
}

impl Operator {
    pub fn new(place: Place) -> Self {
        Self {
            place,
            own: Mutex::default(),
        }
    }

    pub async fn work(&self, stage: &Stage, random: &mut Random) -> Result<(), Gone> {
        let mut link = stage.link();
        loop {
            stage.think(random).await;
            stage.think(random).await;
            match random.below(4) {
                0 => self.delete_records(stage, &mut link, random).await?,
                1 => self.delete_topic(stage, &mut link, random).await?,
                _ => self.make_topic(stage, &mut link).await?,
            }
        }
    }

    async fn make_topic(&self, stage: &Stage, link: &mut Link) -> Result<(), Gone> {
        let name = {
            let mut own = self.own.lock();
            let name = format!("made-{}", own.len());
            own.insert(name.clone(), Standing::Unknown);
            name
        };
        let code = create_topic(link, &name, 1, &[]).await?;
        stage
            .told
            .note(|| format!("{} make {name} {code}", stage.now()));
        if code == 0 {
            self.own.lock().insert(name, Standing::Made);
        }
        Ok(())
    }

    async fn delete_topic(
        &self,
        stage: &Stage,
        link: &mut Link,
        random: &mut Random,
    ) -> Result<(), Gone> {
        let name = {
            let mut own = self.own.lock();
            let made: Vec<_> = own
                .iter()
                .filter(|(_, it)| **it == Standing::Made)
                .collect();
            let chosen = made.get(random.below(made.len() as u64) as usize);
            let Some(name) = chosen.map(|(name, _)| (*name).clone()) else {
                return Ok(());
            };
            own.insert(name.clone(), Standing::Unknown);
            name
        };
        let request = DeleteTopicsRequest {
            topics: vec![DeleteTopicState {
                name: Some(name.as_str().into()),
                ..DeleteTopicState::default()
            }],
            timeout_ms: 10_000,
            ..DeleteTopicsRequest::default()
        };
        let response = link.ask(6, &request).await?;
        let code = response.responses.first().map_or(-1, |it| it.error_code);
        stage
            .told
            .note(|| format!("{} delete {name} {code}", stage.now()));
        if code == 0 {
            self.own.lock().insert(name, Standing::Deleted);
        }
        Ok(())
    }

    async fn delete_records(
        &self,
        stage: &Stage,
        link: &mut Link,
        random: &mut Random,
    ) -> Result<(), Gone> {
        let offset = stage.told.start(self.place) + random.below(20) as i64;
        let request = DeleteRecordsRequest {
            topics: vec![DeleteRecordsTopic {
                name: self.place.0.into(),
                partitions: vec![DeleteRecordsPartition {
                    partition_index: self.place.1,
                    offset,
                }],
            }],
            timeout_ms: 10_000,
        };
        stage.told.may_be_deleted_below(self.place, offset);
        let response = link.ask(2, &request).await?;
        let answer = response.topics.iter().flat_map(|it| &it.partitions).next();
        let (code, low) = answer.map_or((-1, -1), |it| (it.error_code, it.low_watermark));
        stage
            .told
            .note(|| format!("{} delete below {offset} {code} {low}", stage.now()));
        if code == 0 {
            stage.told.is_deleted_below(self.place, low);
        }
        Ok(())
    }

    /// Compares the topics that are there with those that were told to be.
    pub async fn check(&self, stage: &Stage, link: &mut Link) -> Result<(), Gone> {
        let own = self.own.lock().clone();
        for (name, standing) in own {
            let request = MetadataRequest {
                topics: Some(vec![MetadataRequestTopic {
                    name: Some(name.as_str().into()),
                    ..MetadataRequestTopic::default()
                }]),
                allow_auto_topic_creation: false,
                ..MetadataRequest::default()
            };
            let response = link.ask(12, &request).await?;
            let is_there = response.topics.first().is_some_and(|it| it.error_code == 0);
            let is_wrong = match standing {
                Standing::Unknown => false,
                Standing::Made => !is_there,
                Standing::Deleted => is_there,
            };
            if is_wrong {
                stage.told.wrong(|| {
                    format!("{name} is told to be {standing:?}, and is there: {is_there}")
                });
            }
        }
        Ok(())
    }
}

/// Makes the topics of a history until all are there.
pub async fn make(stage: &Stage, topics: &[Topic]) -> Result<(), Gone> {
    let mut link = stage.link();
    for topic in topics {
        loop {
            let code =
                create_topic(&mut link, topic.name, topic.partitions, &topic.settings).await?;
            if code == 0 || code == ErrorCode::TopicAlreadyExists.number() {
                break;
            }
            tokio::time::sleep(tokio::time::Duration::from_millis(100)).await;
        }
    }
    Ok(())
}

async fn create_topic(
    link: &mut Link,
    name: &str,
    partitions: i32,
    settings: &[(&'static str, String)],
) -> Result<i16, Gone> {
    let configs = settings.iter().map(|(name, value)| CreatableTopicConfig {
        name: (*name).into(),
        value: Some(value.as_str().into()),
    });
    let request = CreateTopicsRequest {
        topics: vec![CreatableTopic {
            name: name.into(),
            num_partitions: partitions,
            replication_factor: 1,
            configs: configs.collect(),
            ..CreatableTopic::default()
        }],
        timeout_ms: 10_000,
        ..CreateTopicsRequest::default()
    };
    let response = link.ask(7, &request).await?;
    Ok(response.topics.first().map_or(-1, |it| it.error_code))
}
