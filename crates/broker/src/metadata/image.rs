//! The cluster at one moment.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use millrace_kafka_wire::metadata::register_broker::BrokerEndpoint;
use millrace_kafka_wire::{Str, Uuid};
use millrace_sasl::Hash;
use millrace_sasl::scram::Credential;

/// The cluster after a number of records. Clones share its topics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Image {
    /// The offset behind the last record.
    pub end_offset: i64,
    /// The leader epoch of the metadata log.
    pub epoch: i32,
    pub brokers: BTreeMap<i32, BrokerImage>,
    /// Versions of features that are in force.
    pub features: BTreeMap<Str, i16>,
    /// The first id that no producer has.
    pub next_producer_id: i64,
    pub(super) topics: BTreeMap<Str, Arc<TopicImage>>,
    pub(super) names: HashMap<Uuid, Str>,
    pub(super) configs: BTreeMap<(i8, Str), Arc<BTreeMap<String, String>>>,
    pub(super) credentials: BTreeMap<(Str, Hash), Credential>,
}

/// A broker that has registered.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokerImage {
    /// Its incarnation.
    pub incarnation_id: Uuid,
    /// Grows with every registration.
    pub epoch: i64,
    pub endpoints: Vec<BrokerEndpoint>,
    pub rack: Option<Str>,
    /// It is not to lead anything.
    pub is_fenced: bool,
    /// Its log directories.
    pub dirs: Vec<Uuid>,
}

/// A topic.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicImage {
    pub id: Uuid,
    pub name: Str,
    /// By number, without gaps.
    pub partitions: Vec<PartitionImage>,
}

/// A partition.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PartitionImage {
    /// The broker that leads it; −1 when none does.
    pub leader: i32,
    pub leader_epoch: i32,
    /// Grows with every change.
    pub epoch: i32,
    pub replicas: Vec<i32>,
    /// The log directory at each replica.
    pub dirs: Vec<Uuid>,
    /// The replicas that are in sync.
    pub isr: Vec<i32>,
    /// The replicas that a reassignment adds.
    pub adding: Vec<i32>,
    /// The replicas that it removes.
    pub removing: Vec<i32>,
}

impl PartitionImage {
    /// Whether it moves to other brokers.
    pub fn is_reassigned(&self) -> bool {
        !(self.adding.is_empty() && self.removing.is_empty())
    }

    /// Whether the leader is the first of the replicas.
    pub fn has_preferred_leader(&self) -> bool {
        self.replicas.first() == Some(&self.leader)
    }

    /// Whether fewer replicas are in sync than there have to be: `min_in_sync`, or all where there are
    /// fewer.
    pub fn has_too_few_in_sync(&self, min_in_sync: i32) -> bool {
        let least = usize::try_from(min_in_sync).unwrap_or(0);
        self.isr.len() < least.min(self.replicas.len())
    }
}

impl Image {
    /// The topic of this name.
    pub fn topic(&self, name: &str) -> Option<&Arc<TopicImage>> {
        self.topics.get(name)
    }

    /// The topic of this id.
    pub fn topic_by_id(&self, id: Uuid) -> Option<&Arc<TopicImage>> {
        self.topics.get(self.names.get(&id)?)
    }

    /// All topics, by name.
    pub fn topics(&self) -> impl Iterator<Item = &Arc<TopicImage>> {
        self.topics.values()
    }

    /// How a user proves to know its password by SCRAM with this hash.
    pub fn credential(&self, user: &str, hash: Hash) -> Option<&Credential> {
        self.credentials.get(&(user.into(), hash))
    }

    /// All such credentials, user by user.
    pub fn credentials(&self) -> impl Iterator<Item = (&Str, Hash, &Credential)> {
        let all = self.credentials.iter();
        all.map(|((user, hash), credential)| (user, *hash, credential))
    }

    /// What was set for a resource: a topic, a broker, or all brokers.
    pub fn config(&self, kind: i8, name: &str) -> Option<&Arc<BTreeMap<String, String>>> {
        self.configs.get(&(kind, name.into()))
    }

    /// The resources of this type for which something was set.
    pub fn configured(&self, kind: i8) -> impl Iterator<Item = &Str> {
        let all = self.configs.range((kind, Str::EMPTY)..);
        let own = all.take_while(move |((it, _), _)| *it == kind);
        own.map(|((_, name), _)| name)
    }
}

impl TopicImage {
    /// Whether it holds what the broker itself writes.
    pub fn is_internal(&self) -> bool {
        is_internal(&self.name)
    }

    /// The partition of this number.
    pub fn partition(&self, index: i32) -> Option<&PartitionImage> {
        self.partitions.get(usize::try_from(index).ok()?)
    }

    /// Whether [too few](PartitionImage::has_too_few_in_sync) replicas of a partition are in sync; of
    /// one that there is not, none is.
    pub fn has_too_few_in_sync(&self, index: i32, min_in_sync: i32) -> bool {
        let partition = self.partition(index);
        partition.is_none_or(|it| it.has_too_few_in_sync(min_in_sync))
    }

    /// In which of its log directories a broker has a partition; none when it is not said.
    pub fn directory_of(&self, index: i32, broker: i32) -> Uuid {
        let found = self.partition(index).and_then(|partition| {
            let at = partition.replicas.iter().position(|it| *it == broker)?;
            partition.dirs.get(at).copied()
        });
        found.unwrap_or(Uuid::ZERO)
    }
}

/// Whether a topic holds what the broker itself writes.
pub fn is_internal(name: &str) -> bool {
    name == "__consumer_offsets" || name == "__transaction_state"
}
