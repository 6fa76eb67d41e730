use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::init_producer_id::InitProducerIdRequest;

use super::super::*;
use super::harness::*;

#[test]
fn a_new_transactional_id_gets_a_new_producer_id() {
    let mut bench = Bench::new();
    assert_eq!(bench.init(), Ok((FIRST, 0)));
    assert_eq!(bench.state(), "Empty");
    assert_eq!(bench.reload().init(), Ok((FIRST, 1)));
}

#[test]
fn a_producer_that_begins_fences_the_one_before() {
    let mut bench = Bench::new();
    let old = bench.begin();
    let new = bench.begin();
    assert_eq!(new, (old.0, old.1 + 1));
    for mut bench in [bench.reload(), bench] {
        assert_eq!(bench.add(old, "a"), ErrorCode::ProducerFenced);
        assert_eq!(bench.end(old, true), Err(ErrorCode::ProducerFenced));
        assert_eq!(bench.end(old, false), Err(ErrorCode::ProducerFenced));
        assert_eq!(bench.go_on(old), Err(ErrorCode::ProducerFenced));
        assert_eq!(bench.add(new, "a"), ErrorCode::None);
    }
}

#[test]
fn clients_that_do_not_know_fenced_are_told_of_the_epoch() {
    let mut bench = Bench::new();
    let old = bench.begin();
    bench.begin();
    let told = ErrorCode::InvalidProducerEpoch;
    assert_eq!(bench.init_at(3, init_of(old)), Err(told));
    assert_eq!(
        bench.init_at(4, init_of(old)),
        Err(ErrorCode::ProducerFenced)
    );
    assert_eq!(bench.add_at(1, old, "a"), told);
    assert_eq!(bench.add_at(2, old, "a"), ErrorCode::ProducerFenced);
    assert_eq!(bench.add_offsets_at(1, old), told);
    assert_eq!(bench.add_offsets_at(2, old), ErrorCode::ProducerFenced);
    assert_eq!(code(bench.end_at(1, old, true).error_code), told);
    let fenced = bench.end_at(2, old, true);
    assert_eq!(code(fenced.error_code), ErrorCode::ProducerFenced);
}

#[test]
fn an_open_transaction_is_aborted_before_another_producer_begins() {
    let mut bench = Bench::new();
    let old = bench.begin();
    bench.add(old, "a");
    assert_eq!(bench.init(), Err(ErrorCode::ConcurrentTransactions));
    assert_eq!(bench.state(), "PrepareAbort");
    assert_eq!(bench.init(), Err(ErrorCode::ConcurrentTransactions));
    let sent = bench.markers_written();
    assert_eq!(sent.len(), 1);
    assert!(!sent[0].is_commit);
    assert_eq!(sent[0].producer_epoch, old.1 + 1);
    assert_eq!(bench.state(), "CompleteAbort");
    let new = bench.begin();
    assert_eq!(new, (old.0, old.1 + 2));
    assert_eq!(bench.end(old, true), Err(ErrorCode::ProducerFenced));
    assert_eq!(bench.end(old, false), Err(ErrorCode::ProducerFenced));
}

#[test]
fn a_producer_that_goes_on_gets_the_next_epoch_and_the_same_one_when_it_asks_again() {
    let mut bench = Bench::new();
    let first = bench.begin();
    let next = bench.go_on(first).unwrap();
    assert_eq!(next, (first.0, first.1 + 1));
    assert_eq!(bench.go_on(first), Ok(next));
    assert_eq!(bench.go_on(next), Ok((next.0, next.1 + 1)));
    assert_eq!(bench.go_on(first), Err(ErrorCode::ProducerFenced));
}

#[test]
fn a_fenced_producer_that_goes_on_aborts_nothing() {
    let mut bench = Bench::new();
    let old = bench.begin();
    let new = bench.begin();
    bench.add(new, "a");
    assert_eq!(bench.go_on(old), Err(ErrorCode::ProducerFenced));
    assert_eq!(bench.state(), "Ongoing");
    assert!(bench.end(new, true).is_ok());
}

#[test]
fn a_producer_that_goes_on_in_a_transaction_aborts_it() {
    let mut bench = Bench::new();
    let producer = bench.begin();
    bench.add(producer, "a");
    let told = bench.go_on(producer);
    assert_eq!(told, Err(ErrorCode::ConcurrentTransactions));
    bench.markers_written();
    // The end raised the epoch already.
    assert_eq!(bench.go_on(producer), Ok((producer.0, producer.1 + 1)));
}

#[test]
fn a_producer_of_another_id_is_fenced() {
    let mut bench = Bench::new();
    let (id, epoch) = bench.begin();
    assert_eq!(bench.go_on((id + 1, epoch)), Err(ErrorCode::ProducerFenced));
}

#[test]
fn a_producer_that_goes_on_with_an_id_that_was_forgotten_gets_a_new_one() {
    let mut bench = Bench::new();
    assert_eq!(bench.go_on((99, 4)), Ok((FIRST, 0)));
}

#[test]
fn when_the_epochs_are_used_up_there_is_a_new_producer_id() {
    let mut bench = Bench::at((3, LAST));
    assert_eq!(bench.init(), Ok((FIRST, 0)));

    let mut bench = Bench::at((3, LAST));
    assert_eq!(bench.go_on((3, LAST - 1)), Err(ErrorCode::ProducerFenced));
    assert_eq!(bench.go_on((3, LAST)), Ok((FIRST, 0)));
    assert_eq!(bench.go_on((3, LAST)), Ok((FIRST, 0)));
    assert_eq!(bench.go_on((FIRST, 0)), Ok((FIRST, 1)));
    assert_eq!(bench.go_on((3, LAST)), Err(ErrorCode::ProducerFenced));
}

#[test]
fn the_last_epoch_is_told_again_to_a_producer_whose_answer_got_lost() {
    let mut bench = Bench::at((3, LAST - 1));
    assert_eq!(bench.go_on((3, LAST - 1)), Ok((3, LAST)));
    assert_eq!(bench.go_on((3, LAST - 1)), Ok((3, LAST)));
}

#[test]
fn a_timeout_has_to_be_positive_and_not_above_the_limit() {
    let mut bench = Bench::new();
    let max = bench.settings.max_timeout_ms;
    let with = |transaction_timeout_ms| InitProducerIdRequest {
        transaction_timeout_ms,
        ..init()
    };
    for timeout_ms in [0, -1, max + 1, i32::MAX] {
        let told = bench.init_at(5, with(timeout_ms));
        assert_eq!(told, Err(ErrorCode::InvalidTransactionTimeout));
    }
    assert!(bench.log.is_empty());
    assert!(bench.init_at(5, with(max)).is_ok());
    assert_eq!(bench.describe().transaction_timeout_ms, max);
}

#[test]
fn a_request_that_makes_no_sense_is_refused() {
    let mut bench = Bench::new();
    let nameless = InitProducerIdRequest {
        transactional_id: Some(Str::EMPTY),
        ..init()
    };
    let too_long = InitProducerIdRequest {
        transactional_id: Some("x".repeat(1 << 15).into()),
        ..init()
    };
    for request in [nameless, too_long, init_of((3, -1)), init_of((-1, 3))] {
        let told = bench.init_at(5, request);
        assert_eq!(told, Err(ErrorCode::InvalidRequest));
    }
    assert!(bench.log.is_empty());
}
