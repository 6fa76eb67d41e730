use millrace_kafka_wire::ErrorCode;

use super::super::*;
use super::harness::*;

/// A transaction with a partition that was ended in this version, and the identity after it.
fn ended(version: i16, committed: bool) -> (Bench, (i64, i16), (i64, i16)) {
    let mut bench = Bench::new();
    let producer = bench.begin();
    bench.add_at(3, producer, "a");
    let it = bench.end_at(version, producer, committed);
    assert_eq!(it.error_code, 0);
    bench.markers_written();
    let described = bench.describe();
    let after = (described.producer_id, described.producer_epoch);
    (bench, producer, after)
}

fn end_code(bench: &mut Bench, version: i16, identity: (i64, i16), committed: bool) -> ErrorCode {
    code(bench.end_at(version, identity, committed).error_code)
}

#[test]
fn an_end_is_answered_when_it_is_decided_and_then_partitions_are_told() {
    let mut bench = Bench::new();
    let producer = bench.begin();
    bench.add(producer, "b");
    bench.add(producer, "a");
    assert_eq!(bench.end(producer, true), Ok((producer.0, producer.1 + 1)));
    assert_eq!(bench.state(), "PrepareCommit");
    let expected = Markers {
        transactional_id: ID.into(),
        producer_id: producer.0,
        producer_epoch: producer.1 + 1,
        coordinator_epoch: 0,
        is_commit: true,
        partitions: vec![("a".into(), 0), ("b".into(), 0)],
        transaction_version: 2,
    };
    assert_eq!(bench.markers_written(), [expected]);
    assert_eq!(bench.state(), "CompleteCommit");
    assert!(bench.describe().topics.is_empty());
}

#[test]
fn a_client_before_version_2_of_transactions_keeps_its_epoch() {
    let mut bench = Bench::new();
    let producer = bench.begin();
    bench.add_at(3, producer, "a");
    let told = bench.end_at(4, producer, false);
    assert_eq!((told.producer_id, told.producer_epoch), (-1, -1));
    let sent = bench.markers_written();
    assert_eq!(sent[0].producer_epoch, producer.1);
    assert_eq!(sent[0].transaction_version, 0);
    assert!(!sent[0].is_commit);
    assert_eq!(bench.state(), "CompleteAbort");
    assert_eq!(bench.add_at(3, producer, "a"), ErrorCode::None);
}

#[test]
fn the_end_and_the_markers_wait_for_the_same_step() {
    let mut bench = Bench::new();
    let producer = bench.begin();
    bench.add(producer, "a");
    let request = Request::EndTxn(millrace_kafka_wire::api::end_txn::EndTxnRequest {
        transactional_id: ID.into(),
        producer_id: producer.0,
        producer_epoch: producer.1,
        committed: true,
    });
    let caller = Caller {
        version: 5,
        client_id: Str::EMPTY,
        client_host: Str::EMPTY,
    };
    let effects = bench.shard.handle(bench.now, Token(99), caller, request);
    let [step] = &effects.steps[..] else {
        panic!("{effects:?}");
    };
    assert_eq!((step.records.len(), step.replies.len()), (1, 1));
    assert_eq!(step.markers.len(), 1);
}

#[test]
fn an_end_that_is_asked_for_again_ends_nothing_and_says_the_same() {
    for (committed, other) in [(true, false), (false, true)] {
        let (mut bench, producer, after) = ended(5, committed);
        for mut bench in [bench.reload(), {
            bench.sent.clear();
            bench
        }] {
            let written = bench.log.len();
            assert_eq!(bench.end(producer, committed), Ok(after));
            assert_eq!(bench.end(producer, other), Err(ErrorCode::InvalidTxnState));
            assert_eq!(bench.log.len(), written);
        }

        let (mut bench, producer, _) = ended(4, committed);
        let written = bench.log.len();
        assert_eq!(
            end_code(&mut bench, 4, producer, committed),
            ErrorCode::None
        );
        let told = end_code(&mut bench, 4, producer, other);
        assert_eq!(told, ErrorCode::InvalidTxnState);
        assert_eq!(bench.log.len(), written);
    }
}

#[test]
fn an_end_that_is_asked_for_while_partitions_are_told_is_to_be_asked_for_again() {
    for version in [4, 5] {
        let mut bench = Bench::new();
        let producer = bench.begin();
        bench.add(producer, "a");
        bench.end_at(version, producer, true);
        for committed in [true, false] {
            let told = end_code(&mut bench, version, producer, committed);
            assert_eq!(told, ErrorCode::ConcurrentTransactions);
        }
        let told = bench.init();
        assert_eq!(told, Err(ErrorCode::ConcurrentTransactions));
        assert_eq!(bench.sent.len(), 1);
    }
}

#[test]
fn before_version_2_only_a_transaction_that_began_can_end() {
    let mut bench = Bench::new();
    let producer = bench.begin();
    for committed in [true, false] {
        let told = end_code(&mut bench, 4, producer, committed);
        assert_eq!(told, ErrorCode::InvalidTxnState);
    }
    assert_eq!(bench.state(), "Empty");
}

#[test]
fn from_version_2_on_an_abort_of_nothing_raises_the_epoch() {
    let mut bench = Bench::new();
    let first = bench.begin();
    assert_eq!(bench.end(first, true), Err(ErrorCode::InvalidTxnState));
    let second = bench.end(first, false).unwrap();
    assert_eq!(second, (first.0, first.1 + 1));
    assert_eq!(bench.state(), "CompleteAbort");
    assert!(bench.sent.is_empty());
    // Asked for again, and by the next epoch.
    assert_eq!(bench.end(first, false), Ok(second));
    assert_eq!(bench.end(first, true), Err(ErrorCode::InvalidTxnState));
    assert_eq!(bench.end(second, true), Err(ErrorCode::InvalidTxnState));
    let third = bench.end(second, false).unwrap();
    assert_eq!(third, (first.0, first.1 + 2));
    assert_eq!(bench.end(first, false), Err(ErrorCode::ProducerFenced));

    let (mut bench, producer, after) = ended(5, true);
    assert_eq!(bench.end(after, true), Err(ErrorCode::InvalidTxnState));
    assert_eq!(bench.end(after, false), Ok((after.0, after.1 + 1)));
    assert_eq!(bench.end(producer, true), Err(ErrorCode::ProducerFenced));
}

#[test]
fn an_end_needs_the_present_producer() {
    for version in [4, 5] {
        let mut bench = Bench::new();
        let unknown = ErrorCode::InvalidProducerIdMapping;
        assert_eq!(end_code(&mut bench, version, (FIRST, 0), true), unknown);
        let (id, epoch) = bench.begin();
        bench.add_at(3, (id, epoch), "a");
        let told = end_code(&mut bench, version, (id + 1, epoch), true);
        assert_eq!(told, unknown);
        for epoch in [epoch - 1, epoch + 1] {
            let told = end_code(&mut bench, version, (id, epoch), true);
            assert_eq!(told, ErrorCode::ProducerFenced);
        }
        assert_eq!(bench.state(), "Ongoing");
    }
}

#[test]
fn a_transaction_is_over_when_every_partition_was_told() {
    let mut bench = Bench::new();
    let producer = bench.begin();
    bench.add(producer, "a");
    bench.add(producer, "b");
    bench.end(producer, true).unwrap();
    let mut told = bench.sent.remove(0);
    let last = told.partitions.split_off(1);
    for _ in 0..2 {
        let effects = bench.shard.on_markers_written(bench.now, &told);
        bench.run(effects);
        assert_eq!(bench.state(), "PrepareCommit");
    }
    let left = bench.describe().topics;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].topic, "b");
    // Another coordinator tells all of them again.
    assert_eq!(bench.reload().sent[0].partitions.len(), 2);
    told.partitions = last;
    let effects = bench.shard.on_markers_written(bench.now, &told);
    bench.run(effects);
    assert_eq!(bench.state(), "CompleteCommit");
}

#[test]
fn what_is_said_of_another_transaction_changes_nothing() {
    let mut bench = Bench::new();
    let producer = bench.begin();
    bench.add(producer, "a");
    let next = bench.end(producer, true).unwrap();
    let old = bench.markers_written().remove(0);
    bench.add(next, "a");
    bench.end(next, true).unwrap();
    let sent = bench.sent[0].clone();
    let others = [
        old,
        Markers {
            is_commit: false,
            ..sent.clone()
        },
        Markers {
            transactional_id: "other".into(),
            ..sent.clone()
        },
        Markers {
            producer_id: sent.producer_id + 1,
            ..sent
        },
    ];
    for other in others {
        let effects = bench.shard.on_markers_written(bench.now, &other);
        assert_eq!(effects, Effects::default());
        assert_eq!(bench.state(), "PrepareCommit");
    }
}

#[test]
fn the_end_at_the_last_epoch_begins_a_new_producer_id() {
    let last = (3, LAST);
    let mut bench = Bench::at(last);
    bench.add(last, "a");
    assert_eq!(bench.end(last, true), Ok((FIRST, 0)));
    // Markers are of the old id, in the one epoch that is left.
    for bench in [&bench, &bench.reload()] {
        assert_eq!(bench.sent[0].producer_id, 3);
        assert_eq!(bench.sent[0].producer_epoch, i16::MAX);
    }
    let mut other = bench.reload();
    for bench in [&mut other, &mut bench] {
        assert_eq!(
            bench.end(last, true),
            Err(ErrorCode::ConcurrentTransactions)
        );
        bench.markers_written();
        assert_eq!(bench.end(last, true), Ok((FIRST, 0)));
        assert_eq!(bench.end(last, false), Err(ErrorCode::InvalidTxnState));
    }
    assert_eq!(bench.reload().end(last, true), Ok((FIRST, 0)));
    assert_eq!(bench.add((FIRST, 0), "a"), ErrorCode::None);
    let told = bench.end(last, true);
    assert_eq!(told, Err(ErrorCode::InvalidProducerIdMapping));
}

#[test]
fn an_open_transaction_at_the_last_epoch_can_be_fenced() {
    let last = (3, LAST);
    let mut bench = Bench::at(last);
    bench.add(last, "a");
    assert_eq!(bench.init(), Err(ErrorCode::ConcurrentTransactions));
    assert_eq!(bench.sent[0].producer_epoch, i16::MAX);
    bench.markers_written();
    assert_eq!(bench.init(), Ok((FIRST, 1)));
    for committed in [true, false] {
        let told = bench.end(last, committed);
        assert_eq!(told, Err(ErrorCode::InvalidProducerIdMapping));
    }
}

#[test]
fn one_who_was_fenced_does_not_pass_for_one_who_asks_again() {
    let mut bench = Bench::new();
    let old = bench.begin();
    let new = bench.begin();
    // The new one is a client that keeps its epoch.
    bench.add_at(3, new, "a");
    bench.end_at(4, new, true);
    bench.markers_written();
    assert_eq!(bench.end(old, true), Err(ErrorCode::ProducerFenced));
}
