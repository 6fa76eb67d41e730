//! Which topics are read: a topic that is deleted and made again has the name, but not the id.

use std::collections::HashMap;

use millrace_kafka_wire::{Str, Uuid};

use crate::Result;
use crate::cluster::Cluster;

/// The ids of topics by their names; zero where brokers do not tell ids.
///
/// An id is to be known before a place in the topic is looked up by name: then a place is never
/// taken for one of a topic that came later.
#[derive(Clone, Debug, Default)]
pub struct TopicIds(HashMap<Str, Uuid>);

impl TopicIds {
    /// Asks for the ids that are not known. Cancel safe: what was learned stays.
    pub async fn learn<'a>(
        &mut self,
        cluster: &Cluster,
        topics: impl Iterator<Item = &'a Str>,
    ) -> Result<()> {
        for topic in topics {
            if !self.0.contains_key(topic) {
                let id = cluster.places_once(topic).await?.topic_id();
                self.0.insert(topic.clone(), id);
            }
        }
        Ok(())
    }

    /// Asks for an id again; it, when it is another one.
    pub async fn ask_again(&self, cluster: &Cluster, topic: &Str) -> Result<Option<Uuid>> {
        cluster.forget(topic).await;
        let id = cluster.places_once(topic).await?.topic_id();
        Ok((self.0.get(topic) != Some(&id)).then_some(id))
    }

    pub fn set(&mut self, topic: &Str, id: Uuid) {
        self.0.insert(topic.clone(), id);
    }

    /// The id of a topic, when it is known and brokers tell ids.
    pub fn get(&self, topic: &str) -> Option<Uuid> {
        self.0.get(topic).copied().filter(|it| !it.is_zero())
    }

    /// Whether all of these can be asked for by their ids.
    pub fn has_all<'a>(&self, mut topics: impl Iterator<Item = &'a Str>) -> bool {
        topics.all(|it| self.get(it).is_some())
    }
}
