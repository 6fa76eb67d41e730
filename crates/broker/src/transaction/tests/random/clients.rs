//! What clients ask one after another, and what they make of the answers.

use std::collections::BTreeSet;

use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::add_partitions_to_txn::AddPartitionsToTxnRequest;
use millrace_kafka_wire::api::end_txn::EndTxnRequest;
use millrace_kafka_wire::api::init_producer_id::InitProducerIdRequest;

use super::super::super::*;
use super::super::requests::{code, topic_of};
use super::world::{TIMEOUT_MS, World};

const TOPIC: &str = "t";

#[derive(Debug, Default)]
pub(super) struct Client {
    identity: Option<(i64, i16)>,
    /// Another one was told that it has the transactional id.
    pub is_fenced: bool,
    /// The number of its transaction; it has partitions, or tried to.
    transaction: Option<usize>,
    added: BTreeSet<i32>,
    /// It asked for the end, and asks for nothing else until it is told.
    ending: Option<bool>,
    /// It waits for an answer.
    waits: bool,
}

/// A request that is not answered.
#[derive(Debug)]
pub(super) struct Asked {
    client: usize,
    pub version: i16,
    was_fenced: bool,
    what: What,
    /// How often the id had expired.
    forgotten: u32,
}

#[derive(Debug)]
pub(super) enum What {
    Init { goes_on: bool },
    Add(i32),
    End(bool),
}

impl Client {
    fn forget(&mut self) {
        self.transaction = None;
        self.added.clear();
        self.ending = None;
    }
}

pub(super) fn id_of(client: usize) -> usize {
    client / 2
}

pub(super) fn name(id: usize) -> Str {
    ["one", "two"][id].into()
}

/// The second client of an id knows version 2 of transactions.
fn knows_version_2(client: usize) -> bool {
    client % 2 == 1
}

impl World {
    fn ask(&mut self, client: usize, version: i16, what: What, request: Request) {
        self.next_token += 1;
        let token = Token(self.next_token);
        let it = &mut self.clients[client];
        it.waits = true;
        let asked = Asked {
            client,
            version,
            // One that begins is another producer than it was.
            was_fenced: it.is_fenced && !matches!(what, What::Init { goes_on: false }),
            what,
            forgotten: self.forgotten[id_of(client)],
        };
        self.asked.insert(token, asked);
        let caller = Caller {
            version,
            client_id: Str::EMPTY,
            client_host: Str::EMPTY,
        };
        let effects = self.shard.handle(self.now, token, caller, request);
        self.take(effects);
    }

    pub fn init(&mut self, client: usize, goes_on: bool) {
        let it = &self.clients[client];
        let identity = it.identity.filter(|_| goes_on);
        if it.waits || (goes_on && identity.is_none()) {
            return;
        }
        let (producer_id, producer_epoch) = identity.unwrap_or((-1, -1));
        let request = InitProducerIdRequest {
            transactional_id: Some(name(id_of(client))),
            transaction_timeout_ms: TIMEOUT_MS,
            producer_id,
            producer_epoch,
        };
        let what = What::Init { goes_on };
        self.ask(client, 5, what, Request::InitProducerId(request));
    }

    pub fn add(&mut self, client: usize, partition: i32) {
        let it = &mut self.clients[client];
        let Some(identity) = it.identity else { return };
        if it.waits || it.ending.is_some() {
            return;
        }
        if it.transaction.is_none() {
            self.next_transaction += 1;
            it.transaction = Some(self.next_transaction);
        }
        let id = name(id_of(client));
        let topics = vec![topic_of(TOPIC, &[partition])];
        let (version, request) = match knows_version_2(client) {
            true => (5, Request::add_partitions(id, identity, false, topics)),
            false => {
                let request = AddPartitionsToTxnRequest {
                    v3_and_below_transactional_id: id,
                    v3_and_below_producer_id: identity.0,
                    v3_and_below_producer_epoch: identity.1,
                    v3_and_below_topics: topics,
                    ..Default::default()
                };
                (3, Request::AddPartitionsToTxn(request))
            }
        };
        self.ask(client, version, What::Add(partition), request);
    }

    pub fn write(&mut self, client: usize, partition: i32) {
        let it = &self.clients[client];
        if let (Some(identity), Some(transaction), None) = (it.identity, it.transaction, it.ending)
            && it.added.contains(&partition)
        {
            self.partitions.write(partition, identity, transaction);
        }
    }

    pub fn end(&mut self, client: usize, committed: bool) {
        let it = &mut self.clients[client];
        let Some((producer_id, producer_epoch)) = it.identity else {
            return;
        };
        if it.waits {
            return;
        }
        // Who was not told asks for the same again.
        let committed = *it.ending.get_or_insert(committed);
        let request = EndTxnRequest {
            transactional_id: name(id_of(client)),
            producer_id,
            producer_epoch,
            committed,
        };
        let version = if knows_version_2(client) { 5 } else { 4 };
        self.ask(
            client,
            version,
            What::End(committed),
            Request::EndTxn(request),
        );
    }

    /// Sends an answer to its client.
    pub fn answer(&mut self, token: Token, response: &Response) {
        let asked = self.asked.remove(&token).expect("it was not answered");
        let client = &mut self.clients[asked.client];
        client.waits = false;
        let (told, identity) = match response {
            Response::InitProducerId(it) => (it.error_code, (it.producer_id, it.producer_epoch)),
            Response::EndTxn(it) => (it.error_code, (it.producer_id, it.producer_epoch)),
            Response::AddPartitionsToTxn(it) => {
                let results = it.results_by_transaction.iter();
                let mut topics = results.flat_map(|it| &it.topic_results);
                let topic = topics.next().or(it.results_by_topic_v3_and_below.first());
                let results = &topic.unwrap().results_by_partition;
                (results[0].partition_error_code, (-1, -1))
            }
            other => panic!("{other:?}"),
        };
        let told = code(told);
        if told == ErrorCode::None {
            assert!(!asked.was_fenced, "{asked:?} succeeded");
            self.succeeded(&asked, identity);
        } else if let What::End(_) = asked.what
            && told == ErrorCode::InvalidTxnState
        {
            // It ended otherwise, or there was nothing to end.
            self.clients[asked.client].forget();
        }
    }

    fn succeeded(&mut self, asked: &Asked, identity: (i64, i16)) {
        let id = id_of(asked.client);
        match asked.what {
            What::Add(partition) => {
                self.clients[asked.client].added.insert(partition);
                return;
            }
            What::End(committed) => {
                let client = &mut self.clients[asked.client];
                if let Some(transaction) = client.transaction {
                    self.partitions.answered(transaction, committed);
                }
                client.forget();
            }
            What::Init { .. } => {
                let is_forgotten = asked.forgotten != self.forgotten[id];
                let clients = self.clients.iter_mut().enumerate();
                let others = clients.filter(|(number, _)| id_of(*number) == id && !is_forgotten);
                others.for_each(|(_, it)| it.is_fenced = it.identity.is_some());
                self.clients[asked.client].is_fenced = false;
                self.clients[asked.client].forget();
            }
        }
        if identity.0 != -1 {
            assert!(identity >= self.given[id], "{identity:?} goes back");
            self.given[id] = identity;
            self.clients[asked.client].identity = Some(identity);
        }
    }
}
