//! Changes of topics: from what is asked and the image to records.

use millrace_kafka_wire::metadata::{
    ConfigRecord, MetadataRecord, PartitionRecord, RemoveTopicRecord, TopicRecord,
};
use millrace_kafka_wire::{ErrorCode, Str, Uuid};

use super::controller::Metadata;
use super::image::{BrokerImage, Image, TopicImage};
use crate::partitions::Refused;

mod name;

pub use name::check_name;

/// What Kafka allows in one request.
const MOST_PARTITIONS: i32 = 10_000;

/// A topic that is to be made.
#[derive(Clone, Debug)]
pub struct NewTopic {
    pub name: Str,
    /// The id that it gets.
    pub id: Uuid,
    /// How many, and how often each is kept; or where each of them is kept, by number.
    pub partitions: Layout,
    /// What is set for it, checked.
    pub config: Vec<(Str, Str)>,
}

/// How partitions are laid out.
#[derive(Clone, Debug)]
pub enum Layout {
    /// So many partitions, each on so many brokers.
    Count { partitions: i32, replicas: i16 },
    /// The brokers of each partition, the preferred leader first.
    Manual(Vec<(i32, Vec<i32>)>),
}

impl Metadata {
    /// Makes a topic.
    ///
    /// # Durability
    /// As of [`Metadata::change`].
    ///
    /// # Errors
    /// As of [`create`] and [`Metadata::change`].
    pub async fn create_topic(&self, topic: NewTopic) -> Result<(), Refused> {
        let made = self.change(move |image| match create(image, &topic) {
            Ok(records) => (records, Ok(())),
            Err(refused) => (Vec::new(), Err(refused)),
        });
        made.await?
    }
}

/// The records that make a topic.
///
/// # Errors
/// As Kafka's: the name is not one, or taken; there are too few brokers; the layout contradicts
/// itself.
pub fn create(image: &Image, topic: &NewTopic) -> Result<Vec<MetadataRecord>, Refused> {
    check_name(&topic.name, image)?;
    let replicas = replicas(image, &topic.partitions, 0, topic.id)?;
    let mut records = vec![MetadataRecord::Topic(TopicRecord {
        name: topic.name.detach(),
        topic_id: topic.id,
    })];
    records.extend(topic.config.iter().map(|(name, value)| {
        MetadataRecord::Config(ConfigRecord {
            resource_type: super::TOPIC,
            resource_name: topic.name.detach(),
            name: name.detach(),
            value: Some(value.detach()),
        })
    }));
    records.extend(partitions(image, topic.id, 0, replicas));
    Ok(records)
}

/// The records that add partitions to a topic, up to the number that is asked for.
///
/// # Errors
/// The number is not larger than that of now, or as of [`create`].
pub fn add_partitions(
    image: &Image,
    topic: &TopicImage,
    count: i32,
    manual: Option<Vec<Vec<i32>>>,
) -> Result<Vec<MetadataRecord>, Refused> {
    let invalid = |reason: String| Refused::new(ErrorCode::InvalidPartitions, reason);
    let now = topic.partitions.len() as i32;
    if count <= now {
        return Err(invalid(match count == now {
            true => format!("topic already has {now} partitions"),
            false => format!("the topic has {now} partitions, which cannot become fewer: {count}"),
        }));
    }
    let layout = match manual {
        None => Layout::Count {
            partitions: count - now,
            replicas: (topic.partitions.first()).map_or(1, |it| it.replicas.len() as i16),
        },
        Some(brokers) if brokers.len() as i32 == count - now => {
            Layout::Manual((now..).zip(brokers).collect())
        }
        Some(brokers) => {
            let (wanted, given) = (count - now, brokers.len());
            return Err(Refused::new(
                ErrorCode::InvalidReplicaAssignment,
                format!("{wanted} partitions are to be added, and {given} are assigned"),
            ));
        }
    };
    let replicas = replicas(image, &layout, now, topic.id)?;
    Ok(partitions(image, topic.id, now, replicas).collect())
}

/// The record that removes a topic.
pub fn delete(topic: &TopicImage) -> MetadataRecord {
    MetadataRecord::RemoveTopic(RemoveTopicRecord { topic_id: topic.id })
}

/// The brokers of each partition from number `first` on.
fn replicas(
    image: &Image,
    layout: &Layout,
    first: i32,
    topic: Uuid,
) -> Result<Vec<Vec<i32>>, Refused> {
    match layout {
        Layout::Count {
            partitions,
            replicas,
        } => {
            check_counts(image, *partitions, *replicas)?;
            Ok(spread(image, *partitions, *replicas, first, topic))
        }
        Layout::Manual(assigned) => check_assigned(image, assigned, first),
    }
}

fn check_counts(image: &Image, partitions: i32, replicas: i16) -> Result<(), Refused> {
    if !(1..=MOST_PARTITIONS).contains(&partitions) {
        return Err(Refused::new(
            ErrorCode::InvalidPartitions,
            format!("the number of partitions is not within 1..={MOST_PARTITIONS}: {partitions}"),
        ));
    }
    let brokers = available(image).count();
    if replicas < 1 || usize::try_from(replicas).is_ok_and(|it| it > brokers) {
        return Err(Refused::new(
            ErrorCode::InvalidReplicationFactor,
            format!(
                "the replication factor {replicas} is not within 1..={brokers}, the brokers that there are"
            ),
        ));
    }
    Ok(())
}

/// Round robin over the brokers; topics begin at different ones.
fn spread(image: &Image, partitions: i32, replicas: i16, first: i32, topic: Uuid) -> Vec<Vec<i32>> {
    let brokers: Vec<i32> = available(image).map(|(id, _)| *id).collect();
    let start = usize::from(topic.0[14]);
    let of = |index: i32| {
        let at = start + usize::try_from(index).unwrap_or(0);
        let chosen = (0..replicas).map(|replica| brokers[(at + replica as usize) % brokers.len()]);
        chosen.collect()
    };
    (first..first + partitions).map(of).collect()
}

fn check_assigned(
    image: &Image,
    assigned: &[(i32, Vec<i32>)],
    first: i32,
) -> Result<Vec<Vec<i32>>, Refused> {
    let invalid = |reason: String| Refused::new(ErrorCode::InvalidReplicaAssignment, reason);
    let mut sorted = assigned.to_vec();
    sorted.sort();
    for (expected, (index, brokers)) in (first..).zip(&sorted) {
        if expected != *index {
            return Err(invalid(
                "partitions are not numbered one after another".into(),
            ));
        }
        if brokers.is_empty() || brokers.len() != sorted[0].1.len() {
            return Err(invalid(format!(
                "partition {index} has another number of replicas"
            )));
        }
        check_brokers(image, *index, brokers)?;
    }
    Ok(sorted.into_iter().map(|(_, brokers)| brokers).collect())
}

/// Whether a partition can be kept on these brokers.
///
/// # Errors
/// There is none, or one is named twice, or has not registered.
pub(super) fn check_brokers(image: &Image, index: i32, brokers: &[i32]) -> Result<(), Refused> {
    let invalid = |reason: String| Refused::new(ErrorCode::InvalidReplicaAssignment, reason);
    if brokers.is_empty() {
        return Err(invalid(format!("partition {index} names no broker")));
    }
    if let Some(unknown) = brokers.iter().find(|id| !image.brokers.contains_key(id)) {
        return Err(invalid(format!("there is no broker {unknown}")));
    }
    // Of those that there are few can be named before one is named again.
    let is_twice = |at: usize| brokers[..at].contains(&brokers[at]);
    match (0..brokers.len()).any(is_twice) {
        true => Err(invalid(format!("partition {index} names a broker twice"))),
        false => Ok(()),
    }
}

fn partitions(
    image: &Image,
    topic_id: Uuid,
    first: i32,
    replicas: Vec<Vec<i32>>,
) -> impl Iterator<Item = MetadataRecord> {
    let record = move |(partition_id, replicas): (i32, Vec<i32>)| {
        let dir = |broker: &i32| directory(image.brokers.get(broker), partition_id, topic_id);
        MetadataRecord::Partition(PartitionRecord {
            partition_id,
            topic_id,
            directories: replicas.iter().map(dir).collect(),
            leader: replicas[0],
            leader_epoch: 0,
            partition_epoch: 0,
            isr: replicas.clone(),
            replicas,
            ..PartitionRecord::default()
        })
    };
    (first..).zip(replicas).map(record)
}

/// The directories of a broker in turn.
pub(super) fn directory(broker: Option<&BrokerImage>, partition: i32, topic: Uuid) -> Uuid {
    let dirs = broker.map_or(&[][..], |it| &it.dirs);
    let at = usize::from(topic.0[13]) + usize::try_from(partition).unwrap_or(0);
    match dirs.len() {
        0 => Uuid::ZERO,
        count => dirs[at % count],
    }
}

fn available(image: &Image) -> impl Iterator<Item = (&i32, &BrokerImage)> {
    image.brokers.iter().filter(|(_, broker)| !broker.is_fenced)
}
