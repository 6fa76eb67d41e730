use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::describe_transactions::DescribeTransactionsRequest;
use millrace_kafka_wire::api::list_transactions::{
    ListTransactionsRequest, ListTransactionsResponse,
};

use super::super::*;
use super::harness::*;

/// One id that is empty, and one whose transaction is open for a second.
fn two() -> (Bench, (i64, i16)) {
    let mut bench = Bench::new();
    let producer = bench.begin();
    bench.add(producer, "a");
    bench.advance(1000);
    let mut request = init();
    request.transactional_id = Some("refunds".into());
    bench.init_at(5, request).unwrap();
    (bench, producer)
}

fn list(bench: &mut Bench, request: ListTransactionsRequest) -> ListTransactionsResponse {
    match bench.answer_to(2, Request::ListTransactions(request)) {
        Response::ListTransactions(it) => it,
        other => panic!("{other:?}"),
    }
}

fn ids(bench: &mut Bench, request: ListTransactionsRequest) -> Vec<String> {
    let listed = list(bench, request);
    assert_eq!(listed.error_code, 0);
    let states = listed.transaction_states.iter();
    states.map(|it| it.transactional_id.to_string()).collect()
}

#[test]
fn all_ids_are_listed_with_their_states() {
    let (mut bench, producer) = two();
    let listed = list(&mut bench, Default::default());
    let states = listed.transaction_states.iter();
    let states: Vec<_> = states
        .map(|it| {
            (
                &*it.transactional_id,
                it.producer_id,
                &*it.transaction_state,
            )
        })
        .collect();
    let expected = [
        (ID, producer.0, "Ongoing"),
        ("refunds", producer.0 + 1, "Empty"),
    ];
    assert_eq!(states, expected);
}

#[test]
fn filters_of_a_list_hold_together() {
    let (mut bench, producer) = two();
    let of_states = |names: &[&str]| ListTransactionsRequest {
        state_filters: names.iter().map(|it| Str::from(*it)).collect(),
        ..Default::default()
    };
    assert_eq!(ids(&mut bench, of_states(&["Ongoing"])), [ID]);
    assert_eq!(ids(&mut bench, of_states(&["Dead"])), [""; 0]);
    let listed = list(
        &mut bench,
        of_states(&["ongoing", "Empty", "PrepareEpochFence"]),
    );
    assert_eq!(listed.unknown_state_filters, ["ongoing"]);
    assert_eq!(listed.transaction_states.len(), 1);

    let of_producer = |id| ListTransactionsRequest {
        producer_id_filters: vec![id],
        ..Default::default()
    };
    assert_eq!(ids(&mut bench, of_producer(producer.0)), [ID]);
    assert_eq!(ids(&mut bench, of_producer(99)), [""; 0]);

    let longer_than = |duration_filter| ListTransactionsRequest {
        duration_filter,
        ..of_states(&["Ongoing"])
    };
    assert_eq!(ids(&mut bench, longer_than(999)), [ID]);
    assert_eq!(ids(&mut bench, longer_than(1000)), [""; 0]);
}

#[test]
fn a_pattern_is_of_the_whole_id() {
    let (mut bench, _) = two();
    let like = |pattern: &str| ListTransactionsRequest {
        transactional_id_pattern: Some(pattern.into()),
        ..Default::default()
    };
    assert_eq!(ids(&mut bench, like("")).len(), 2);
    assert_eq!(ids(&mut bench, like("pay")), [""; 0]);
    assert_eq!(ids(&mut bench, like("pay.*|x")), [ID]);
    assert_eq!(ids(&mut bench, like("x|ref|refunds")), ["refunds"]);
    for pattern in ["(", ")|(", "a{1000}{1000}{1000}"] {
        let told = list(&mut bench, like(pattern));
        assert_eq!(code(told.error_code), ErrorCode::InvalidRegularExpression);
        assert!(told.transaction_states.is_empty());
    }
}

#[test]
fn an_id_that_is_not_there_is_not_found() {
    let (mut bench, _) = two();
    let request = DescribeTransactionsRequest {
        transactional_ids: vec!["other".into(), Str::EMPTY, "refunds".into()],
    };
    match bench.answer_to(0, Request::DescribeTransactions(request)) {
        Response::DescribeTransactions(it) => {
            let codes = it.transaction_states.iter().map(|it| code(it.error_code));
            let expected = [
                ErrorCode::TransactionalIdNotFound,
                ErrorCode::InvalidRequest,
                ErrorCode::None,
            ];
            assert_eq!(codes.collect::<Vec<_>>(), expected);
            assert_eq!(it.transaction_states[0].transactional_id, "other");
            assert_eq!(it.transaction_states[2].transaction_start_time_ms, -1);
        }
        other => panic!("{other:?}"),
    }
}
