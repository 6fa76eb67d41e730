//! Idempotent producers and transactions: the rules of Kafka and their errors.

use crate::support::{
    CLIENT, COORDINATOR, append, disk, marker, open, produced, small, transactional, try_open,
};
use bytes::Bytes;
use millrace_kafka_wire::batch::ControlType::{Abort, Commit};
use millrace_log::{AbortedTxn, Batch, Log, Opening, Origin, Refusal};

fn code(log: &mut Log, batch: Bytes, origin: Origin) -> i16 {
    append(log, batch, origin).unwrap_err().code()
}

#[test]
fn a_batch_that_comes_again_is_answered_with_its_offset() {
    let mut log = open(&disk(1), small());
    for number in 0..6 {
        append(&mut log, produced(7, 0, number * 3, 3), CLIENT).unwrap();
    }
    for number in 1..6 {
        let again = append(&mut log, produced(7, 0, number * 3, 3), CLIENT).unwrap();
        assert!(again.is_duplicate);
        assert_eq!(again.base_offset, i64::from(number) * 3);
    }
    assert_eq!(log.end_offset(), 18);
    // Five are remembered; the sixth is too old to be told from a mistake.
    assert_eq!(code(&mut log, produced(7, 0, 0, 3), CLIENT), 45);
    // Another range is no duplicate.
    assert_eq!(code(&mut log, produced(7, 0, 15, 2), CLIENT), 45);
}

#[test]
fn sequences_follow_each_other_within_one_call_too() {
    let mut log = open(&disk(1), small());
    let sent = [
        produced(7, 0, 0, 2),
        produced(7, 0, 2, 1),
        produced(7, 0, 2, 1),
        produced(7, 0, 9, 1),
    ];
    let batches = sent.map(|it| Batch::own(it).unwrap());
    let results = log.append(&batches, CLIENT, 1, 0).unwrap();
    assert_eq!(results[1].unwrap().base_offset, 2);
    assert!(results[2].unwrap().is_duplicate && results[2].unwrap().base_offset == 2);
    assert_eq!(results[3], Err(Refusal::Sequence { given: 9, last: 2 }));
    assert_eq!(log.end_offset(), 3);
}

#[test]
fn a_sequence_starts_again_after_the_largest() {
    let mut log = open(&disk(1), small());
    append(&mut log, produced(7, 0, i32::MAX - 1, 2), CLIENT).unwrap();
    append(&mut log, produced(7, 0, 0, 1), CLIENT).unwrap();
    let again = append(&mut log, produced(7, 0, i32::MAX - 1, 2), CLIENT).unwrap();
    assert!(again.is_duplicate);
    append(&mut log, produced(8, 0, i32::MAX, 3), CLIENT).unwrap();
    append(&mut log, produced(8, 0, 2, 1), CLIENT).unwrap();
    assert!(
        append(&mut log, produced(8, 0, i32::MAX, 3), CLIENT)
            .unwrap()
            .is_duplicate
    );
}

#[test]
fn epochs_fence_and_begin_with_sequence_0() {
    let mut log = open(&disk(1), small());
    // Of an unknown producer any sequence may be the next, unless it is transactional.
    append(&mut log, produced(7, 5, 100, 1), CLIENT).unwrap();
    assert_eq!(code(&mut log, transactional(9, 0, 1, 1), CLIENT), 45);
    let older = Origin::Client {
        transaction_version: 1,
    };
    append(&mut log, transactional(9, 0, 1, 1), older).unwrap();
    assert_eq!(code(&mut log, produced(7, 4, 101, 1), CLIENT), 47);
    assert_eq!(code(&mut log, produced(7, 6, 101, 1), CLIENT), 45);
    append(&mut log, produced(7, 6, 0, 1), CLIENT).unwrap();
    assert_eq!(code(&mut log, produced(7, 5, 101, 1), CLIENT), 47);
    assert_eq!(log.producer(7).unwrap().epoch, 6);
}

#[test]
fn the_last_stable_offset_waits_for_the_oldest_transaction_and_its_marker() {
    let mut log = open(&disk(1), small());
    append(&mut log, produced(1, 0, 0, 2), CLIENT).unwrap();
    append(&mut log, transactional(7, 0, 0, 2), CLIENT).unwrap();
    append(&mut log, transactional(8, 0, 0, 2), CLIENT).unwrap();
    assert_eq!(log.oldest_transaction(), Some((2, 7)));
    assert_eq!(code(&mut log, produced(7, 0, 2, 1), CLIENT), 48);
    log.set_high_watermark(6);
    assert_eq!(log.last_stable_offset(), 2);
    append(&mut log, marker(Abort, 7, 1, 0), COORDINATOR).unwrap();
    // Its marker is not replicated.
    assert_eq!(log.last_stable_offset(), 2);
    log.set_high_watermark(7);
    assert_eq!(log.last_stable_offset(), 4);
    append(&mut log, marker(Commit, 8, 1, 0), COORDINATOR).unwrap();
    log.set_high_watermark(8);
    assert_eq!(log.last_stable_offset(), 8);
    let expected = AbortedTxn {
        producer_id: 7,
        first_offset: 2,
        last_offset: 6,
        last_stable_offset: 4,
    };
    let snapshot = log.snapshot();
    assert_eq!(snapshot.aborted(0, 8).unwrap(), [expected]);
    assert_eq!(snapshot.aborted(3, 8).unwrap(), [expected]);
    assert_eq!(snapshot.aborted(7, 8).unwrap(), []);
    assert_eq!(snapshot.aborted(0, 2).unwrap(), []);
}

#[test]
fn markers_follow_the_rules_of_their_version() {
    let mut log = open(&disk(1), small());
    append(&mut log, transactional(7, 3, 0, 2), CLIENT).unwrap();
    // From version 2 on a marker has a larger epoch than what it ends.
    assert_eq!(code(&mut log, marker(Commit, 7, 3, 5), COORDINATOR), 47);
    assert_eq!(code(&mut log, marker(Commit, 7, 2, 5), COORDINATOR), 47);
    append(&mut log, marker(Commit, 7, 4, 5), COORDINATOR).unwrap();
    // It came before: nothing is written.
    let again = append(&mut log, marker(Commit, 7, 4, 5), COORDINATOR).unwrap();
    // It lies before the end: whoever waits until it is durable has not to wait for another record.
    assert!(again.is_duplicate && again.base_offset < 3 && log.end_offset() == 3);
    assert_eq!(code(&mut log, marker(Commit, 7, 5, 4), COORDINATOR), 52);
    let older = Origin::Coordinator {
        transaction_version: 1,
    };
    append(&mut log, transactional(8, 3, 0, 1), CLIENT).unwrap();
    append(&mut log, marker(Abort, 8, 3, 5), older).unwrap();
    assert_eq!(log.producer(8).unwrap().txn_first_offset, None);
    append(&mut log, transactional(8, 3, 1, 1), CLIENT).unwrap();
    // There is no larger epoch than the largest.
    append(&mut log, transactional(9, i16::MAX, 0, 1), CLIENT).unwrap();
    append(&mut log, marker(Abort, 9, i16::MAX, 5), COORDINATOR).unwrap();
    assert_eq!(log.producer(9).unwrap().txn_first_offset, None);
}

#[test]
fn producers_are_kept_over_a_restart_and_expire() {
    let disk = disk(1);
    let mut log = open(&disk, small());
    append(&mut log, produced(7, 2, 0, 3), CLIENT).unwrap();
    append(&mut log, transactional(8, 1, 0, 2), CLIENT).unwrap();
    let recovery_point = log.close().unwrap();
    drop(log);
    for (is_clean, now) in [(true, 2000), (false, 2000), (true, i64::MAX)] {
        let opening = Opening {
            recovery_point,
            is_clean,
            now,
            ..Opening::default()
        };
        let (mut log, _) = try_open(&disk, small(), opening).unwrap();
        // One with a transaction open does not expire.
        assert_eq!(log.producer(8).unwrap().txn_first_offset, Some(3));
        assert_eq!(log.last_stable_offset(), 0);
        log.set_high_watermark(5);
        assert_eq!(log.last_stable_offset(), 3);
        match now {
            2000 => assert_eq!(log.producer(7).unwrap().last_sequence(), 2),
            _ => assert_eq!(log.producer(7), None),
        }
    }
}

/// A snapshot has the last batch alone.
#[test]
fn all_that_a_producer_had_under_way_is_known_again_after_a_restart() {
    let disk = disk(1);
    let mut log = open(&disk, small());
    for number in 0..6 {
        append(&mut log, produced(7, 0, number * 3, 3), CLIENT).unwrap();
        append(&mut log, produced(8, 0, number, 1), CLIENT).unwrap();
    }
    let end_offset = log.close().unwrap();
    let opening = Opening {
        is_clean: true,
        recovery_point: end_offset,
        ..Opening::default()
    };
    let (mut log, _) = try_open(&disk, small(), opening).unwrap();
    for number in 1..6 {
        let again = append(&mut log, produced(7, 0, number * 3, 3), CLIENT).unwrap();
        assert!(again.is_duplicate);
        assert_eq!(again.base_offset, i64::from(number) * 4);
    }
    assert_eq!(log.end_offset(), end_offset);
}

#[test]
fn what_a_leader_sent_is_not_judged_again() {
    let mut log = open(&disk(1), small());
    let mut later = produced(7, 0, 500, 2).to_vec();
    millrace_kafka_wire::batch::set_position(&mut later, 10, 4);
    let fetched = Batch::fetched(Bytes::from([&later[..], &later[..20]].concat())).unwrap();
    assert_eq!(fetched.len(), 1);
    log.append_as_follower(&fetched, 0).unwrap()[0].unwrap();
    assert_eq!((log.end_offset(), log.start_offset()), (12, 0));
    assert_eq!(log.epochs().latest().unwrap().epoch, 4);
    let refused = log.append_as_follower(&fetched, 0).unwrap()[0];
    assert_eq!(refused, Err(Refusal::Offset { given: 10, end: 12 }));
    let slice = log.snapshot().read(3, 1000, 12).unwrap().unwrap();
    assert_eq!(slice.bytes().unwrap(), &later[..]);
}
