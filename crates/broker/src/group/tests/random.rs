//! Random clients, and brokers that crash: what was durable holds, and every request is answered
//! once.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use millrace_kafka_wire::api::delete_groups::DeleteGroupsRequest;
use millrace_kafka_wire::api::heartbeat::HeartbeatRequest;
use millrace_kafka_wire::api::join_group::JoinGroupRequest;
use millrace_kafka_wire::api::leave_group::LeaveGroupRequest;
use millrace_kafka_wire::api::offset_commit::OffsetCommitRequest;
use millrace_kafka_wire::api::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};
use millrace_kafka_wire::api::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use millrace_kafka_wire::records::group_metadata::GroupMetadataValue;
use millrace_kafka_wire::{ErrorCode, read_versioned};
use proptest::prelude::*;

use super::super::records::{Key, read_key};
use super::super::state::State;
use super::super::*;
use super::harness::{Logged, ids, join, leaving, protocol};
use super::invariants;

const GROUPS: [&str; 2] = ["one", "two"];
const CLIENTS: usize = 5;
const UNKNOWN_MEMBER: i16 = ErrorCode::UnknownMemberId as i16;

#[derive(Clone, Debug)]
enum Op {
    Join {
        client: usize,
        version: i16,
        protocols: u8,
    },
    Sync {
        client: usize,
    },
    Heartbeat {
        client: usize,
    },
    Leave {
        client: usize,
    },
    Commit {
        client: usize,
        is_member: bool,
        partition: i32,
        offset: i64,
    },
    CommitInTransaction {
        client: usize,
        producer_id: i64,
        partition: i32,
        offset: i64,
    },
    End {
        producer_id: i64,
        is_commit: bool,
    },
    Delete {
        group: usize,
    },
    Advance {
        ms: i64,
    },
    /// So many of the steps that were written become durable.
    Flush {
        steps: usize,
    },
    /// A client does what it would do next, and gets its answer if there is one.
    Go {
        client: usize,
    },
    Crash,
    /// Everything becomes durable, and another broker takes over.
    HandOver,
}

fn op() -> impl Strategy<Value = Op> {
    let client = 0..CLIENTS;
    let version = prop::sample::select(vec![0_i16, 3, 4, 5, 9]);
    let flush = (1..6_usize).prop_map(|steps| Op::Flush { steps });
    prop_oneof![
        6 => (client.clone(), version, 0..4_u8).prop_map(|(client, version, protocols)| {
            Op::Join { client, version, protocols }
        }),
        6 => client.clone().prop_map(|client| Op::Sync { client }),
        2 => client.clone().prop_map(|client| Op::Heartbeat { client }),
        1 => client.clone().prop_map(|client| Op::Leave { client }),
        4 => (client.clone(), any::<bool>(), 0..2, 0..100_i64).prop_map(
            |(client, is_member, partition, offset)| {
                Op::Commit { client, is_member, partition, offset }
            }
        ),
        2 => (client, 1..3_i64, 0..2, 0..100_i64).prop_map(
            |(client, producer_id, partition, offset)| {
                Op::CommitInTransaction { client, producer_id, partition, offset }
            }
        ),
        2 => (1..3_i64, any::<bool>()).prop_map(|(producer_id, is_commit)| {
            Op::End { producer_id, is_commit }
        }),
        1 => (0..2_usize).prop_map(|group| Op::Delete { group }),
        4 => prop::sample::select(vec![1, 500, 3_000, 10_000, 40_000, 400_000])
            .prop_map(|ms| Op::Advance { ms }),
        8 => flush,
        1 => Just(Op::Crash),
        1 => Just(Op::HandOver),
        24 => (0..CLIENTS).prop_map(|client| Op::Go { client }),
    ]
}

/// What a client would do.
#[derive(Clone, Copy, Debug, Default)]
enum Next {
    #[default]
    Join,
    Sync,
    Heartbeat,
}

/// What a client knows of itself.
#[derive(Clone, Debug, Default)]
struct Client {
    member_id: Str,
    generation: i32,
    members: Vec<Str>,
    /// The last assignment: as which member, in which generation, and its bytes.
    assigned: Option<(Str, i32, Bytes)>,
    next: Next,
}

/// What a successful answer means for the offsets, once it is durable.
#[derive(Clone, Debug)]
enum Meaning {
    Committed(usize, i32, i64),
    Pending(i64, usize, i32, i64),
    Ended(i64, bool),
    Deleted(usize),
}

/// A part of the log with the answers that wait for it.
struct Written {
    logged: Option<Logged>,
    replies: Vec<(Token, Response)>,
    meanings: Vec<Meaning>,
}

struct World {
    settings: GroupSettings,
    shard: Shard,
    now: i64,
    durable: Vec<Logged>,
    /// The meanings of all that is durable, in order.
    meanings: Vec<Meaning>,
    written: VecDeque<Written>,
    clients: Vec<Client>,
    /// Requests that are not answered: the client, the version, and what success would mean.
    open: BTreeMap<Token, (usize, i16, Option<Meaning>)>,
    tokens: u64,
    loads: u128,
}

fn group_of(client: usize) -> usize {
    usize::from(client >= 3)
}

/// The last client of the first group, and the last one, are static.
fn instance_of(client: usize) -> Option<Str> {
    matches!(client, 2 | 4).then(|| format!("instance-{client}").into())
}

impl World {
    fn new() -> Self {
        let settings = GroupSettings {
            // No offset expires, so that the model needs no clock.
            offsets_retention_ms: i64::MAX,
            max_size: 3,
            ..Default::default()
        };
        let mut world = Self {
            shard: Shard::new(settings.clone(), ids(0)),
            settings,
            now: 1_000_000,
            durable: Vec::new(),
            meanings: Vec::new(),
            written: VecDeque::new(),
            clients: vec![Client::default(); CLIENTS],
            open: BTreeMap::new(),
            tokens: 0,
            loads: 0,
        };
        world.load();
        world
    }

    fn load(&mut self) {
        self.loads += 1;
        self.shard = Shard::new(self.settings.clone(), ids(self.loads));
        for logged in self.durable.clone() {
            match logged {
                Logged::Batch(records, producer) => {
                    for (key, value) in records {
                        let origin = RecordOrigin { producer };
                        self.shard.load(key, value, origin).unwrap();
                    }
                }
                Logged::Marker(id, is_commit) => self.shard.load_marker(id, is_commit),
            }
        }
        let effects = self.shard.loaded(self.now);
        self.take(effects);
    }

    fn ask(&mut self, client: usize, version: i16, request: Request, meaning: Option<Meaning>) {
        self.tokens += 1;
        let token = Token(self.tokens);
        self.open.insert(token, (client, version, meaning));
        let caller = Caller {
            version,
            client_id: format!("client-{client}").into(),
            client_host: "/127.0.0.1".into(),
        };
        let effects = self.shard.handle(self.now, token, caller, request);
        self.take(effects);
    }

    fn take(&mut self, effects: Effects) {
        for step in effects.steps {
            let is_empty = step.records.is_empty();
            let mut meanings = Vec::new();
            for (token, response) in &step.replies {
                let open = self.open.get(token);
                let (_, _, meaning) = open.expect("the token waits for its answer");
                if is_success(response) {
                    meanings.extend(meaning.clone());
                }
            }
            self.written.push_back(Written {
                logged: (!is_empty).then_some(Logged::Batch(step.records, step.producer)),
                replies: step.replies,
                meanings,
            });
        }
        invariants::check(&self.shard);
        self.check_tokens();
    }

    /// Every request is answered or waits for something.
    fn check_tokens(&self) {
        let written = self.written.iter().flat_map(|it| &it.replies);
        let mut held: Vec<Token> = written.map(|(token, _)| *token).collect();
        for group in self.shard.groups.values() {
            for member in group.members() {
                held.extend(
                    [member.join, member.sync]
                        .iter()
                        .flatten()
                        .map(|it| it.token),
                );
            }
        }
        held.sort_unstable();
        let open: Vec<Token> = self.open.keys().copied().collect();
        assert_eq!(held, open);
    }

    fn flush(&mut self, steps: usize) {
        for _ in 0..steps {
            let Some(written) = self.written.pop_front() else {
                return;
            };
            self.durable.extend(written.logged);
            self.meanings.extend(written.meanings);
            for (token, response) in written.replies {
                self.deliver(token, response);
            }
        }
    }

    fn deliver(&mut self, token: Token, response: Response) {
        let (client, _, _) = self.open.remove(&token).expect("a token is answered once");
        let is_static = instance_of(client).is_some();
        let client = &mut self.clients[client];
        let is_commit = matches!(
            response,
            Response::OffsetCommit(_) | Response::TxnOffsetCommit(_) | Response::DeleteGroups(_)
        );
        if !is_commit {
            client.next = Next::Join;
        }
        match response {
            Response::JoinGroup(it) => match ErrorCode::from_number(it.error_code) {
                Some(ErrorCode::None) => {
                    client.member_id = it.member_id;
                    client.generation = it.generation_id;
                    client.next = Next::Sync;
                    client.members = it.members.into_iter().map(|it| it.member_id).collect();
                }
                Some(ErrorCode::MemberIdRequired) => client.member_id = it.member_id,
                Some(ErrorCode::UnknownMemberId | ErrorCode::FencedInstanceId) => {
                    client.member_id = Str::EMPTY;
                }
                _ => {}
            },
            Response::SyncGroup(it) if it.error_code == 0 => {
                // What the leader of this generation assigned to this member and no other; a
                // static member may have come back with another id since.
                let own = match is_static {
                    false => format!("{}:{}", client.generation, client.member_id),
                    true => format!("{}:", client.generation),
                };
                assert!(it.assignment.is_empty() || it.assignment.starts_with(own.as_bytes()));
                assert!(is_static || it.assignment.len() <= own.len());
                client.assigned =
                    Some((client.member_id.clone(), client.generation, it.assignment));
                client.next = Next::Heartbeat;
            }
            Response::Heartbeat(it) if it.error_code == 0 => client.next = Next::Heartbeat,
            Response::Heartbeat(it) if it.error_code == UNKNOWN_MEMBER => {
                client.member_id = Str::EMPTY;
            }
            _ => {}
        }
    }

    /// What was written and is not durable is lost, with all that only memory had.
    fn crash(&mut self) {
        let code = ErrorCode::NotLeaderOrFollower;
        let lost: Vec<_> = self.written.drain(..).flat_map(|it| it.replies).collect();
        for (token, response) in lost {
            let version = self.open[&token].1;
            self.deliver(token, response.failed(version, code));
        }
        let shard = Shard::new(self.settings.clone(), ids(0));
        let ended = std::mem::replace(&mut self.shard, shard);
        for (token, response) in ended.close(code) {
            self.deliver(token, response);
        }
        assert!(self.open.is_empty(), "forgotten: {:?}", self.open);
        self.load();
        self.check_offsets();
        self.check_groups();
    }

    /// Between two rebalances, another broker has what this one has.
    fn hand_over(&mut self) {
        self.flush(usize::MAX);
        let before: Vec<_> = self.shard.groups.values().cloned().collect();
        self.crash();
        for group in before {
            let after = &self.shard.groups[&group.id];
            if !matches!(group.state, State::Stable | State::Empty) {
                continue;
            }
            assert_eq!(group.state, after.state);
            assert_eq!(group.generation, after.generation);
            assert_eq!(group.leader, after.leader);
            assert_eq!(group.protocol, after.protocol);
            assert_eq!(group.members().len(), after.members().len());
            for member in group.members() {
                let after = after.member(&member.id).expect("it was there before");
                assert_eq!(member.assignment, after.assignment);
                assert_eq!(member.instance_id, after.instance_id);
                assert_eq!(member.session_timeout_ms, after.session_timeout_ms);
            }
        }
    }

    fn advance(&mut self, ms: i64) {
        let until = self.now + ms;
        while let Some(at) = self.shard.deadline().filter(|at| *at <= until) {
            assert!(at >= self.now, "a deadline that was passed over");
            self.now = at;
            let effects = self.shard.tick(at);
            self.take(effects);
        }
        self.now = until;
    }

    /// The offsets of a shard that was loaded are those of the answers that were durable.
    fn check_offsets(&mut self) {
        let mut committed = BTreeMap::new();
        let mut pending: Vec<(i64, (usize, i32), i64, usize)> = Vec::new();
        for (order, meaning) in self.meanings.iter().enumerate() {
            match *meaning {
                Meaning::Committed(group, partition, offset) => {
                    committed.insert((group, partition), (offset, order));
                }
                Meaning::Pending(id, group, partition, offset) => {
                    pending.retain(|it| (it.0, it.1) != (id, (group, partition)));
                    pending.push((id, (group, partition), offset, order));
                }
                Meaning::Ended(id, is_commit) => {
                    for (_, place, offset, order) in pending.iter().filter(|it| it.0 == id) {
                        let before = committed.get(place);
                        if is_commit && before.is_none_or(|(_, before)| before < order) {
                            committed.insert(*place, (*offset, *order));
                        }
                    }
                    pending.retain(|it| it.0 != id);
                }
                Meaning::Deleted(group) => {
                    committed.retain(|place, _| place.0 != group);
                    pending.retain(|it| it.1.0 != group);
                }
            }
        }
        for (group, id) in GROUPS.iter().enumerate() {
            for partition in 0..2 {
                let place = offsets::Place {
                    group: (*id).into(),
                    topic: "events".into(),
                    partition,
                };
                let expected = committed.get(&(group, partition)).map(|it| it.0);
                let found = self.shard.offsets.get(&place).map(|it| it.offset);
                assert_eq!(found, expected, "{place:?} after {:?}", self.meanings);
                let is_open = pending.iter().any(|it| it.1 == (group, partition));
                assert_eq!(self.shard.offsets.is_pending(&place), is_open);
            }
        }
    }

    /// The groups of a shard that was loaded are those of the last durable records, and members
    /// have what they were told.
    fn check_groups(&self) {
        let records = self.durable.iter().flat_map(|it| match it {
            Logged::Batch(records, _) => records.as_slice(),
            Logged::Marker(..) => &[],
        });
        let mut last: BTreeMap<Str, Option<GroupMetadataValue>> = BTreeMap::new();
        for (key, value) in records {
            if let Key::Group(id) = read_key(key.clone()).unwrap() {
                let value = value.clone().map(|it| read_versioned(it).unwrap().1);
                last.insert(id, value);
            }
        }
        for (id, value) in &last {
            let Some(value) = value else {
                continue;
            };
            let group = &self.shard.groups[id];
            assert_eq!(group.generation, value.generation);
            assert_eq!(group.leader, value.leader);
            assert_eq!(group.members().len(), value.members.len());
            for member in &value.members {
                let found = group.member(&member.member_id).expect("it was durable");
                assert_eq!(found.assignment, member.assignment);
            }
        }
        for (number, client) in self.clients.iter().enumerate() {
            let value = last.get(GROUPS[group_of(number)]);
            let (Some(Some(value)), Some((id, generation, assigned))) = (value, &client.assigned)
            else {
                continue;
            };
            let member = value
                .members
                .iter()
                .find(|it| it.member_id == client.member_id && it.member_id == *id);
            if let Some(member) = member
                && value.generation == *generation
            {
                assert_eq!(member.assignment, assigned);
            }
        }
    }

    fn act(&mut self, op: Op) {
        match op {
            Op::Join {
                client,
                version,
                protocols,
            } => {
                let request = self.join_request(client, version, protocols);
                self.ask(client, version, Request::JoinGroup(request), None);
            }
            Op::Sync { client } => {
                let request = self.sync_request(client);
                self.ask(client, 3, Request::SyncGroup(request), None);
            }
            Op::Heartbeat { client } => {
                let request = HeartbeatRequest {
                    group_id: GROUPS[group_of(client)].into(),
                    generation_id: self.clients[client].generation,
                    member_id: self.clients[client].member_id.clone(),
                    group_instance_id: instance_of(client),
                };
                self.ask(client, 3, Request::Heartbeat(request), None);
            }
            Op::Leave { client } => {
                let request = LeaveGroupRequest {
                    group_id: GROUPS[group_of(client)].into(),
                    members: vec![leaving(&self.clients[client].member_id)],
                    ..Default::default()
                };
                self.ask(client, 3, Request::LeaveGroup(request), None);
            }
            Op::Commit {
                client,
                is_member,
                partition,
                offset,
            } => {
                let request = self.commit_request(client, is_member, partition, offset);
                let meaning = Meaning::Committed(group_of(client), partition, offset);
                self.ask(client, 7, Request::OffsetCommit(request), Some(meaning));
            }
            Op::CommitInTransaction {
                client,
                producer_id,
                partition,
                offset,
            } => {
                let request = self.transaction_request(client, producer_id, partition, offset);
                let meaning = Meaning::Pending(producer_id, group_of(client), partition, offset);
                self.ask(client, 3, Request::TxnOffsetCommit(request), Some(meaning));
            }
            Op::End {
                producer_id,
                is_commit,
            } => {
                self.written.push_back(Written {
                    logged: Some(Logged::Marker(producer_id, is_commit)),
                    replies: Vec::new(),
                    meanings: vec![Meaning::Ended(producer_id, is_commit)],
                });
                let effects = self.shard.on_marker(self.now, producer_id, is_commit);
                self.take(effects);
            }
            Op::Delete { group } => {
                let request = DeleteGroupsRequest {
                    groups_names: vec![GROUPS[group].into()],
                };
                let meaning = Some(Meaning::Deleted(group));
                self.ask(0, 2, Request::DeleteGroups(request), meaning);
            }
            Op::Advance { ms } => self.advance(ms),
            Op::Flush { steps } => self.flush(steps),
            Op::Go { client } => self.go(client),
            Op::Crash => self.crash(),
            Op::HandOver => self.hand_over(),
        }
    }

    fn go(&mut self, client: usize) {
        let is_waiting = self.open.values().any(|it| it.0 == client);
        let next = match self.clients[client].next {
            _ if is_waiting => Op::Advance { ms: 1_000 },
            Next::Join => Op::Join {
                client,
                version: 9,
                protocols: 2,
            },
            Next::Sync => Op::Sync { client },
            Next::Heartbeat => Op::Heartbeat { client },
        };
        self.act(next);
        self.flush(usize::MAX);
    }

    fn join_request(&self, client: usize, version: i16, protocols: u8) -> JoinGroupRequest {
        let names: &[&str] = match protocols {
            0 => &["a"],
            1 => &["b", "a"],
            _ => &["a", "b"],
        };
        JoinGroupRequest {
            group_id: GROUPS[group_of(client)].into(),
            group_instance_id: instance_of(client).filter(|_| version >= 5),
            protocols: names.iter().map(|it| protocol(it, &["events"])).collect(),
            ..join(&self.clients[client].member_id)
        }
    }

    /// A client that is told of members assigns to each a text of its own.
    fn sync_request(&self, number: usize) -> SyncGroupRequest {
        let client = &self.clients[number];
        let assignments = client.members.iter().map(|id| SyncGroupRequestAssignment {
            member_id: id.clone(),
            assignment: format!("{}:{id}", client.generation).into(),
        });
        SyncGroupRequest {
            group_id: GROUPS[group_of(number)].into(),
            generation_id: client.generation,
            member_id: client.member_id.clone(),
            assignments: assignments.collect(),
            ..Default::default()
        }
    }

    fn commit_request(
        &self,
        client: usize,
        is_member: bool,
        partition: i32,
        offset: i64,
    ) -> OffsetCommitRequest {
        let mut request = super::harness::commit(offset);
        request.group_id = GROUPS[group_of(client)].into();
        request.topics[0].partitions[0].partition_index = partition;
        if is_member {
            request.member_id = self.clients[client].member_id.clone();
            request.generation_id_or_member_epoch = self.clients[client].generation;
        }
        request
    }

    fn transaction_request(
        &self,
        client: usize,
        producer_id: i64,
        partition: i32,
        offset: i64,
    ) -> TxnOffsetCommitRequest {
        TxnOffsetCommitRequest {
            group_id: GROUPS[group_of(client)].into(),
            producer_id,
            topics: vec![TxnOffsetCommitRequestTopic {
                name: "events".into(),
                partitions: vec![TxnOffsetCommitRequestPartition {
                    partition_index: partition,
                    committed_offset: offset,
                    ..Default::default()
                }],
            }],
            ..Default::default()
        }
    }
}

fn is_success(response: &Response) -> bool {
    match response {
        Response::OffsetCommit(it) => it.topics[0].partitions[0].error_code == 0,
        Response::TxnOffsetCommit(it) => it.topics[0].partitions[0].error_code == 0,
        Response::DeleteGroups(it) => it.results[0].error_code == 0,
        _ => false,
    }
}

proptest! {
    #[test]
    fn what_was_durable_holds_and_every_request_is_answered_once(
        ops in prop::collection::vec(op(), 1..150),
    ) {
        let mut world = World::new();
        for op in ops {
            world.act(op);
        }
        // Every deadline passes.
        world.advance(20 * 60_000);
        world.flush(usize::MAX);
        prop_assert!(world.open.is_empty(), "forgotten: {:?}", world.open);
        world.hand_over();
    }

    #[test]
    fn the_same_calls_have_the_same_effects(ops in prop::collection::vec(op(), 1..60)) {
        let mut worlds = [World::new(), World::new()];
        for op in ops {
            for world in &mut worlds {
                world.act(op.clone());
            }
            prop_assert_eq!(format!("{:?}", worlds[0].shard), format!("{:?}", worlds[1].shard));
        }
    }
}
