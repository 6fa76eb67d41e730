//! From an image to records that make it: the reverse of [`Image::apply`].

use millrace_kafka_wire::metadata::{
    ConfigRecord, FeatureLevelRecord, MetadataRecord, PartitionRecord, ProducerIdsRecord,
    RegisterBrokerRecord, TopicRecord, UserScramCredentialRecord,
};

use super::image::{BrokerImage, Image, TopicImage};

/// Which broker was given ids, and in which epoch, is not a part of an image.
const NOBODY: i32 = -1;

impl Image {
    /// Records that make this image of an empty one, but for the offset and the epoch.
    pub(super) fn to_records(&self) -> impl Iterator<Item = MetadataRecord> + '_ {
        let features = self.features.iter().map(|(name, level)| {
            MetadataRecord::FeatureLevel(FeatureLevelRecord {
                name: name.clone(),
                feature_level: *level,
            })
        });
        let brokers = self.brokers.iter();
        let brokers = brokers.map(|(id, broker)| registration(*id, broker));
        let topics = self.topics.values().flat_map(|it| topic(it));
        let configs = self.configs.iter().flat_map(|((kind, name), settings)| {
            settings.iter().map(|(key, value)| {
                MetadataRecord::Config(ConfigRecord {
                    resource_type: *kind,
                    resource_name: name.clone(),
                    name: key.as_str().into(),
                    value: Some(value.as_str().into()),
                })
            })
        });
        let credentials = self.credentials().map(|(user, hash, credential)| {
            MetadataRecord::UserScramCredential(UserScramCredentialRecord {
                name: user.clone(),
                mechanism: hash.number(),
                salt: credential.salt.clone(),
                stored_key: credential.stored_key.clone(),
                server_key: credential.server_key.clone(),
                iterations: credential.iterations,
            })
        });
        let ids = MetadataRecord::ProducerIds(ProducerIdsRecord {
            broker_id: NOBODY,
            broker_epoch: i64::from(NOBODY),
            next_producer_id: self.next_producer_id,
        });
        let all = features.chain(brokers).chain(topics).chain(configs);
        all.chain(credentials).chain([ids])
    }
}

fn registration(id: i32, broker: &BrokerImage) -> MetadataRecord {
    MetadataRecord::RegisterBroker(RegisterBrokerRecord {
        broker_id: id,
        incarnation_id: broker.incarnation_id,
        broker_epoch: broker.epoch,
        end_points: broker.endpoints.clone(),
        rack: broker.rack.clone(),
        fenced: broker.is_fenced,
        log_dirs: broker.dirs.clone(),
        ..RegisterBrokerRecord::default()
    })
}

fn topic(topic: &TopicImage) -> impl Iterator<Item = MetadataRecord> + '_ {
    let made = MetadataRecord::Topic(TopicRecord {
        name: topic.name.clone(),
        topic_id: topic.id,
    });
    let partitions = (0..).zip(&topic.partitions).map(|(index, it)| {
        MetadataRecord::Partition(PartitionRecord {
            partition_id: index,
            topic_id: topic.id,
            leader: it.leader,
            leader_epoch: it.leader_epoch,
            partition_epoch: it.epoch,
            replicas: it.replicas.clone(),
            directories: it.dirs.clone(),
            isr: it.isr.clone(),
            adding_replicas: it.adding.clone(),
            removing_replicas: it.removing.clone(),
            ..PartitionRecord::default()
        })
    });
    std::iter::once(made).chain(partitions)
}

#[cfg(test)]
mod tests {
    use millrace_kafka_wire::Uuid;

    use super::*;
    use crate::metadata::example::{self, Partition};
    use crate::metadata::{BROKER, TOPIC, bootstrap};

    #[test]
    fn records_of_an_image_make_it_again() {
        let at = Partition {
            leader: 1,
            replicas: vec![1, 2],
            isr: vec![1],
        };
        let mut image = example::image(&[1, 2], at);
        let config = |kind, name: &str, key: &str| {
            MetadataRecord::Config(ConfigRecord {
                resource_type: kind,
                resource_name: name.into(),
                name: key.into(),
                value: Some("7".into()),
            })
        };
        let user = MetadataRecord::UserScramCredential(UserScramCredentialRecord {
            name: "ada".into(),
            mechanism: 1,
            salt: b"salt"[..].into(),
            stored_key: b"stored"[..].into(),
            server_key: b"server"[..].into(),
            iterations: 4096,
        });
        let ids = MetadataRecord::ProducerIds(ProducerIdsRecord {
            next_producer_id: 3000,
            ..ProducerIdsRecord::default()
        });
        let empty = MetadataRecord::Topic(TopicRecord {
            name: "empty".into(),
            topic_id: Uuid([3; 16]),
        });
        let others = [
            config(TOPIC, example::TOPIC, "retention.ms"),
            config(BROKER, "", "log.retention.ms"),
            user,
            ids,
            empty,
        ];
        for record in bootstrap().chain(others) {
            image.apply(&record).unwrap();
        }
        let mut again = Image::default();
        for record in image.to_records() {
            again.apply(&record).unwrap();
        }
        again.end_offset = image.end_offset;
        assert_eq!(again, image);
    }
}
