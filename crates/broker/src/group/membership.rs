//! A group: its members, what they know in common, who leads.

use std::collections::{BTreeMap, BTreeSet};

use millrace_kafka_wire::{ErrorCode, Str};

use super::member::{Known, Member, Protocol, Waiting};
use super::state::{InitialDelay, State};
use super::subscription;

#[derive(Clone, Debug)]
pub(super) struct Group {
    pub id: Str,
    pub state: State,
    /// When it came to its state; unknown in records of old versions.
    pub state_since: Option<i64>,
    pub generation: i32,
    /// None in a group that only keeps offsets.
    pub protocol_type: Option<Str>,
    pub protocol: Option<Str>,
    pub leader: Option<Str>,
    /// While the first rebalance of an empty group is prepared.
    pub initial: Option<InitialDelay>,
    members: BTreeMap<Str, Member>,
    /// Member ids of static members by their `group.instance.id`.
    static_members: BTreeMap<Str, Str>,
    /// How many members know a protocol.
    known: Known,
    /// Ids that were given to members that are to join with them.
    pub pending_join: BTreeSet<Str>,
    /// Members of this generation whose SyncGroup has not come.
    pub pending_sync: BTreeSet<Str>,
    /// How many members have a JoinGroup that waits.
    joining: usize,
    /// The topics that the members subscribe to, when the coordinator knows them.
    subscribed: Option<BTreeSet<Str>>,
}

impl Group {
    pub fn new(id: Str, state_since: Option<i64>) -> Self {
        Self {
            id,
            state: State::Empty,
            state_since,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            initial: None,
            members: BTreeMap::new(),
            static_members: BTreeMap::new(),
            known: Known::default(),
            pending_join: BTreeSet::new(),
            pending_sync: BTreeSet::new(),
            joining: 0,
            subscribed: None,
        }
    }

    pub fn is(&self, state: State) -> bool {
        self.state == state
    }

    pub fn enter(&mut self, state: State, now: i64) {
        self.state = state;
        self.state_since = Some(now);
    }

    pub fn members(&self) -> impl ExactSizeIterator<Item = &Member> {
        self.members.values()
    }

    pub fn member(&self, id: &str) -> Option<&Member> {
        self.members.get(id)
    }

    /// Its JoinGroup and its protocols are changed with [`Self::park_join`] and
    /// [`Self::set_protocols`] only.
    pub fn member_mut(&mut self, id: &str) -> Option<&mut Member> {
        self.members.get_mut(id)
    }

    pub fn static_member(&self, instance_id: &str) -> Option<&Str> {
        self.static_members.get(instance_id)
    }

    pub fn is_leader(&self, member_id: &str) -> bool {
        self.leader.as_deref() == Some(member_id)
    }

    pub fn has_all_joined(&self) -> bool {
        self.joining == self.members.len() && self.pending_join.is_empty()
    }

    pub fn joining(&self) -> usize {
        self.joining
    }

    /// The longest that a member may take to join again.
    pub fn rebalance_timeout_ms(&self) -> i64 {
        let timeouts = self.members().map(|it| i64::from(it.rebalance_timeout_ms));
        timeouts.max().unwrap_or(0).max(0)
    }

    /// Adds a member that is not there, whose protocols go with those of the others.
    pub fn add(&mut self, member: Member, protocol_type: Str) {
        if self.members.is_empty() {
            self.protocol_type = Some(protocol_type);
        }
        if let Some(instance_id) = &member.instance_id {
            self.static_members
                .insert(instance_id.clone(), member.id.clone());
        }
        if self.leader.is_none() {
            self.leader = Some(member.id.clone());
        }
        self.pending_join.remove(&member.id);
        self.known.add(&member.protocols);
        self.joining += usize::from(member.join.is_some());
        self.members.insert(member.id.clone(), member);
    }

    /// Removes a member, with its requests that wait, or a member id that was given.
    pub fn remove(&mut self, id: &str) -> Option<Member> {
        self.pending_join.remove(id);
        self.pending_sync.remove(id);
        let member = self.members.remove(id)?;
        self.known.remove(&member.protocols);
        self.joining -= usize::from(member.join.is_some());
        if let Some(instance_id) = &member.instance_id {
            self.static_members.remove(instance_id);
        }
        if self.is_leader(id) {
            self.leader = self.members.keys().next().cloned();
        }
        Some(member)
    }

    /// Gives a static member another id, with what it was assigned.
    pub fn rename(&mut self, old: &str, new: &Str) -> Option<Member> {
        let was_leader = self.is_leader(old);
        let removed = self.remove(old)?;
        let protocol_type = self.protocol_type.clone().unwrap_or_default();
        self.add(
            Member {
                id: new.clone(),
                join: None,
                sync: None,
                is_new: false,
                ..removed.clone()
            },
            protocol_type,
        );
        if was_leader {
            self.leader = Some(new.clone());
        }
        Some(removed)
    }

    /// Has the JoinGroup of a member wait. Returns the one that waited before.
    pub fn park_join(&mut self, id: &str, join: Option<Waiting>) -> Option<Waiting> {
        let member = self.members.get_mut(id)?;
        let before = std::mem::replace(&mut member.join, join);
        self.joining += usize::from(join.is_some());
        self.joining -= usize::from(before.is_some());
        before
    }

    pub fn set_protocols(&mut self, id: &str, protocols: Vec<Protocol>) {
        self.known.add(&protocols);
        let Some(member) = self.members.get_mut(id) else {
            return;
        };
        let before = std::mem::replace(&mut member.protocols, protocols);
        self.known.remove(&before);
    }

    fn is_known_to_all(&self, protocol: &str) -> bool {
        self.known.by(protocol) == self.members.len()
    }

    /// Whether a member with these protocols can work with the others.
    pub fn supports<'a>(
        &self,
        protocol_type: &str,
        mut protocols: impl Iterator<Item = &'a Str>,
    ) -> bool {
        if self.is(State::Empty) {
            return !protocol_type.is_empty() && protocols.next().is_some();
        }
        self.protocol_type.as_deref() == Some(protocol_type)
            && protocols.any(|name| self.is_known_to_all(name))
    }

    /// The protocol that most members prefer among those that all know; of several, the first by
    /// its name.
    pub fn elect_protocol(&self) -> Option<Str> {
        let mut votes: BTreeMap<&Str, usize> = BTreeMap::new();
        for member in self.members.values() {
            if let Some(name) = member.vote(|name| self.is_known_to_all(name)) {
                *votes.entry(name).or_default() += 1;
            }
        }
        // The last of equals would win: they come in reverse.
        let most = votes.into_iter().rev().max_by_key(|(_, count)| *count);
        most.map(|(name, _)| name.clone())
    }

    /// Whether there is a leader that joined. When the leader did not, one that did becomes it.
    pub fn elect_joined_leader(&mut self) -> bool {
        let Some(leader) = &self.leader else {
            return false;
        };
        if self.members.get(leader).is_some_and(|it| it.join.is_some()) {
            return true;
        }
        let joined = self.members.values().find(|it| it.join.is_some());
        let Some(joined) = joined else {
            return false;
        };
        self.leader = Some(joined.id.clone());
        true
    }

    /// Begins the next generation, with the members that are there.
    pub fn next_generation(&mut self, now: i64) {
        self.generation = self.generation.checked_add(1).unwrap_or(0);
        self.initial = None;
        self.pending_sync.clear();
        self.protocol = self.elect_protocol();
        self.learn_subscriptions();
        match self.members.is_empty() {
            true => self.enter(State::Empty, now),
            false => self.enter(State::CompletingRebalance, now),
        }
    }

    /// Reads which topics the members subscribe to.
    pub fn learn_subscriptions(&mut self) {
        self.subscribed = match &self.protocol {
            _ if !self.uses_consumer_protocol() => None,
            _ if self.members.is_empty() => Some(BTreeSet::new()),
            Some(protocol) => {
                let metadata = self.members.values().map(|it| it.metadata(protocol));
                subscription::topics(metadata)
            }
            None => None,
        };
    }

    /// Whether its members are consumers, whose subscriptions the coordinator can read.
    pub fn uses_consumer_protocol(&self) -> bool {
        self.protocol_type.as_deref() == Some("consumer")
    }

    pub fn knows_subscriptions(&self) -> bool {
        self.subscribed.is_some()
    }

    /// Whether a member subscribes to a topic. Consumers whose subscriptions are not known may
    /// subscribe to any.
    pub fn is_subscribed(&self, topic: &str) -> bool {
        match &self.subscribed {
            Some(topics) => topics.contains(topic),
            None => self.uses_consumer_protocol(),
        }
    }

    /// Whether these name a member.
    pub fn check_member(
        &self,
        member_id: &str,
        instance_id: Option<&Str>,
    ) -> Result<(), ErrorCode> {
        if let Some(instance_id) = instance_id {
            match self.static_member(instance_id) {
                None => return Err(ErrorCode::UnknownMemberId),
                Some(id) if *id != *member_id => return Err(ErrorCode::FencedInstanceId),
                Some(_) => {}
            }
        }
        match self.members.contains_key(member_id) {
            true => Ok(()),
            false => Err(ErrorCode::UnknownMemberId),
        }
    }
}
