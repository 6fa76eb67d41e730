//! Transactions, from the producer's and the reader's side.

use crate::support::{TestBroker, config};
use bytes::Bytes;
use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::end_txn::{EndTxnRequest, EndTxnResponse};
use millrace_kafka_wire::api::fetch::PartitionData;
use millrace_kafka_wire::api::find_coordinator::FindCoordinatorRequest;
use millrace_kafka_wire::api::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use millrace_kafka_wire::api::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use millrace_kafka_wire::api::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use millrace_kafka_wire::batch::BatchBuilder;
use millrace_testkit::kafka::{Client, fetch, produce, values};
use millrace_testkit::poll;

/// A producer that uses transactions of version 2.
struct Producer {
    client: Client,
    transactional_id: &'static str,
    id: i64,
    epoch: i16,
    sequence: i32,
}

fn init(client: &mut Client, transactional_id: &str) -> InitProducerIdResponse {
    let request = InitProducerIdRequest {
        transactional_id: Some(transactional_id.into()),
        transaction_timeout_ms: 60_000,
        producer_id: -1,
        producer_epoch: -1,
    };
    let answered = poll::until("an id", poll::PATIENCE, || {
        let response = client.ask(5, &request);
        let is_busy = response.error_code == ErrorCode::ConcurrentTransactions.number();
        (!is_busy).then_some(response)
    });
    answered.unwrap()
}

impl Producer {
    fn start(broker: &TestBroker, transactional_id: &'static str) -> Self {
        let mut client = broker.client();
        for key_type in [0, 1] {
            let find = FindCoordinatorRequest {
                key_type,
                coordinator_keys: vec![transactional_id.into()],
                ..FindCoordinatorRequest::default()
            };
            assert_eq!(client.ask(4, &find).coordinators[0].error_code, 0);
        }
        let given = init(&mut client, transactional_id);
        assert_eq!(given.error_code, 0);
        Self {
            client,
            transactional_id,
            id: given.producer_id,
            epoch: given.producer_epoch,
            sequence: 0,
        }
    }

    fn batch(&self, value: &[u8]) -> Bytes {
        let now = millrace_broker::Clock::system().now();
        let batch = BatchBuilder::new(0).producer(self.id, self.epoch, self.sequence);
        let mut batch = batch.transactional();
        batch.add(now, None, Some(value), &[]);
        batch.finish().into()
    }

    fn send(&mut self, topic: &str, value: &[u8]) -> i16 {
        let mut request = produce(topic, 0, self.batch(value), -1);
        request.transactional_id = Some(self.transactional_id.into());
        let mut response = self.client.ask(12, &request);
        let code = response
            .responses
            .remove(0)
            .partition_responses
            .remove(0)
            .error_code;
        self.sequence += i32::from(code == 0);
        code
    }

    fn end(&mut self, committed: bool) -> EndTxnResponse {
        let request = EndTxnRequest {
            transactional_id: self.transactional_id.into(),
            producer_id: self.id,
            producer_epoch: self.epoch,
            committed,
        };
        let response = self.client.ask(5, &request);
        if response.error_code == 0 {
            (self.id, self.epoch) = (response.producer_id, response.producer_epoch);
            self.sequence = 0;
        }
        response
    }

    fn commit_offset(&mut self, group: &str, topic: &str, offset: i64) -> i16 {
        let request = TxnOffsetCommitRequest {
            transactional_id: self.transactional_id.into(),
            group_id: group.into(),
            producer_id: self.id,
            producer_epoch: self.epoch,
            generation_id: -1,
            group_instance_id: None,
            topics: vec![TxnOffsetCommitRequestTopic {
                name: topic.into(),
                partitions: vec![TxnOffsetCommitRequestPartition {
                    partition_index: 0,
                    committed_offset: offset,
                    committed_leader_epoch: -1,
                    committed_metadata: None,
                }],
            }],
            ..TxnOffsetCommitRequest::default()
        };
        let mut response = self.client.ask(5, &request);
        response.topics.remove(0).partitions.remove(0).error_code
    }
}

fn fetch_committed(client: &mut Client, topic: &str, offset: i64) -> PartitionData {
    let mut request = fetch(topic, &[(0, offset)], 0);
    request.isolation_level = 1;
    client
        .ask(12, &request)
        .responses
        .remove(0)
        .partitions
        .remove(0)
}

/// What a reader of committed records sees, once the partition has no transaction open.
fn committed(client: &mut Client, topic: &str) -> Vec<Vec<u8>> {
    let settled = poll::until("the end of transactions", poll::PATIENCE, || {
        let data = fetch_committed(client, topic, 0);
        (data.last_stable_offset == data.high_watermark).then_some(data)
    });
    let data = settled.unwrap();
    let mut aborted = data.aborted_transactions.clone().unwrap_or_default();
    aborted.sort_by_key(|it| it.first_offset);
    let all = batches(&data);
    let mut seen = Vec::new();
    let mut skipped = std::collections::BTreeSet::new();
    for (header, value) in all {
        while aborted
            .first()
            .is_some_and(|it| it.first_offset <= header.base_offset)
        {
            skipped.insert(aborted.remove(0).producer_id);
        }
        match header.attributes.is_control() {
            true => drop(skipped.remove(&header.producer_id)),
            false if skipped.contains(&header.producer_id) => {}
            false => seen.push(value),
        }
    }
    seen
}

/// The batches of what was fetched, each with the value of its first record.
fn batches(data: &PartitionData) -> Vec<(millrace_kafka_wire::batch::BatchHeader, Vec<u8>)> {
    use millrace_kafka_wire::batch::{BatchHeader, HEADER_SIZE, Records};
    let millrace_kafka_wire::Segment::Bytes(bytes) = &data.records else {
        unreachable!("the codec reads bytes");
    };
    let mut rest = &bytes[..];
    let mut found = Vec::new();
    while !rest.is_empty() {
        let header = BatchHeader::read(rest).unwrap();
        let mut records = Records::new(&rest[HEADER_SIZE..header.size()], header.record_count);
        let value = records.next().unwrap().unwrap().value.unwrap_or_default();
        found.push((header, value.to_vec()));
        rest = &rest[header.size()..];
    }
    found
}

#[test]
fn records_are_seen_when_their_transaction_is_committed_and_never_when_it_is_aborted() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut reader = broker.client();
    reader.create_topic("orders", 1);
    let mut producer = Producer::start(&broker, "shop");
    assert_eq!(producer.send("orders", b"one"), 0);
    assert_eq!(producer.send("orders", b"two"), 0);
    // Written, and not to be seen yet by who reads what is committed.
    assert_eq!(reader.read_all("orders", 0, 0).len(), 2);
    let open = fetch_committed(&mut reader, "orders", 0);
    assert!(values(&open).is_empty());
    assert_eq!((open.last_stable_offset, open.high_watermark), (0, 2));

    let before = producer.epoch;
    assert_eq!(producer.end(true).error_code, 0);
    assert_eq!(producer.epoch, before + 1);
    assert_eq!(committed(&mut reader, "orders"), [b"one", b"two"]);

    assert_eq!(producer.send("orders", b"bad"), 0);
    assert_eq!(producer.end(false).error_code, 0);
    assert_eq!(producer.send("orders", b"three"), 0);
    assert_eq!(producer.end(true).error_code, 0);
    let expected: [&[u8]; 3] = [b"one", b"two", b"three"];
    assert_eq!(committed(&mut reader, "orders"), expected);
    // Also after a restart.
    drop((reader, producer));
    assert!(broker.stop());
    let broker = TestBroker::start(config(dir.path()));
    assert_eq!(committed(&mut broker.client(), "orders"), expected);
}

#[test]
fn a_producer_that_begins_anew_fences_the_one_before_and_aborts_what_that_left() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut reader = broker.client();
    reader.create_topic("orders", 1);
    let mut old = Producer::start(&broker, "shop");
    assert_eq!(old.send("orders", b"left"), 0);
    let mut new = Producer::start(&broker, "shop");
    let fenced = [
        ErrorCode::InvalidProducerEpoch.number(),
        ErrorCode::ProducerFenced.number(),
    ];
    assert!(fenced.contains(&old.send("orders", b"late")));
    assert!(fenced.contains(&old.end(true).error_code));
    assert_eq!(new.send("orders", b"new"), 0);
    assert_eq!(new.end(true).error_code, 0);
    assert_eq!(committed(&mut reader, "orders"), [b"new"]);
}

#[test]
fn a_transaction_that_a_restart_interrupts_is_ended_as_it_was_decided() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    broker.client().create_topic("orders", 1);
    let mut producer = Producer::start(&broker, "shop");
    assert_eq!(producer.send("orders", b"one"), 0);
    assert_eq!(producer.end(true).error_code, 0);
    assert_eq!(producer.send("orders", b"open"), 0);
    drop(producer);
    assert!(broker.stop());
    let broker = TestBroker::start(config(dir.path()));
    // The next producer of the id aborts what was open.
    let mut producer = Producer::start(&broker, "shop");
    assert_eq!(producer.send("orders", b"two"), 0);
    assert_eq!(producer.end(true).error_code, 0);
    assert_eq!(committed(&mut broker.client(), "orders"), [b"one", b"two"]);
}

#[test]
fn offsets_in_a_transaction_count_when_it_is_committed() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    let mut client = broker.client();
    client.create_topic("orders", 1);
    let mut producer = Producer::start(&broker, "shop");
    let mut offset = |require_stable: bool| {
        let request = OffsetFetchRequest {
            groups: vec![OffsetFetchRequestGroup {
                group_id: "shop".into(),
                member_id: None,
                member_epoch: -1,
                topics: Some(vec![OffsetFetchRequestTopics {
                    name: "orders".into(),
                    partition_indexes: vec![0],
                    ..OffsetFetchRequestTopics::default()
                }]),
            }],
            topics: Some(Vec::new()),
            require_stable,
            ..OffsetFetchRequest::default()
        };
        let mut response = client.ask(8, &request);
        let found = response
            .groups
            .remove(0)
            .topics
            .remove(0)
            .partitions
            .remove(0);
        (found.error_code, found.committed_offset)
    };
    assert_eq!(producer.commit_offset("shop", "orders", 5), 0);
    assert_eq!(offset(false), (0, -1));
    assert_eq!(offset(true).0, ErrorCode::UnstableOffsetCommit.number());
    assert_eq!(producer.end(true).error_code, 0);
    let seen = poll::until("the offset", poll::PATIENCE, || {
        (offset(true) == (0, 5)).then_some(())
    });
    seen.unwrap();
    assert_eq!(producer.commit_offset("shop", "orders", 9), 0);
    assert_eq!(producer.end(false).error_code, 0);
    let seen = poll::until("the end", poll::PATIENCE, || {
        (offset(true).0 == 0).then_some(())
    });
    seen.unwrap();
    assert_eq!(offset(true), (0, 5));
}

#[test]
fn a_batch_of_a_transaction_that_nobody_began_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let broker = TestBroker::start(config(dir.path()));
    broker.client().create_topic("orders", 1);
    let mut producer = Producer::start(&broker, "shop");
    producer.id += 1;
    assert_ne!(producer.send("orders", b"stranger"), 0);
    producer.id -= 1;
    let request = produce("orders", 0, producer.batch(b"nameless"), -1);
    let mut response = producer.client.ask(12, &request);
    let code = response
        .responses
        .remove(0)
        .partition_responses
        .remove(0)
        .error_code;
    assert_eq!(code, ErrorCode::TransactionalIdAuthorizationFailed.number());
    assert!(broker.client().read_all("orders", 0, 0).is_empty());
}
