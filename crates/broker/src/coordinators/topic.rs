//! The topics of coordinators, and which of their partitions has what.

use std::sync::Arc;

use millrace_kafka_wire::{ErrorCode, Str};

use crate::broker::Random;
use crate::config::Texts;
use crate::metadata::topics::{Layout, NewTopic};
use crate::metadata::{Metadata, TopicImage};
use crate::partitions::Refused;

/// A topic that coordinators write to. It is made when it is first needed.
#[derive(Clone, Debug)]
pub struct InternalTopic {
    pub name: &'static str,
    /// How many partitions it gets; it keeps those that it has.
    pub partitions: i32,
    /// What is set for it.
    pub config: Texts,
}

impl InternalTopic {
    /// The topic; makes it when there is none.
    ///
    /// # Errors
    /// It cannot be made.
    pub async fn get_or_create(
        &self,
        metadata: &Metadata,
        random: &Random,
    ) -> Result<Arc<TopicImage>, Refused> {
        if let Some(topic) = metadata.image().topic(self.name) {
            return Ok(Arc::clone(topic));
        }
        let id = millrace_log::new_id(&mut *random.lock());
        let config = self
            .config
            .iter()
            .map(|(name, value)| (Str::from(name.as_str()), Str::from(value.as_str())));
        let topic = NewTopic {
            name: self.name.into(),
            id,
            partitions: Layout::Count {
                partitions: self.partitions,
                replicas: 1,
            },
            config: config.collect(),
        };
        // Another request may have been first.
        if let Err(refused) = metadata.create_topic(topic).await
            && refused.code != ErrorCode::TopicAlreadyExists
        {
            return Err(refused);
        }
        let image = metadata.image();
        let unavailable = || Refused::new(ErrorCode::CoordinatorNotAvailable, "the topic is gone");
        image.topic(self.name).cloned().ok_or_else(unavailable)
    }
}

/// Which of so many partitions has what is called so: as Java hashes its strings, so that Kafka's
/// tools find it, too.
pub fn partition_for(name: &str, partitions: usize) -> i32 {
    let hash = name.encode_utf16().fold(0_i32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    });
    let count = i32::try_from(partitions.max(1)).unwrap_or(i32::MAX);
    (hash & i32::MAX) % count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_hashed_as_java_does() {
        // "my-group".hashCode() is -1193817139 in Java; its lower 31 bits are 953666509.
        let hash = |name: &str| partition_for(name, i32::MAX as usize);
        assert_eq!(hash("a"), 97);
        assert_eq!(hash("ab"), 97 * 31 + 98);
        // A hash that is negative loses its sign bit.
        assert_eq!(hash("polygenelubricants"), 0);
        assert_eq!(partition_for("a", 50), 47);
        assert_eq!(partition_for("", 50), 0);
    }
}
