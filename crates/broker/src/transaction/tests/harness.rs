//! A shard with a log, a clock and clients.

use std::collections::BTreeMap;

use millrace_kafka_wire::api::add_offsets_to_txn::AddOffsetsToTxnRequest;
use millrace_kafka_wire::api::add_partitions_to_txn::AddPartitionsToTxnRequest;
use millrace_kafka_wire::api::describe_transactions::{
    DescribeTransactionsRequest, TransactionState,
};
use millrace_kafka_wire::api::end_txn::{EndTxnRequest, EndTxnResponse};
use millrace_kafka_wire::api::init_producer_id::InitProducerIdRequest;

use super::super::entry::Transaction;
use super::super::*;
pub(super) use super::requests::*;

/// The first id that a [`Bench`] gives.
pub(super) const FIRST: i64 = 7;

/// The last epoch that a producer is given.
pub(super) const LAST: i16 = i16::MAX - 1;

pub(super) struct Bench {
    pub shard: Shard,
    pub settings: TransactionSettings,
    pub now: i64,
    pub log: Vec<KeyAndValue>,
    pub batches: Vec<usize>,
    pub answers: BTreeMap<u64, Response>,
    pub sent: Vec<Markers>,
    /// Gives a producer id whenever one is wanted.
    pub gives_ids: bool,
    pub next_id: i64,
    coordinator_epoch: i32,
    tokens: u64,
}

impl Bench {
    pub fn new() -> Self {
        Self::with(TransactionSettings::default())
    }

    pub fn with(settings: TransactionSettings) -> Self {
        Self::from_log(settings, 1_000_000, Vec::new(), 0, FIRST)
    }

    /// One whose id has this producer, and no transaction.
    pub fn at(identity: (i64, i16)) -> Self {
        let mut transaction = Transaction::new(identity.0);
        transaction.restart(1_000_000, identity, -1, TIMEOUT_MS);
        let log = vec![records::record(&ID.into(), &transaction)];
        Self::from_log(TransactionSettings::default(), 1_000_000, log, 0, FIRST)
    }

    pub fn from_log(
        settings: TransactionSettings,
        now: i64,
        log: Vec<KeyAndValue>,
        coordinator_epoch: i32,
        next_id: i64,
    ) -> Self {
        let mut shard = Shard::new(settings.clone(), coordinator_epoch);
        for (key, value) in log.clone() {
            shard.load(key, value).unwrap();
        }
        assert_eq!(shard.deadline(), None);
        let effects = shard.loaded(now);
        let mut bench = Self {
            shard,
            settings,
            now,
            log,
            batches: Vec::new(),
            answers: BTreeMap::new(),
            sent: Vec::new(),
            gives_ids: true,
            next_id,
            coordinator_epoch,
            tokens: 0,
        };
        bench.run(effects);
        bench
    }

    /// The shard of another broker that takes the log over.
    pub fn reload(&self) -> Self {
        let (log, epoch) = (self.log.clone(), self.coordinator_epoch + 1);
        Self::from_log(self.settings.clone(), self.now, log, epoch, self.next_id)
    }

    /// Does the steps; every token is answered once.
    pub fn run(&mut self, effects: Effects) {
        for step in effects.steps {
            assert_ne!(step, Step::default());
            if !step.records.is_empty() {
                self.batches.push(step.records.len());
            }
            self.log.extend(step.records);
            self.sent.extend(step.markers);
            for (token, response) in step.replies {
                let before = self.answers.insert(token.0, response);
                assert!(before.is_none(), "{token:?} was answered twice");
            }
        }
        if self.gives_ids && self.shard.wants_producer_id() {
            self.give(Ok(self.next_id));
            self.next_id += 1;
        }
    }

    pub fn give(&mut self, id: Result<i64, ErrorCode>) {
        let effects = self.shard.on_producer_id(self.now, id);
        self.run(effects);
    }

    pub fn ask(&mut self, version: i16, request: Request) -> u64 {
        self.tokens += 1;
        let caller = Caller {
            version,
            client_id: "client".into(),
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

    /// All partitions that were told say so.
    pub fn markers_written(&mut self) -> Vec<Markers> {
        let sent = std::mem::take(&mut self.sent);
        for markers in &sent {
            let effects = self.shard.on_markers_written(self.now, markers);
            self.run(effects);
        }
        sent
    }

    pub fn init_at(&mut self, version: i16, request: InitProducerIdRequest) -> Outcome {
        match self.answer_to(version, Request::InitProducerId(request)) {
            Response::InitProducerId(it) => outcome_of_init(&it),
            other => panic!("{other:?}"),
        }
    }

    /// A producer begins.
    pub fn init(&mut self) -> Outcome {
        self.init_at(5, init())
    }

    /// A producer begins, and has this identity.
    pub fn begin(&mut self) -> (i64, i16) {
        self.init().expect("nothing in the way")
    }

    pub fn go_on(&mut self, identity: (i64, i16)) -> Outcome {
        self.init_at(5, init_of(identity))
    }

    /// What a broker asks: that partition 0 of a topic be added.
    pub fn add(&mut self, identity: (i64, i16), topic: &str) -> ErrorCode {
        let topics = vec![topic_of(topic, &[0])];
        let request = Request::add_partitions(ID.into(), identity, false, topics);
        match self.answer_to(Request::ADD_PARTITIONS_VERSION, request) {
            Response::AddPartitionsToTxn(it) => first(&it.results_by_transaction[0].topic_results),
            other => panic!("{other:?}"),
        }
    }

    /// What a client of a version up to 3 asks.
    pub fn add_at(&mut self, version: i16, identity: (i64, i16), topic: &str) -> ErrorCode {
        let request = AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: ID.into(),
            v3_and_below_producer_id: identity.0,
            v3_and_below_producer_epoch: identity.1,
            v3_and_below_topics: vec![topic_of(topic, &[0])],
            ..Default::default()
        };
        match self.answer_to(version, Request::AddPartitionsToTxn(request)) {
            Response::AddPartitionsToTxn(it) => first(&it.results_by_topic_v3_and_below),
            other => panic!("{other:?}"),
        }
    }

    pub fn add_offsets_at(&mut self, version: i16, identity: (i64, i16)) -> ErrorCode {
        let request = Request::AddOffsetsToTxn {
            request: AddOffsetsToTxnRequest {
                transactional_id: ID.into(),
                producer_id: identity.0,
                producer_epoch: identity.1,
                group_id: "orders".into(),
            },
            offsets_partition: 13,
        };
        match self.answer_to(version, request) {
            Response::AddOffsetsToTxn(it) => code(it.error_code),
            other => panic!("{other:?}"),
        }
    }

    pub fn end_at(
        &mut self,
        version: i16,
        identity: (i64, i16),
        committed: bool,
    ) -> EndTxnResponse {
        let request = EndTxnRequest {
            transactional_id: ID.into(),
            producer_id: identity.0,
            producer_epoch: identity.1,
            committed,
        };
        match self.answer_to(version, Request::EndTxn(request)) {
            Response::EndTxn(it) => it,
            other => panic!("{other:?}"),
        }
    }

    /// EndTxn of version 5: the identity after it.
    pub fn end(&mut self, identity: (i64, i16), committed: bool) -> Outcome {
        let it = self.end_at(5, identity, committed);
        let told = (it.producer_id, it.producer_epoch);
        match code(it.error_code) {
            ErrorCode::None => Ok(told),
            error => {
                assert_eq!(told, (-1, -1));
                Err(error)
            }
        }
    }

    pub fn describe(&mut self) -> TransactionState {
        let request = DescribeTransactionsRequest {
            transactional_ids: vec![ID.into()],
        };
        match self.answer_to(0, Request::DescribeTransactions(request)) {
            Response::DescribeTransactions(mut it) => it.transaction_states.remove(0),
            other => panic!("{other:?}"),
        }
    }

    pub fn state(&mut self) -> String {
        self.describe().transaction_state.to_string()
    }
}
