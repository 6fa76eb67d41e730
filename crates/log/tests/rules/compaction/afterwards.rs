//! A compacted log goes on: it is opened, cut, deleted from, followed.

use millrace_kafka_wire::batch::ControlType;
use millrace_log::files::sim::Fault;
use millrace_log::{Batch, Config, Opening};

use super::{
    batch, batches, clean, clean_within, config, header_at, offsets, put, reopen, seal, tools,
};
use crate::support::{
    CLIENT, COORDINATOR, append, disk, marker, open, produced, transactional, try_open,
};

#[test]
fn a_swap_that_fails_is_the_end_of_writing_and_the_next_start_has_one_or_the_other() {
    for at in 0..20 {
        let disk = disk(at);
        let mut log = open(&disk, config());
        for number in 0..6 {
            put(&mut log, number, &[("a", Some(&"x".repeat(400)))]);
        }
        seal(&mut log, 10);
        let mut cleaning = log.plan_cleaning(0, 8).unwrap().unwrap();
        let cleaned = cleaning.run(&tools(1 << 20)).unwrap().unwrap();
        disk.fail_at(at, Fault::Broken);
        let swapped = log.finish_cleaning(cleaned);
        assert_eq!(swapped.is_err(), log.has_failed());
        disk.clear_fault();
        drop((log, cleaning));
        let opening = Opening {
            recovery_point: 8,
            ..Opening::default()
        };
        let log = reopen(&disk, opening);
        let count = batches(&log.snapshot()).len();
        assert!(count == 8 || count == 7, "{at}: {count}");
        assert!(swapped.is_err() || count == 7);
    }
}

#[test]
fn a_pass_that_is_interrupted_does_not_undo_the_one_before() {
    for seed in 0..600 {
        let disk = disk(seed);
        let mut log = open(&disk, config());
        let keys: Vec<String> = (0..20).map(|number| format!("key-{number}")).collect();
        let records: Vec<_> = keys.iter().map(|key| (&key[..], Some("value"))).collect();
        put(&mut log, 1, &records);
        seal(&mut log, 10);
        // There is no room for so many keys, so that the next pass follows at once.
        assert!(clean_within(&mut log, 0, 0));
        let mut cleaning = log.plan_cleaning(0, i64::MAX).unwrap().unwrap();
        disk.fail_at(seed % 12, Fault::Broken);
        let _ = cleaning.run(&tools(0)).map(drop);
        drop((log, cleaning));
        disk.lose_power();
        let opening = Opening {
            recovery_point: 22,
            ..Opening::default()
        };
        let (log, report) = try_open(&disk, config(), opening).unwrap();
        assert!(report.rebuilt.is_empty(), "{seed}: {:?}", report.rebuilt);
        assert_eq!(offsets(&log), (0..20).collect::<Vec<_>>(), "{seed}");
    }
}

#[test]
fn a_log_that_is_cut_where_records_are_gone_ends_behind_the_last_one() {
    let disk = disk(1);
    let mut log = open(&disk, config());
    put(&mut log, 1, &[("a", Some("1"))]);
    for number in 0..3 {
        put(&mut log, number, &[("b", Some("2"))]);
    }
    put(&mut log, 1, &[("c", Some("3"))]);
    seal(&mut log, 10);
    assert!(clean(&mut log, 1000));
    assert_eq!(offsets(&log), [0, 3, 4]);
    assert_eq!(log.truncation_end(5).unwrap(), 5);
    assert_eq!(log.truncation_end(3).unwrap(), 1);
    assert_eq!(log.truncate_to(2).unwrap(), 1);
    assert_eq!((log.end_offset(), log.first_dirty_offset()), (1, 1));
    let recovery_point = log.close().unwrap();
    drop(log);
    for is_clean in [true, false] {
        let opening = Opening {
            recovery_point,
            is_clean,
            ..Opening::default()
        };
        let mut log = reopen(&disk, opening);
        assert_eq!(log.end_offset(), 1);
        log.close().unwrap();
    }
}

#[test]
fn leader_epochs_whose_batches_are_gone_are_known_after_a_power_loss() {
    let disk = disk(1);
    let mut log = open(&disk, config());
    for epoch in 1..4 {
        log.start_epoch(epoch);
        let sent = [Batch::own(batch(1, &[("a", Some("1"))])).unwrap()];
        log.append(&sent, CLIENT, epoch, 0).unwrap()[0].unwrap();
    }
    for key in ["filler", "last"] {
        let sent = batch(1, &[(key, Some(&"f".repeat(850)))]);
        let sent = [Batch::own(sent).unwrap()];
        log.append(&sent, CLIENT, 3, 0).unwrap()[0].unwrap();
    }
    log.sync().unwrap();
    log.set_high_watermark(5);
    let expected = log.epochs().clone();
    assert!(clean(&mut log, 1000));
    assert_eq!(offsets(&log), [2]);
    log.sync().unwrap();
    drop(log);
    disk.lose_power();
    let opening = Opening {
        recovery_point: 5,
        ..Opening::default()
    };
    let log = reopen(&disk, opening);
    assert_eq!(*log.epochs(), expected);
    assert_eq!(log.snapshot().end_offset_for_epoch(1), Some((1, 1)));
}

#[test]
fn where_the_dirty_part_begins_is_taken_over_and_may_be_lost() {
    let disk = disk(1);
    let mut log = open(&disk, config());
    put(&mut log, 1, &[("a", Some("1"))]);
    put(&mut log, 1, &[("a", Some("2"))]);
    seal(&mut log, 10);
    assert!(clean(&mut log, 1000));
    let first_dirty_offset = log.first_dirty_offset();
    assert_eq!(first_dirty_offset, 3);
    log.close().unwrap();
    for (given, expected) in [(3, 3), (0, 0), (4, 4), (5, 0)] {
        let opening = Opening {
            first_dirty_offset: given,
            recovery_point: 4,
            is_clean: true,
            ..Opening::default()
        };
        let mut log = reopen(&disk, opening);
        assert_eq!(log.first_dirty_offset(), expected);
        log.set_high_watermark(4);
        assert_eq!(clean(&mut log, 1000), expected == 0);
        assert_eq!(offsets(&log), [1]);
        log.close().unwrap();
    }
}

#[test]
fn a_follower_takes_what_is_left_of_a_leaders_log() {
    let disks = [disk(1), disk(2)];
    let mut log = open(&disks[0], config());
    append(&mut log, transactional(7, 0, 0, 1), CLIENT).unwrap();
    put(&mut log, 1, &[("a", Some("1")), ("b", None)]);
    append(&mut log, marker(ControlType::Abort, 7, 1, 0), COORDINATOR).unwrap();
    append(&mut log, produced(7, 2, 0, 1), CLIENT).unwrap();
    put(&mut log, 2, &[("a", Some("2"))]);
    append(&mut log, transactional(8, 0, 0, 1), CLIENT).unwrap();
    append(&mut log, marker(ControlType::Abort, 8, 1, 0), COORDINATOR).unwrap();
    append(&mut log, produced(8, 2, 0, 1), CLIENT).unwrap();
    for now in [5000, 7000, 9000, 11_000] {
        seal(&mut log, now);
        assert!(clean(&mut log, now));
    }
    let left = batches(&log.snapshot());
    let mut follower = open(&disks[1], config());
    for (_, bytes) in &left {
        let fetched = Batch::fetched(bytes.clone()).unwrap();
        follower.append_as_follower(&fetched, 0).unwrap()[0].unwrap();
    }
    assert_eq!(batches(&follower.snapshot()), left);
    for id in [7, 8] {
        let (found, expected) = (follower.producer(id).unwrap(), log.producer(id).unwrap());
        assert_eq!(found.last_sequence(), expected.last_sequence());
        assert_eq!(
            (found.epoch, found.txn_first_offset),
            (expected.epoch, None)
        );
    }
}

#[test]
fn a_marker_of_which_only_the_header_is_left_is_taken_from_a_leader() {
    let disks = [disk(1), disk(2)];
    let mut log = open(&disks[0], config());
    append(&mut log, transactional(7, 0, 0, 1), CLIENT).unwrap();
    put(&mut log, 1, &[("a", Some(&"1".repeat(700)))]);
    append(&mut log, marker(ControlType::Abort, 7, 1, 0), COORDINATOR).unwrap();
    // It is the last one of its segment, and its producer goes on.
    put(&mut log, 1, &[("b", Some(&"1".repeat(900)))]);
    append(&mut log, produced(7, 2, 0, 1), CLIENT).unwrap();
    for now in [5000, 7000, 9000, 11_000] {
        seal(&mut log, now);
        assert!(clean(&mut log, now));
    }
    let header = header_at(&log, 2);
    assert!(header.attributes.is_control() && header.record_count == 0);
    let mut follower = open(&disks[1], config());
    for (_, bytes) in &batches(&log.snapshot()) {
        let fetched = Batch::fetched(bytes.clone()).unwrap();
        follower.append_as_follower(&fetched, 0).unwrap()[0].unwrap();
    }
    assert_eq!(follower.end_offset(), log.end_offset());
}

#[test]
fn retention_goes_on_where_the_topic_wants_both() {
    let disk = disk(1);
    let config = Config {
        retention_ms: Some(10_000),
        ..config()
    };
    let mut log = open(&disk, config);
    append(&mut log, produced(7, 0, 0, 1), CLIENT).unwrap();
    seal(&mut log, 2000);
    assert!(clean(&mut log, 5000));
    // Of the first segment only headers are left in part; it ages as before.
    assert_eq!(log.retention_start(12_000).unwrap(), 0);
    assert_eq!(log.retention_start(12_001).unwrap(), 3);
    log.delete_records(2).unwrap().unlink().unwrap();
    assert_eq!((log.start_offset(), log.first_dirty_offset()), (2, 2));
    assert_eq!(log.producer(7).unwrap().last_sequence(), 0);
}
