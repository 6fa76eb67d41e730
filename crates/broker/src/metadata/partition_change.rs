//! What follows for a partition when its replicas, or those in sync, are to change: the end of a
//! reassignment, another leader, a record.
//!
//! Source: KIP-455 (reassignments), KIP-460 (elections), as Kafka 4.3.1's controller decides.

use millrace_kafka_wire::metadata::{MetadataRecord, PartitionChangeRecord};
use millrace_kafka_wire::{ErrorCode, Uuid};

use super::apply::SAME_LEADER;
use super::image::{Image, PartitionImage, TopicImage};
use super::topics::directory;
use crate::partitions::Refused;

/// Stands for a leader where there is none.
pub const NO_LEADER: i32 = -1;

/// Who may become the leader of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Election {
    /// The preferred replica, where it is in sync.
    Preferred,
    /// The leader of now stays; where it cannot, any replica in sync.
    Online,
    /// Likewise; where none is in sync, any replica that is there, though it may lack records.
    Unclean,
}

/// A partition that is to change.
#[derive(Clone, Copy)]
pub struct Changing<'a> {
    image: &'a Image,
    topic: &'a TopicImage,
    index: i32,
    pub now: &'a PartitionImage,
}

impl<'a> Changing<'a> {
    /// The partition of this number.
    ///
    /// # Errors
    /// There is no such topic (`None`), or it has no such partition.
    pub fn find(
        image: &'a Image,
        topic: Option<&'a TopicImage>,
        index: i32,
    ) -> Result<Self, Refused> {
        let unknown = |reason| Refused::new(ErrorCode::UnknownTopicOrPartition, reason);
        let topic = topic.ok_or_else(|| unknown("there is no such topic"))?;
        let now = topic.partition(index);
        Ok(Self {
            image,
            topic,
            index,
            now: now.ok_or_else(|| unknown("the topic has no such partition"))?,
        })
    }

    /// The record that makes `next` of the partition, with all that follows; none when nothing
    /// changes. Who leads it and in which directories it is follows from the rest of `next`.
    pub fn record(&self, mut next: PartitionImage, election: Election) -> Option<MetadataRecord> {
        complete(&mut next);
        self.elect(&mut next, election);
        if next.replicas != self.now.replicas {
            let dirs = next.replicas.iter().map(|it| self.directory(*it));
            next.dirs = dirs.collect();
        }
        let loses_a_replica = || {
            self.now
                .replicas
                .iter()
                .any(|it| !next.replicas.contains(it))
        };
        // Who is no replica any more must notice, though the leader stays.
        let begins_an_epoch = next.leader != self.now.leader || loses_a_replica();
        let same = PartitionChangeRecord {
            partition_id: self.index,
            topic_id: self.topic.id,
            ..PartitionChangeRecord::default()
        };
        let record = PartitionChangeRecord {
            leader: match begins_an_epoch {
                true => next.leader,
                false => SAME_LEADER,
            },
            isr: news(&self.now.isr, next.isr),
            replicas: news(&self.now.replicas, next.replicas),
            directories: news(&self.now.dirs, next.dirs),
            adding_replicas: news(&self.now.adding, next.adding),
            removing_replicas: news(&self.now.removing, next.removing),
            ..same.clone()
        };
        (record != same).then_some(MetadataRecord::PartitionChange(record))
    }

    fn elect(&self, next: &mut PartitionImage, election: Election) {
        let preferred = match election {
            Election::Preferred => next.replicas.first().copied(),
            Election::Online | Election::Unclean => None,
        };
        let replicas = || next.replicas.iter().copied();
        let mut in_turn = preferred
            .into_iter()
            .chain([self.now.leader])
            .chain(replicas());
        let clean = in_turn.find(|it| next.isr.contains(it) && self.is_there(*it));
        let unclean = match election {
            Election::Unclean if clean.is_none() => replicas().find(|it| self.is_there(*it)),
            _ => None,
        };
        if let Some(leader) = unclean {
            // What the others have may be what this one lacks.
            next.isr = vec![leader];
        }
        next.leader = clean.or(unclean).unwrap_or(NO_LEADER);
    }

    fn is_there(&self, broker: i32) -> bool {
        let broker = self.image.brokers.get(&broker);
        broker.is_some_and(|it| !it.is_fenced)
    }

    fn directory(&self, id: i32) -> Uuid {
        match self.now.replicas.contains(&id) {
            true => self.topic.directory_of(self.index, id),
            false => directory(self.image.brokers.get(&id), self.index, self.topic.id),
        }
    }
}

/// Ends a reassignment whose replicas are all in sync.
fn complete(next: &mut PartitionImage) {
    let staying = |ids: &[i32]| -> Vec<i32> {
        let staying = ids.iter().filter(|it| !next.removing.contains(it));
        staying.copied().collect()
    };
    let (replicas, isr) = (staying(&next.replicas), staying(&next.isr));
    let is_done = !replicas.is_empty() && replicas.iter().all(|it| isr.contains(it));
    if next.is_reassigned() && is_done {
        (next.replicas, next.isr) = (replicas, isr);
        next.adding.clear();
        next.removing.clear();
    }
}

fn news<T: PartialEq>(before: &T, after: T) -> Option<T> {
    (*before != after).then_some(after)
}
