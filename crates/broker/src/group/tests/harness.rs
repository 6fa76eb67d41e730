//! A shard with a log, a clock and clients.

use std::collections::BTreeMap;

use bytes::Bytes;
use millrace_kafka_wire::api::describe_groups::{DescribeGroupsRequest, DescribedGroup};
use millrace_kafka_wire::api::heartbeat::HeartbeatRequest;
use millrace_kafka_wire::api::join_group::{
    JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse,
};
use millrace_kafka_wire::api::leave_group::{LeaveGroupRequest, MemberIdentity};
use millrace_kafka_wire::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use millrace_kafka_wire::api::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics,
    OffsetFetchResponsePartitions,
};
use millrace_kafka_wire::api::sync_group::{
    SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse,
};
use millrace_kafka_wire::records::consumer_protocol::ConsumerProtocolSubscription;
use millrace_kafka_wire::{ErrorCode, Str, write_prefixed};

use super::super::*;
use super::invariants;

pub(super) const GROUP: &str = "orders";

/// What the log has.
#[derive(Clone, Debug)]
pub(super) enum Logged {
    Batch(Vec<KeyAndValue>, Option<(i64, i16)>),
    Marker(i64, bool),
}

pub(super) struct Bench {
    pub shard: Shard,
    pub settings: GroupSettings,
    pub now: i64,
    pub log: Vec<Logged>,
    pub answers: BTreeMap<u64, Response>,
    tokens: u64,
}

pub(super) fn ids(seed: u128) -> MemberIds {
    let mut last = seed << 64;
    Box::new(move || {
        last += 1;
        last
    })
}

impl Bench {
    /// Groups whose first member waits for no other.
    pub fn new() -> Self {
        Self::with(GroupSettings {
            initial_rebalance_delay_ms: 0,
            ..Default::default()
        })
    }

    pub fn with(settings: GroupSettings) -> Self {
        Self::from_log(settings, 1_000_000, Vec::new())
    }

    pub fn from_log(settings: GroupSettings, now: i64, log: Vec<Logged>) -> Self {
        let mut shard = Shard::new(settings.clone(), ids(log.len() as u128));
        for it in log.clone() {
            match it {
                Logged::Batch(records, producer) => {
                    for (key, value) in records {
                        let origin = RecordOrigin { producer };
                        shard.load(key, value, origin).unwrap();
                    }
                }
                Logged::Marker(producer_id, is_commit) => {
                    shard.load_marker(producer_id, is_commit);
                }
            }
        }
        let effects = shard.loaded(now);
        let mut bench = Self {
            shard,
            settings,
            now,
            log,
            answers: BTreeMap::new(),
            tokens: 0,
        };
        bench.run(effects);
        bench
    }

    /// The shard of another broker that takes the log over.
    pub fn reload(&self) -> Self {
        Self::from_log(self.settings.clone(), self.now, self.log.clone())
    }

    /// Does the steps; every token is answered once.
    pub fn run(&mut self, effects: Effects) {
        invariants::check(&self.shard);
        for step in effects.steps {
            assert!(!step.records.is_empty() || !step.replies.is_empty());
            if !step.records.is_empty() {
                self.log.push(Logged::Batch(step.records, step.producer));
            }
            for (token, response) in step.replies {
                let before = self.answers.insert(token.0, response);
                assert!(before.is_none(), "{token:?} was answered twice");
            }
        }
    }

    pub fn ask(&mut self, version: i16, request: Request) -> u64 {
        self.ask_as("client", version, request)
    }

    pub fn ask_as(&mut self, client_id: &str, version: i16, request: Request) -> u64 {
        self.tokens += 1;
        let caller = Caller {
            version,
            client_id: client_id.into(),
            client_host: "/127.0.0.1".into(),
        };
        let token = Token(self.tokens);
        let effects = self.shard.handle(self.now, token, caller, request);
        self.run(effects);
        token.0
    }

    /// The answer to a request that is answered at once.
    pub fn answer_to(&mut self, version: i16, request: Request) -> Response {
        let token = self.ask(version, request);
        self.answers.remove(&token).expect("an answer at once")
    }

    /// Lets time pass, and every deadline on the way.
    pub fn advance(&mut self, ms: i64) {
        let until = self.now + ms;
        while let Some(at) = self.shard.deadline().filter(|at| *at <= until) {
            self.now = at.max(self.now);
            let effects = self.shard.tick(self.now);
            self.run(effects);
        }
        self.now = until;
    }

    pub fn is_waiting(&self, token: u64) -> bool {
        !self.answers.contains_key(&token)
    }

    pub fn joined(&mut self, token: u64) -> JoinGroupResponse {
        match self.answers.remove(&token) {
            Some(Response::JoinGroup(it)) => it,
            other => panic!("{other:?}"),
        }
    }

    pub fn synced(&mut self, token: u64) -> SyncGroupResponse {
        match self.answers.remove(&token) {
            Some(Response::SyncGroup(it)) => it,
            other => panic!("{other:?}"),
        }
    }

    /// A member of version 3, which joins without an id.
    pub fn join(&mut self, request: JoinGroupRequest) -> u64 {
        self.ask(3, Request::JoinGroup(request))
    }

    pub fn join_at(&mut self, version: i16, request: JoinGroupRequest) -> u64 {
        self.ask(version, Request::JoinGroup(request))
    }

    /// Joins and gets the answer.
    pub fn join_now(&mut self, request: JoinGroupRequest) -> JoinGroupResponse {
        let token = self.join(request);
        self.joined(token)
    }

    pub fn sync(&mut self, of: &JoinGroupResponse, assigned: &[(&Str, &'static str)]) -> u64 {
        self.ask(3, Request::SyncGroup(sync(of, assigned)))
    }

    /// One member whose group is stable.
    pub fn one_member(&mut self) -> JoinGroupResponse {
        let joined = self.join_now(join(""));
        let token = self.sync(&joined, &[(&joined.member_id, "all")]);
        assert_eq!(self.synced(token).error_code, 0);
        joined
    }

    /// Two members, the leader first, whose group is stable.
    pub fn two_members(&mut self) -> (JoinGroupResponse, JoinGroupResponse) {
        let first = self.one_member();
        let second = self.join(join(""));
        let first = self.join(join(&first.member_id));
        let (first, second) = (self.joined(first), self.joined(second));
        let assigned = [(&first.member_id, "a"), (&second.member_id, "b")];
        let one = self.sync(&first, &assigned);
        let other = self.sync(&second, &[]);
        assert_eq!(&self.synced(one).assignment[..], b"a");
        assert_eq!(&self.synced(other).assignment[..], b"b");
        (first, second)
    }

    pub fn heartbeat(&mut self, of: &JoinGroupResponse) -> ErrorCode {
        let request = HeartbeatRequest {
            group_id: GROUP.into(),
            generation_id: of.generation_id,
            member_id: of.member_id.clone(),
            group_instance_id: None,
        };
        match self.answer_to(3, Request::Heartbeat(request)) {
            Response::Heartbeat(it) => code(it.error_code),
            other => panic!("{other:?}"),
        }
    }

    pub fn leave(&mut self, members: Vec<MemberIdentity>) -> Vec<ErrorCode> {
        let request = LeaveGroupRequest {
            group_id: GROUP.into(),
            members,
            ..Default::default()
        };
        match self.answer_to(3, Request::LeaveGroup(request)) {
            Response::LeaveGroup(it) => {
                assert_eq!(it.error_code, 0);
                it.members.iter().map(|it| code(it.error_code)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    pub fn commit(&mut self, version: i16, request: OffsetCommitRequest) -> ErrorCode {
        match self.answer_to(version, Request::OffsetCommit(request)) {
            Response::OffsetCommit(it) => code(it.topics[0].partitions[0].error_code),
            other => panic!("{other:?}"),
        }
    }

    /// What is committed for partition 0 of `events`.
    pub fn committed(&mut self) -> i64 {
        self.fetched(false).committed_offset
    }

    pub fn fetched(&mut self, require_stable: bool) -> OffsetFetchResponsePartitions {
        let topic = OffsetFetchRequestTopics {
            name: "events".into(),
            partition_indexes: vec![0],
            ..Default::default()
        };
        let group = OffsetFetchRequestGroup {
            group_id: GROUP.into(),
            topics: Some(vec![topic]),
            ..Default::default()
        };
        let request = OffsetFetchRequest {
            groups: vec![group],
            require_stable,
            ..Default::default()
        };
        match self.answer_to(9, Request::OffsetFetch(request)) {
            Response::OffsetFetch(it) => it.groups[0].topics[0].partitions[0].clone(),
            other => panic!("{other:?}"),
        }
    }

    pub fn describe(&mut self) -> DescribedGroup {
        let request = DescribeGroupsRequest {
            groups: vec![GROUP.into()],
            ..Default::default()
        };
        match self.answer_to(5, Request::DescribeGroups(request)) {
            Response::DescribeGroups(mut it) => it.groups.remove(0),
            other => panic!("{other:?}"),
        }
    }

    pub fn state(&mut self) -> String {
        self.describe().group_state.to_string()
    }
}

pub(super) fn code(number: i16) -> ErrorCode {
    ErrorCode::from_number(number).expect("a code of Kafka")
}

pub(super) fn protocol(name: &str, topics: &[&str]) -> JoinGroupRequestProtocol {
    JoinGroupRequestProtocol {
        name: name.into(),
        metadata: subscription(topics),
    }
}

pub(super) fn subscription(topics: &[&str]) -> Bytes {
    let said = ConsumerProtocolSubscription {
        topics: topics.iter().map(|it| Str::from(*it)).collect(),
        ..Default::default()
    };
    write_prefixed(1, &said, 1).expect("a subscription")
}

/// A consumer of `events`, with the member id that it was given.
pub(super) fn join(member_id: &str) -> JoinGroupRequest {
    JoinGroupRequest {
        group_id: GROUP.into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 30_000,
        member_id: member_id.into(),
        protocol_type: "consumer".into(),
        protocols: vec![protocol("range", &["events"])],
        ..Default::default()
    }
}

pub(super) fn sync(of: &JoinGroupResponse, assigned: &[(&Str, &'static str)]) -> SyncGroupRequest {
    let assignments = assigned.iter().map(|(id, to)| SyncGroupRequestAssignment {
        member_id: (*id).clone(),
        assignment: Bytes::from_static(to.as_bytes()),
    });
    SyncGroupRequest {
        group_id: GROUP.into(),
        generation_id: of.generation_id,
        member_id: of.member_id.clone(),
        assignments: assignments.collect(),
        ..Default::default()
    }
}

/// A commit for partition 0 of `events`, by nobody in particular.
pub(super) fn commit(offset: i64) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition {
        committed_offset: offset,
        ..Default::default()
    };
    OffsetCommitRequest {
        group_id: GROUP.into(),
        topics: vec![OffsetCommitRequestTopic {
            name: "events".into(),
            partitions: vec![partition],
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// A commit of a member.
pub(super) fn commit_of(member: &JoinGroupResponse, offset: i64) -> OffsetCommitRequest {
    OffsetCommitRequest {
        generation_id_or_member_epoch: member.generation_id,
        member_id: member.member_id.clone(),
        ..commit(offset)
    }
}

pub(super) fn leaving(member_id: &Str) -> MemberIdentity {
    MemberIdentity {
        member_id: member_id.clone(),
        ..Default::default()
    }
}
