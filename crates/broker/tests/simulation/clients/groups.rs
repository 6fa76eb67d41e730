//! A group that commits one offset after the other.

use std::sync::atomic::{AtomicI64, Ordering};

use millrace_kafka_wire::api::find_coordinator::FindCoordinatorRequest;
use millrace_kafka_wire::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use millrace_kafka_wire::api::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use millrace_log::files::sim::Random;

use super::Stage;
use crate::link::{Gone, Link};
use crate::told::Place;

/// See the module.
pub struct Group {
    pub name: String,
    pub place: Place,
    asked: AtomicI64,
    told: AtomicI64,
}

impl Group {
    pub fn new(name: String, place: Place) -> Self {
        Self {
            name,
            place,
            asked: AtomicI64::new(0),
            told: AtomicI64::new(0),
        }
    }

    pub async fn work(&self, stage: &Stage, random: &mut Random) -> Result<(), Gone> {
        let mut link = stage.link();
        loop {
            stage.think(random).await;
            find_coordinator(&mut link, 0, &self.name).await?;
            let offset = self.asked.load(Ordering::Relaxed) + 1;
            self.asked.store(offset, Ordering::Relaxed);
            let code = self.commit(&mut link, offset).await?;
            stage
                .told
                .note(|| format!("{} {} {offset} {code}", stage.now(), self.name));
            if code == 0 {
                self.told.store(offset, Ordering::Relaxed);
            }
            if random.percent(20) {
                self.check(stage, &mut link).await?;
            }
        }
    }

    async fn commit(&self, link: &mut Link, offset: i64) -> Result<i16, Gone> {
        let request = OffsetCommitRequest {
            group_id: self.name.as_str().into(),
            generation_id_or_member_epoch: -1,
            topics: vec![OffsetCommitRequestTopic {
                name: self.place.0.into(),
                partitions: vec![OffsetCommitRequestPartition {
                    partition_index: self.place.1,
                    committed_offset: offset,
                    committed_leader_epoch: -1,
                    committed_metadata: None,
                }],
                ..OffsetCommitRequestTopic::default()
            }],
            ..OffsetCommitRequest::default()
        };
        let response = link.ask(9, &request).await?;
        let partitions = response.topics.iter().flat_map(|it| &it.partitions);
        Ok(partitions.map(|it| it.error_code).next().unwrap_or(-1))
    }

    /// Compares what is committed with what was told; whether it could be read.
    pub async fn check(&self, stage: &Stage, link: &mut Link) -> Result<bool, Gone> {
        let (told, asked) = (
            self.told.load(Ordering::Relaxed),
            self.asked.load(Ordering::Relaxed),
        );
        let found = committed(link, &self.name, self.place).await?;
        if let Some(found) = found
            && !(told..=asked).contains(&found.max(0))
        {
            let name = &self.name;
            (stage.told)
                .wrong(|| format!("{name} committed {told}, asked for {asked}, and has {found}"));
        }
        Ok(found.is_some())
    }
}

/// What a group has committed, −1 for nothing; `None` when it cannot be read now.
pub async fn committed(link: &mut Link, group: &str, place: Place) -> Result<Option<i64>, Gone> {
    find_coordinator(link, 0, group).await?;
    let request = OffsetFetchRequest {
        groups: vec![OffsetFetchRequestGroup {
            group_id: group.into(),
            member_epoch: -1,
            topics: Some(vec![OffsetFetchRequestTopics {
                name: place.0.into(),
                partition_indexes: vec![place.1],
                ..OffsetFetchRequestTopics::default()
            }]),
            ..OffsetFetchRequestGroup::default()
        }],
        require_stable: true,
        ..OffsetFetchRequest::default()
    };
    let response = link.ask(9, &request).await?;
    let group = response.groups.first();
    let partitions = group
        .iter()
        .flat_map(|it| &it.topics)
        .flat_map(|it| &it.partitions);
    let found = partitions
        .map(|it| (it.error_code, it.committed_offset))
        .next();
    Ok(match (group.map(|it| it.error_code), found) {
        (Some(0), Some((0, offset))) => Some(offset),
        _ => None,
    })
}

/// Has the topic of a coordinator made: 0 for groups, 1 for transactions.
pub async fn find_coordinator(link: &mut Link, key_type: i8, key: &str) -> Result<(), Gone> {
    let request = FindCoordinatorRequest {
        key_type,
        coordinator_keys: vec![key.into()],
        ..FindCoordinatorRequest::default()
    };
    link.ask(4, &request).await.map(drop)
}
