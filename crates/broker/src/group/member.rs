//! A member of a group.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use millrace_kafka_wire::Str;
use millrace_kafka_wire::api::join_group::JoinGroupRequestProtocol;

use super::Token;

/// A request that is answered later.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub token: Token,
    pub version: i16,
}

/// A way to assign partitions that a member knows, and what it tells of itself for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Protocol {
    pub name: Str,
    pub metadata: Bytes,
}

#[derive(Clone, Debug)]
pub(super) struct Member {
    pub id: Str,
    /// `group.instance.id` of a static member.
    pub instance_id: Option<Str>,
    pub client_id: Str,
    pub client_host: Str,
    pub rebalance_timeout_ms: i32,
    pub session_timeout_ms: i32,
    /// In the order in which the member prefers them; no name twice.
    pub protocols: Vec<Protocol>,
    pub assignment: Bytes,
    /// Its JoinGroup; set by the group, which counts them.
    pub(super) join: Option<Waiting>,
    /// Its SyncGroup.
    pub sync: Option<Waiting>,
    /// No JoinGroup of it was answered yet.
    pub is_new: bool,
}

impl Member {
    /// What it tells of itself for a protocol; nothing for one that it does not know.
    pub fn metadata(&self, protocol: &str) -> Bytes {
        let known = self.protocols.iter().find(|it| it.name == *protocol);
        known.map(|it| it.metadata.clone()).unwrap_or_default()
    }

    /// Whether it knows these protocols, in this order, and tells the same of itself.
    pub fn matches(&self, protocols: &[Protocol]) -> bool {
        self.protocols == protocols
    }

    /// The protocol that it prefers among those that all members know.
    pub fn vote(&self, is_candidate: impl Fn(&str) -> bool) -> Option<&Str> {
        let mut names = self.protocols.iter().map(|it| &it.name);
        names.find(|name| is_candidate(name))
    }

    /// Whether it cannot be expected to send heartbeats.
    pub fn is_excused(&self) -> bool {
        !self.is_new && (self.join.is_some() || self.sync.is_some())
    }
}

/// The protocols of a request in memory of their own; a name that comes again is left out.
pub(super) fn detached(protocols: &[JoinGroupRequestProtocol]) -> Vec<Protocol> {
    let mut names = BTreeSet::new();
    protocols
        .iter()
        .filter(|it| names.insert(it.name.as_str()))
        .map(|it| Protocol {
            name: it.name.detach(),
            metadata: Bytes::copy_from_slice(&it.metadata),
        })
        .collect()
}

/// How many members of a group know a protocol.
#[derive(Clone, Debug, Default)]
pub(super) struct Known(BTreeMap<Str, usize>);

impl Known {
    pub fn by(&self, protocol: &str) -> usize {
        self.0.get(protocol).copied().unwrap_or(0)
    }

    pub fn add(&mut self, protocols: &[Protocol]) {
        for protocol in protocols {
            *self.0.entry(protocol.name.clone()).or_default() += 1;
        }
    }

    pub fn remove(&mut self, protocols: &[Protocol]) {
        for protocol in protocols {
            if let Some(count) = self.0.get_mut(&protocol.name) {
                *count -= 1;
                if *count == 0 {
                    self.0.remove(&protocol.name);
                }
            }
        }
    }
}
