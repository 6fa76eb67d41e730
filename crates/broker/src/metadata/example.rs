//! A cluster for tests: some brokers, and a topic with one partition.

use millrace_kafka_wire::Uuid;
use millrace_kafka_wire::metadata::{
    MetadataRecord, PartitionRecord, RegisterBrokerRecord, TopicRecord,
};

use super::image::{Image, PartitionImage};

/// The name of the topic.
pub const TOPIC: &str = "orders";

/// What the partition is like.
pub struct Partition {
    pub leader: i32,
    pub replicas: Vec<i32>,
    pub isr: Vec<i32>,
}

/// The directory of a broker.
pub fn dir(broker: i32) -> Uuid {
    Uuid([broker as u8; 16])
}

/// The cluster.
pub fn image(brokers: &[i32], partition: Partition) -> Image {
    let mut image = Image::default();
    let topic_id = Uuid([77; 16]);
    let registered = brokers.iter().map(|id| {
        MetadataRecord::RegisterBroker(RegisterBrokerRecord {
            broker_id: *id,
            fenced: false,
            log_dirs: vec![dir(*id)],
            ..RegisterBrokerRecord::default()
        })
    });
    let topic = MetadataRecord::Topic(TopicRecord {
        name: TOPIC.into(),
        topic_id,
    });
    let partition = MetadataRecord::Partition(PartitionRecord {
        partition_id: 0,
        topic_id,
        directories: partition.replicas.iter().map(|it| dir(*it)).collect(),
        replicas: partition.replicas,
        isr: partition.isr,
        leader: partition.leader,
        leader_epoch: 0,
        partition_epoch: 0,
        ..PartitionRecord::default()
    });
    for record in registered.chain([topic, partition]) {
        image.apply(&record).unwrap();
    }
    image
}

/// The partition as it is.
pub fn partition(image: &Image) -> &PartitionImage {
    image.topic(TOPIC).unwrap().partition(0).unwrap()
}
