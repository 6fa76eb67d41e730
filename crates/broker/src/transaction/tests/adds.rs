use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::add_partitions_to_txn::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnTransaction,
};

use super::super::*;
use super::harness::*;

#[test]
fn a_transaction_begins_with_its_first_partition() {
    let mut bench = Bench::new();
    let producer = bench.begin();
    bench.advance(5);
    let began = bench.now;
    assert_eq!(bench.add(producer, "b"), ErrorCode::None);
    bench.advance(5);
    assert_eq!(bench.add_offsets_at(4, producer), ErrorCode::None);
    assert_eq!(bench.add_at(3, producer, "a"), ErrorCode::None);
    for mut bench in [bench.reload(), bench] {
        let described = bench.describe();
        assert_eq!(described.transaction_state, "Ongoing");
        assert_eq!(described.transaction_start_time_ms, began);
        let topics = described.topics.iter();
        let topics: Vec<_> = topics.map(|it| (&*it.topic, &it.partitions[..])).collect();
        let expected: [(&str, &[i32]); 3] =
            [("__consumer_offsets", &[13]), ("a", &[0]), ("b", &[0])];
        assert_eq!(topics, expected);
    }
}

#[test]
fn a_partition_that_is_in_the_transaction_is_not_written_again() {
    let mut bench = Bench::new();
    let producer = bench.begin();
    bench.add(producer, "a");
    let written = bench.log.len();
    assert_eq!(bench.add(producer, "a"), ErrorCode::None);
    assert_eq!(bench.log.len(), written);
}

#[test]
fn only_the_present_producer_adds_partitions() {
    let mut bench = Bench::new();
    let unknown = ErrorCode::InvalidProducerIdMapping;
    assert_eq!(bench.add((FIRST, 0), "a"), unknown);
    let (id, epoch) = bench.begin();
    assert_eq!(bench.add((id + 1, epoch), "a"), unknown);
    assert_eq!(bench.add((id, epoch + 1), "a"), ErrorCode::ProducerFenced);
    assert_eq!(bench.add_offsets_at(4, (id + 1, epoch)), unknown);
    assert_eq!(bench.state(), "Empty");
}

#[test]
fn the_next_transaction_waits_for_the_end_of_the_last() {
    let mut bench = Bench::new();
    let producer = bench.begin();
    bench.add(producer, "a");
    let next = bench.end(producer, true).unwrap();
    for identity in [producer, next] {
        let told = bench.add(identity, "b");
        assert_eq!(told, ErrorCode::ConcurrentTransactions);
        let told = bench.add_offsets_at(4, identity);
        assert_eq!(told, ErrorCode::ConcurrentTransactions);
    }
    bench.markers_written();
    assert_eq!(bench.add(producer, "b"), ErrorCode::ProducerFenced);
    assert_eq!(bench.add(next, "b"), ErrorCode::None);
}

fn transaction(id: &str, producer: (i64, i16), verify_only: bool) -> AddPartitionsToTxnTransaction {
    AddPartitionsToTxnTransaction {
        transactional_id: id.into(),
        producer_id: producer.0,
        producer_epoch: producer.1,
        verify_only,
        topics: vec![topic_of("a", &[0, 1])],
    }
}

fn ask(bench: &mut Bench, transactions: Vec<AddPartitionsToTxnTransaction>) -> Vec<Vec<ErrorCode>> {
    let request = AddPartitionsToTxnRequest {
        transactions,
        ..Default::default()
    };
    match bench.answer_to(4, Request::AddPartitionsToTxn(request)) {
        Response::AddPartitionsToTxn(it) => {
            assert_eq!(it.error_code, 0);
            let results = it.results_by_transaction.iter();
            let codes = results.map(|it| {
                let results = it.topic_results[0].results_by_partition.iter();
                results.map(|it| code(it.partition_error_code)).collect()
            });
            codes.collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_broker_asks_for_several_transactions_at_once() {
    let mut bench = Bench::new();
    let producer = bench.begin();
    let asked = vec![
        transaction(ID, producer, false),
        transaction("other", producer, false),
        transaction("", producer, false),
    ];
    let told = ask(&mut bench, asked);
    assert_eq!(told[0], [ErrorCode::None; 2]);
    assert_eq!(told[1], [ErrorCode::InvalidProducerIdMapping; 2]);
    assert_eq!(told[2], [ErrorCode::InvalidRequest; 2]);
    assert_eq!(bench.describe().topics[0].partitions, [0, 1]);
}

#[test]
fn a_broker_that_verifies_adds_nothing() {
    let mut bench = Bench::new();
    let producer = bench.begin();
    let verify = |bench: &mut Bench, it| ask(bench, vec![transaction(ID, it, true)]).remove(0);
    assert_eq!(
        verify(&mut bench, producer),
        [ErrorCode::TransactionAbortable; 2]
    );
    assert_eq!(bench.state(), "Empty");
    bench.add_at(3, producer, "a");
    let told = verify(&mut bench, producer);
    assert_eq!(told, [ErrorCode::None, ErrorCode::TransactionAbortable]);
    let fenced = (producer.0, producer.1 - 1);
    assert_eq!(verify(&mut bench, fenced), [ErrorCode::ProducerFenced; 2]);
    let unknown = (producer.0 + 1, producer.1);
    let told = verify(&mut bench, unknown);
    assert_eq!(told, [ErrorCode::InvalidProducerIdMapping; 2]);
    bench.end_at(4, producer, true);
    let told = verify(&mut bench, producer);
    assert_eq!(told, [ErrorCode::ConcurrentTransactions; 2]);
}

#[test]
fn a_transaction_whose_record_fits_no_batch_gets_no_larger() {
    let mut bench = Bench::with(TransactionSettings {
        max_batch_bytes: 1000,
        ..Default::default()
    });
    let producer = bench.begin();
    let mut code = ErrorCode::None;
    let mut count = 0;
    while code == ErrorCode::None {
        let before = bench.describe();
        code = bench.add(producer, &format!("topic-{count}"));
        if code != ErrorCode::None {
            assert_eq!(bench.describe(), before);
        }
        count += 1;
    }
    assert_eq!(code, ErrorCode::UnknownServerError);
    assert!(count > 10);
    assert!(bench.end(producer, true).is_ok());
    let sizes = bench.log.iter();
    let sizes = sizes.map(|it| crate::group::batch_size(std::slice::from_ref(it)));
    assert!(sizes.max().unwrap() <= 1000);
}
