//! From a record to the image behind it.

use std::sync::Arc;

use bytes::Bytes;
use millrace_kafka_wire::Uuid;
use millrace_kafka_wire::metadata::{
    BrokerRegistrationChangeRecord, ConfigRecord, MetadataRecord, PartitionChangeRecord,
    PartitionRecord, RegisterBrokerRecord, RemoveTopicRecord, TopicRecord,
    UserScramCredentialRecord,
};
use millrace_sasl::Hash;
use millrace_sasl::scram::Credential;

use super::image::{BrokerImage, Image, PartitionImage, TopicImage};

/// The leader stays who it is.
pub(super) const SAME_LEADER: i32 = -2;

impl Image {
    /// Takes a record in.
    ///
    /// # Errors
    /// It does not follow from those before it, or is of a kind that this broker does not know.
    /// The image is as it was.
    pub fn apply(&mut self, record: &MetadataRecord) -> Result<(), String> {
        match record {
            MetadataRecord::RegisterBroker(it) => self.register(it),
            MetadataRecord::BrokerRegistrationChange(it) => self.change_registration(it)?,
            MetadataRecord::FenceBroker(it) => self.set_fenced(it.id, true)?,
            MetadataRecord::UnfenceBroker(it) => self.set_fenced(it.id, false)?,
            MetadataRecord::UnregisterBroker(it) => drop(self.brokers.remove(&it.broker_id)),
            MetadataRecord::Topic(it) => self.add_topic(it)?,
            MetadataRecord::RemoveTopic(it) => self.remove_topic(it)?,
            MetadataRecord::Partition(it) => self.set_partition(it)?,
            MetadataRecord::PartitionChange(it) => self.change_partition(it)?,
            MetadataRecord::Config(it) => self.set_config(it),
            MetadataRecord::FeatureLevel(it) => {
                self.features.insert(it.name.detach(), it.feature_level);
            }
            MetadataRecord::UserScramCredential(it) => self.set_credential(it)?,
            MetadataRecord::RemoveUserScramCredential(it) => {
                let hash = hash(it.mechanism)?;
                self.credentials.remove(&(it.name.detach(), hash));
            }
            MetadataRecord::ProducerIds(it) => self.next_producer_id = it.next_producer_id,
            MetadataRecord::NoOp(_) | MetadataRecord::RegisterController(_) => {}
            other => return Err(format!("a record of kind {} is not known", other.id())),
        }
        self.end_offset += 1;
        Ok(())
    }

    fn register(&mut self, record: &RegisterBrokerRecord) {
        let broker = BrokerImage {
            incarnation_id: record.incarnation_id,
            epoch: record.broker_epoch,
            endpoints: record.end_points.clone(),
            rack: record.rack.clone(),
            is_fenced: record.fenced,
            dirs: record.log_dirs.clone(),
        };
        self.brokers.insert(record.broker_id, broker);
    }

    fn change_registration(
        &mut self,
        record: &BrokerRegistrationChangeRecord,
    ) -> Result<(), String> {
        if !record.log_dirs.is_empty() {
            let dirs = record.log_dirs.clone();
            self.broker_mut(record.broker_id)?.dirs = dirs;
        }
        match record.fenced {
            0 => Ok(()),
            fenced => self.set_fenced(record.broker_id, fenced > 0),
        }
    }

    fn set_fenced(&mut self, id: i32, is_fenced: bool) -> Result<(), String> {
        self.broker_mut(id)?.is_fenced = is_fenced;
        Ok(())
    }

    fn broker_mut(&mut self, id: i32) -> Result<&mut BrokerImage, String> {
        let broker = self.brokers.get_mut(&id);
        broker.ok_or_else(|| format!("broker {id} has not registered"))
    }

    fn add_topic(&mut self, record: &TopicRecord) -> Result<(), String> {
        let name = record.name.detach();
        if self.topics.contains_key(&name) {
            return Err(format!("topic {name} is there already"));
        }
        self.names.insert(record.topic_id, name.clone());
        let topic = TopicImage {
            id: record.topic_id,
            name: name.clone(),
            partitions: Vec::new(),
        };
        self.topics.insert(name, Arc::new(topic));
        Ok(())
    }

    fn remove_topic(&mut self, record: &RemoveTopicRecord) -> Result<(), String> {
        let id = record.topic_id;
        let name = self.names.remove(&id);
        let name = name.ok_or_else(|| format!("there is no topic {id}"))?;
        self.topics.remove(&name);
        self.configs.remove(&(super::TOPIC, name));
        Ok(())
    }

    fn topic_mut(&mut self, id: Uuid) -> Result<&mut TopicImage, String> {
        let name = self.names.get(&id);
        let topic = name.and_then(|name| self.topics.get_mut(name));
        let topic = topic.ok_or_else(|| format!("there is no topic {id}"))?;
        Ok(Arc::make_mut(topic))
    }

    fn set_partition(&mut self, record: &PartitionRecord) -> Result<(), String> {
        let topic = self.topic_mut(record.topic_id)?;
        let index = record.partition_id;
        if usize::try_from(index) != Ok(topic.partitions.len()) {
            return Err(format!(
                "partition {index} of {} is not the next",
                topic.name
            ));
        }
        topic.partitions.push(PartitionImage {
            leader: record.leader,
            leader_epoch: record.leader_epoch,
            epoch: record.partition_epoch,
            replicas: record.replicas.clone(),
            dirs: record.directories.clone(),
            isr: record.isr.clone(),
            adding: record.adding_replicas.clone(),
            removing: record.removing_replicas.clone(),
        });
        Ok(())
    }

    fn change_partition(&mut self, record: &PartitionChangeRecord) -> Result<(), String> {
        let topic = self.topic_mut(record.topic_id)?;
        let index = record.partition_id;
        let partition = usize::try_from(index).ok();
        let partition = partition.and_then(|index| topic.partitions.get_mut(index));
        let partition =
            partition.ok_or_else(|| format!("there is no partition {index} of {}", topic.name))?;
        if record.leader != SAME_LEADER {
            partition.leader = record.leader;
            partition.leader_epoch += 1;
        }
        if let Some(isr) = &record.isr {
            partition.isr.clone_from(isr);
        }
        if let Some(replicas) = &record.replicas {
            partition.replicas.clone_from(replicas);
        }
        if let Some(dirs) = &record.directories {
            partition.dirs.clone_from(dirs);
        }
        if let Some(adding) = &record.adding_replicas {
            partition.adding.clone_from(adding);
        }
        if let Some(removing) = &record.removing_replicas {
            partition.removing.clone_from(removing);
        }
        partition.epoch += 1;
        Ok(())
    }

    fn set_credential(&mut self, record: &UserScramCredentialRecord) -> Result<(), String> {
        let hash = hash(record.mechanism)?;
        let own = |bytes: &Bytes| Bytes::copy_from_slice(bytes);
        let credential = Credential {
            salt: own(&record.salt),
            stored_key: own(&record.stored_key),
            server_key: own(&record.server_key),
            iterations: record.iterations,
        };
        self.credentials
            .insert((record.name.detach(), hash), credential);
        Ok(())
    }

    fn set_config(&mut self, record: &ConfigRecord) {
        let resource = (record.resource_type, record.resource_name.detach());
        let config = self.configs.entry(resource.clone()).or_default();
        let settings = Arc::make_mut(config);
        match &record.value {
            Some(value) => drop(settings.insert(record.name.to_string(), value.to_string())),
            None => drop(settings.remove(record.name.as_str())),
        }
        if settings.is_empty() {
            self.configs.remove(&resource);
        }
    }
}

fn hash(mechanism: i8) -> Result<Hash, String> {
    Hash::from_number(mechanism)
        .ok_or_else(|| format!("a mechanism {mechanism} of SCRAM is not known"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> Image {
        let mut image = Image::default();
        let id = Uuid([7; 16]);
        let topic = TopicRecord {
            name: "orders".into(),
            topic_id: id,
        };
        image.apply(&MetadataRecord::Topic(topic)).unwrap();
        let partition = PartitionRecord {
            partition_id: 0,
            leader_epoch: 0,
            partition_epoch: 0,
            topic_id: id,
            leader: 1,
            replicas: vec![1],
            isr: vec![1],
            ..PartitionRecord::default()
        };
        image.apply(&MetadataRecord::Partition(partition)).unwrap();
        image
    }

    #[test]
    fn a_leader_that_is_named_again_begins_a_new_epoch() {
        let mut image = image();
        let change = PartitionChangeRecord {
            partition_id: 0,
            topic_id: Uuid([7; 16]),
            leader: 1,
            ..PartitionChangeRecord::default()
        };
        image
            .apply(&MetadataRecord::PartitionChange(change))
            .unwrap();
        let partition = &image.topic("orders").unwrap().partitions[0];
        assert_eq!((partition.leader, partition.leader_epoch), (1, 1));
        assert_eq!(partition.epoch, 1);
        assert_eq!(image.end_offset, 3);
    }

    #[test]
    fn what_does_not_follow_is_refused_and_changes_nothing() {
        let mut image = image();
        let before = image.end_offset;
        let again = TopicRecord {
            name: "orders".into(),
            topic_id: Uuid([8; 16]),
        };
        assert!(image.apply(&MetadataRecord::Topic(again)).is_err());
        let gone = RemoveTopicRecord {
            topic_id: Uuid([9; 16]),
        };
        assert!(image.apply(&MetadataRecord::RemoveTopic(gone)).is_err());
        assert_eq!(image.end_offset, before);
        assert!(image.topic_by_id(Uuid([8; 16])).is_none());
    }

    #[test]
    fn a_topic_takes_its_settings_with_it() {
        let mut image = image();
        let config = ConfigRecord {
            resource_type: crate::metadata::TOPIC,
            resource_name: "orders".into(),
            name: "retention.ms".into(),
            value: Some("1000".into()),
        };
        image.apply(&MetadataRecord::Config(config)).unwrap();
        let set = image.config(crate::metadata::TOPIC, "orders").unwrap();
        assert_eq!(set["retention.ms"], "1000");
        let gone = RemoveTopicRecord {
            topic_id: Uuid([7; 16]),
        };
        image.apply(&MetadataRecord::RemoveTopic(gone)).unwrap();
        assert!(image.config(crate::metadata::TOPIC, "orders").is_none());
        assert!(image.topic("orders").is_none());
    }
}
