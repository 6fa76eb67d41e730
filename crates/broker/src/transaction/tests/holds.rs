//! Decisions that are held, and who waits for those before.

use millrace_kafka_wire::ErrorCode;

use super::super::*;
use super::harness::*;
use millrace_kafka_wire::api::end_txn::EndTxnRequest;

fn hold(bench: &mut Bench) -> u64 {
    bench.ask(0, Request::Hold)
}

fn release(bench: &mut Bench) {
    let effects = bench.shard.release(bench.now);
    bench.run(effects);
}

fn settled(bench: &mut Bench, token: u64) -> Option<Response> {
    bench.answers.remove(&token)
}

/// Asks for an end, which may wait.
fn end_later(bench: &mut Bench, (producer_id, producer_epoch): (i64, i16), committed: bool) -> u64 {
    let request = EndTxnRequest {
        transactional_id: ID.into(),
        producer_id,
        producer_epoch,
        committed,
    };
    bench.ask(5, Request::EndTxn(request))
}

fn end_code(bench: &mut Bench, token: u64) -> Option<ErrorCode> {
    match bench.answers.remove(&token)? {
        Response::EndTxn(it) => Some(code(it.error_code)),
        other => panic!("{other:?}"),
    }
}

const SETTLED: Option<Response> = Some(Response::Settled(ErrorCode::None));

#[test]
fn a_hold_is_answered_when_the_markers_before_it_are_written() {
    let mut bench = Bench::new();
    let producer = bench.begin();
    bench.add(producer, "a");
    bench.end(producer, true).unwrap();
    let token = hold(&mut bench);
    assert_eq!(settled(&mut bench, token), None);
    bench.markers_written();
    assert_eq!(settled(&mut bench, token), SETTLED);
    assert_eq!(bench.state(), "CompleteCommit");
    // Nothing is ending any more.
    let again = hold(&mut bench);
    assert_eq!(settled(&mut bench, again), SETTLED);
}

#[test]
fn an_end_waits_until_decisions_are_released_and_nothing_else_does() {
    let mut bench = Bench::new();
    let producer = bench.begin();
    bench.add(producer, "a");
    hold(&mut bench);
    let records = bench.log.len();
    let end = end_later(&mut bench, producer, true);
    assert_eq!(end_code(&mut bench, end), None);
    assert_eq!(bench.log.len(), records, "nothing is decided");
    assert_eq!(bench.state(), "Ongoing");
    assert_eq!(bench.add(producer, "b"), ErrorCode::None);
    release(&mut bench);
    assert_eq!(end_code(&mut bench, end), Some(ErrorCode::None));
    let sent = bench.markers_written();
    assert_eq!(sent[0].partitions.len(), 2);
    assert_eq!(bench.state(), "CompleteCommit");
}

#[test]
fn who_asks_again_meanwhile_is_told_that_the_transaction_is_ending() {
    let mut bench = Bench::new();
    let producer = bench.begin();
    bench.add(producer, "a");
    hold(&mut bench);
    let first = end_later(&mut bench, producer, true);
    let second = end_later(&mut bench, producer, true);
    release(&mut bench);
    assert_eq!(end_code(&mut bench, first), Some(ErrorCode::None));
    let concurrent = Some(ErrorCode::ConcurrentTransactions);
    assert_eq!(end_code(&mut bench, second), concurrent);
}

#[test]
fn a_producer_that_begins_anew_waits_since_it_would_abort() {
    let mut bench = Bench::new();
    let producer = bench.begin();
    bench.add(producer, "a");
    hold(&mut bench);
    let token = bench.ask(5, Request::InitProducerId(init()));
    assert!(!bench.answers.contains_key(&token));
    assert_eq!(bench.state(), "Ongoing");
    release(&mut bench);
    assert!(bench.answers.remove(&token).is_some());
    assert_eq!(bench.state(), "PrepareAbort");
}

#[test]
fn a_transaction_whose_time_is_over_is_aborted_when_decisions_are_released() {
    let mut bench = Bench::new();
    let producer = bench.begin();
    bench.add(producer, "a");
    hold(&mut bench);
    bench.advance(i64::from(TIMEOUT_MS) * 2);
    assert_eq!(bench.state(), "Ongoing");
    // It is looked at once, not without end.
    assert_eq!(bench.shard.deadline(), None);
    release(&mut bench);
    assert_eq!(bench.state(), "PrepareAbort");
    bench.markers_written();
    assert_eq!(bench.state(), "CompleteAbort");
}

#[test]
fn an_end_that_waits_for_a_release_may_wait_for_a_producer_id_then() {
    let mut bench = Bench::at((FIRST, LAST));
    bench.next_id = FIRST + 1;
    let producer = (FIRST, LAST);
    assert_eq!(bench.add(producer, "a"), ErrorCode::None);
    hold(&mut bench);
    let end = end_later(&mut bench, producer, true);
    assert!(!bench.shard.wants_producer_id());
    bench.gives_ids = false;
    release(&mut bench);
    assert!(bench.shard.wants_producer_id());
    assert_eq!(end_code(&mut bench, end), None);
    bench.give(Ok(FIRST + 1));
    assert_eq!(end_code(&mut bench, end), Some(ErrorCode::None));
}

#[test]
fn who_waits_is_answered_when_the_coordinator_moves_away() {
    let mut bench = Bench::new();
    let producer = bench.begin();
    bench.add(producer, "a");
    bench.end(producer, true).unwrap();
    let held = hold(&mut bench);
    let next = (producer.0, producer.1 + 1);
    let init = bench.ask(5, Request::InitProducerId(init_of(next)));
    assert!(
        bench.answers.remove(&init).is_some(),
        "it is told to try again"
    );
    bench.markers_written();
    assert_eq!(settled(&mut bench, held), SETTLED);
    bench.add(next, "a");
    let end = end_later(&mut bench, next, true);
    let closed = bench.shard.close(ErrorCode::NotCoordinator);
    let tokens: Vec<_> = closed.iter().map(|(token, _)| token.0).collect();
    assert_eq!(tokens, [end]);
}

#[test]
fn a_coordinator_that_begins_held_decides_nothing() {
    let mut bench = Bench::new();
    let producer = bench.begin();
    bench.add(producer, "a");
    let mut other = bench.reload();
    other.shard.hold();
    let end = end_later(&mut other, producer, true);
    assert_eq!(end_code(&mut other, end), None);
    release(&mut other);
    assert_eq!(end_code(&mut other, end), Some(ErrorCode::None));
    // What is not held is not released.
    assert_eq!(other.shard.release(other.now), Effects::default());
}

#[test]
fn all_that_is_open_is_aborted_and_its_producers_are_fenced() {
    let mut bench = Bench::new();
    let producer = bench.begin();
    bench.add(producer, "a");
    let token = bench.ask(0, Request::AbortAll);
    assert_eq!(settled(&mut bench, token), None);
    let sent = bench.markers_written();
    assert!(!sent[0].is_commit);
    assert_eq!(settled(&mut bench, token), SETTLED);
    assert_eq!(bench.state(), "CompleteAbort");
    assert_eq!(bench.add(producer, "a"), ErrorCode::ProducerFenced);
    let again = bench.ask(0, Request::AbortAll);
    assert_eq!(settled(&mut bench, again), SETTLED);
}

#[test]
fn a_transaction_that_was_ending_when_the_log_was_read_is_waited_for() {
    let mut bench = Bench::new();
    let producer = bench.begin();
    bench.add(producer, "a");
    bench.end(producer, true).unwrap();
    let mut other = bench.reload();
    let token = hold(&mut other);
    assert_eq!(settled(&mut other, token), None);
    other.markers_written();
    assert_eq!(settled(&mut other, token), SETTLED);
}

#[test]
fn aborting_needs_an_id_where_the_epochs_of_one_are_used_up() {
    let mut bench = Bench::at((FIRST, LAST));
    bench.gives_ids = false;
    bench.add((FIRST, LAST), "a");
    let token = bench.ask(0, Request::AbortAll);
    assert!(bench.shard.wants_producer_id());
    assert_eq!(settled(&mut bench, token), None);
    bench.give(Ok(FIRST + 1));
    bench.markers_written();
    assert_eq!(settled(&mut bench, token), SETTLED);
    let described = bench.describe();
    assert_eq!(
        (described.producer_id, described.producer_epoch),
        (FIRST + 1, 0)
    );
}

#[test]
fn every_id_gets_a_new_producer_so_that_none_goes_on_that_had_it() {
    let mut bench = Bench::new();
    let producer = bench.begin();
    bench.add(producer, "a");
    bench.end(producer, true).unwrap();
    bench.markers_written();
    let next = (producer.0, producer.1 + 1);
    let below = bench.next_id;
    let token = bench.ask(0, Request::RenewAll { below });
    assert_eq!(settled(&mut bench, token), SETTLED);
    let described = bench.describe();
    let renewed = (described.producer_id, described.producer_epoch);
    assert_eq!(renewed, (below, 0));
    for stale in [producer, next, (producer.0, producer.1 + 2)] {
        let refused = bench.add(stale, "a");
        assert_ne!(refused, ErrorCode::None);
        assert!(bench.go_on(stale).is_err());
    }
    assert_eq!(bench.begin(), (below, 1));
    // It is new by now.
    let again = bench.ask(0, Request::RenewAll { below });
    assert_eq!(settled(&mut bench, again), SETTLED);
    assert_eq!(bench.describe().producer_id, below);
}
