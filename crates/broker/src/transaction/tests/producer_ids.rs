use millrace_kafka_wire::ErrorCode;

use super::super::*;
use super::harness::*;

fn answer(bench: &mut Bench, token: u64) -> Outcome {
    match bench.answers.remove(&token) {
        Some(Response::InitProducerId(it)) => outcome_of_init(&it),
        other => panic!("{other:?}"),
    }
}

fn init_named(id: &str) -> Request {
    let mut request = init();
    request.transactional_id = Some(id.into());
    Request::InitProducerId(request)
}

#[test]
fn requests_wait_for_producer_ids_in_their_order() {
    let mut bench = Bench::new();
    bench.gives_ids = false;
    assert!(!bench.shard.wants_producer_id());
    let one = bench.ask(5, init_named("one"));
    let two = bench.ask(5, init_named("two"));
    assert!(bench.shard.wants_producer_id());
    assert!(bench.answers.is_empty() && bench.log.is_empty());
    bench.give(Ok(50));
    assert_eq!(answer(&mut bench, one), Ok((50, 0)));
    assert!(bench.shard.wants_producer_id());
    bench.give(Ok(51));
    assert_eq!(answer(&mut bench, two), Ok((51, 0)));
    assert!(!bench.shard.wants_producer_id());
}

#[test]
fn an_id_that_is_not_needed_any_more_is_kept_for_the_next() {
    let mut bench = Bench::new();
    bench.gives_ids = false;
    let one = bench.ask(5, init_named("one"));
    let again = bench.ask(5, init_named("one"));
    bench.give(Ok(50));
    assert_eq!(answer(&mut bench, one), Ok((50, 0)));
    assert_eq!(answer(&mut bench, again), Ok((50, 1)));
    bench.give(Ok(51));
    let two = bench.ask(5, init_named("two"));
    assert_eq!(answer(&mut bench, two), Ok((51, 0)));
}

#[test]
fn when_there_is_no_producer_id_the_requests_are_told_why() {
    let mut bench = Bench::new();
    bench.gives_ids = false;
    let one = bench.ask(5, init_named("one"));
    bench.give(Err(ErrorCode::RequestTimedOut));
    let told = answer(&mut bench, one);
    assert_eq!(told, Err(ErrorCode::CoordinatorNotAvailable));
    assert!(!bench.shard.wants_producer_id());
    assert!(bench.log.is_empty());
}

#[test]
fn a_commit_at_the_last_epoch_waits_for_a_producer_id() {
    let last = (3, LAST);
    let mut bench = Bench::at(last);
    bench.gives_ids = false;
    bench.add(last, "a");
    let request = millrace_kafka_wire::api::end_txn::EndTxnRequest {
        transactional_id: ID.into(),
        producer_id: last.0,
        producer_epoch: last.1,
        committed: true,
    };
    let token = bench.ask(5, Request::EndTxn(request));
    assert_eq!(bench.state(), "Ongoing");
    // Its time is over meanwhile: who asked first is first.
    bench.advance(TIMEOUT_MS.into());
    assert_eq!(bench.state(), "Ongoing");
    bench.give(Ok(50));
    assert_eq!(bench.state(), "PrepareCommit");
    match bench.answers.remove(&token) {
        Some(Response::EndTxn(it)) => assert_eq!((it.producer_id, it.producer_epoch), (50, 0)),
        other => panic!("{other:?}"),
    }
    assert!(!bench.shard.wants_producer_id());
}

#[test]
fn a_transaction_that_times_out_at_the_last_epoch_waits_for_a_producer_id() {
    let last = (3, LAST);
    let mut bench = Bench::at(last);
    bench.gives_ids = false;
    bench.add(last, "a");
    bench.advance(TIMEOUT_MS.into());
    assert_eq!(bench.state(), "Ongoing");
    assert!(bench.shard.wants_producer_id());
    bench.give(Err(ErrorCode::RequestTimedOut));
    assert!(!bench.shard.wants_producer_id());
    bench.advance(bench.settings.abort_retry_ms);
    assert!(bench.shard.wants_producer_id());
    bench.give(Ok(50));
    assert_eq!(bench.state(), "PrepareAbort");
    bench.markers_written();
    assert_eq!(bench.describe().producer_id, 50);
}

#[test]
fn requests_that_wait_are_answered_when_the_shard_ends() {
    let mut bench = Bench::new();
    bench.gives_ids = false;
    let token = bench.ask(3, init_named("one"));
    let left = bench.shard.close(ErrorCode::NotCoordinator);
    let [(told, Response::InitProducerId(it))] = &left[..] else {
        panic!("{left:?}");
    };
    assert_eq!(told.0, token);
    assert_eq!(outcome_of_init(it), Err(ErrorCode::NotCoordinator));
}
