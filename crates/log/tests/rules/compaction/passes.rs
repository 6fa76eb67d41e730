//! When a pass is due, what it leaves alone, and how it ends early.

use std::cell::Cell;

use millrace_log::{CleaningTools, Compaction, Config, Files, Log, LogError, Opening, Swapped};

use super::{batch, batches, clean, clean_within, config, offsets, put, reopen, rows, seal, tools};
use crate::support::{CLIENT, append, dir, disk, open, path, transactional};

#[test]
fn what_is_open_unreplicated_active_or_above_the_recovery_point_is_left_alone() {
    let disk = disk(1);
    let mut log = open(&disk, config());
    for _ in 0..4 {
        put(&mut log, 10, &[("a", Some(&"1".repeat(850)))]);
    }
    append(&mut log, transactional(7, 0, 0, 1), CLIENT).unwrap();
    assert_eq!(log.segment_count(), 4);
    let planned = |log: &mut Log, recovery_point| {
        let plan = log.plan_cleaning(0, recovery_point).unwrap();
        plan.map(|plan| plan.end_offset())
    };
    assert_eq!(planned(&mut log, 5), None);
    log.sync().unwrap();
    // Nothing is replicated.
    assert_eq!(planned(&mut log, 5), None);
    log.set_high_watermark(2);
    assert_eq!(planned(&mut log, 5), Some(2));
    log.set_high_watermark(5);
    assert_eq!(planned(&mut log, 5), Some(3));
    // What recovery checks again is as it was written.
    assert_eq!(planned(&mut log, 3), Some(2));
    assert_eq!(planned(&mut log, 0), None);
    log.set_config(Config::default());
    assert_eq!(planned(&mut log, 5), None);
}

#[test]
fn a_pass_is_due_by_the_dirty_ratio_or_the_age_of_what_is_dirty() {
    let disk = disk(1);
    let mut log = open(&disk, config());
    put(&mut log, 100, &[("a", Some("1"))]);
    seal(&mut log, 200);
    assert!(clean(&mut log, 300));
    put(&mut log, 1000, &[("a", Some("2"))]);
    seal(&mut log, 1100);
    let set = |log: &mut Log, min_lag_ms, max_lag_ms, min_dirty_ratio| {
        let compaction = Some(Compaction {
            min_lag_ms,
            max_lag_ms,
            min_dirty_ratio,
            ..Compaction::default()
        });
        log.set_config(Config {
            compaction,
            ..config()
        });
    };
    let is_due = |log: &mut Log, now| log.plan_cleaning(now, i64::MAX).unwrap().is_some();
    set(&mut log, 0, i64::MAX, 0.9);
    assert!(!is_due(&mut log, i64::MAX));
    set(&mut log, 0, i64::MAX, 0.3);
    assert!(is_due(&mut log, 0));
    // The oldest dirty batch is that of the first seal, in the segment that was active then.
    set(&mut log, 0, 500, 0.9);
    assert!(!is_due(&mut log, 700) && is_due(&mut log, 701));
    set(&mut log, 1000, i64::MAX, 0.0);
    assert!(!is_due(&mut log, 1999) && is_due(&mut log, 2000));
    // Old records are not kept in the active segment for ever.
    set(&mut log, 0, 500, 0.9);
    let before = log.segment_count();
    put(&mut log, 1601, &[("a", Some("3"))]);
    assert_eq!(log.segment_count(), before + 1);
}

#[test]
fn when_the_memory_is_full_the_rest_is_for_the_next_pass() {
    let disk = disk(1);
    let mut log = open(&disk, config());
    for round in 0..3 {
        let keys: Vec<String> = (0..40).map(|number| format!("key-{number}")).collect();
        let value = round.to_string();
        let records: Vec<_> = keys
            .iter()
            .map(|key| (&key[..], Some(&value[..])))
            .collect();
        put(&mut log, round, &records);
    }
    seal(&mut log, 10);
    let mut first_dirty = 0;
    let mut passes = 0;
    while clean_within(&mut log, 1000, 0) {
        assert!(log.first_dirty_offset() > first_dirty);
        first_dirty = log.first_dirty_offset();
        passes += 1;
        let mut last = rows(&log);
        last.reverse();
        for number in 0..40 {
            let key = format!("key-{number}");
            let found = last.iter().find(|row| row.2 == key).unwrap();
            assert_eq!(found.0, 80 + number);
        }
    }
    // There is room for fourteen keys.
    assert_eq!(passes, 9);
    assert_eq!(offsets(&log), (80..120).collect::<Vec<_>>());
}

#[test]
fn a_pass_is_void_once_the_log_was_cut_or_lost_segments() {
    let disk = disk(1);
    let changes: [&dyn Fn(&mut Log); 3] = [
        &|log| {
            assert!(log.truncate_to(log.end_offset() - 1).is_ok());
        },
        &|log| log.truncate_fully_and_start_at(50).unwrap(),
        &|log| log.delete_records(2).unwrap().unlink().unwrap(),
    ];
    for change in changes {
        let mut log = open(&disk, config());
        log.truncate_fully_and_start_at(0).unwrap();
        for number in 0..6 {
            put(&mut log, number, &[("a", Some(&"x".repeat(400)))]);
        }
        seal(&mut log, 10);
        let mut cleaning = log.plan_cleaning(0, 8).unwrap().unwrap();
        let cleaned = cleaning.run(&tools(1 << 20)).unwrap().unwrap();
        change(&mut log);
        let before = batches(&log.snapshot());
        assert!(cleaning.run(&tools(1 << 20)).unwrap().is_none());
        let Swapped { is_void, removed } = log.finish_cleaning(cleaned).unwrap();
        assert!(is_void && log.first_dirty_offset() <= log.start_offset());
        removed.unlink().unwrap();
        assert_eq!(batches(&log.snapshot()), before);
        let names = disk.list(&dir()).unwrap();
        assert!(names.iter().all(|name| !name.contains("cleaned")));
    }
}

#[test]
fn there_is_one_pass_at_a_time_and_dropping_it_ends_it() {
    let disk = disk(1);
    let mut log = open(&disk, config());
    put(&mut log, 1, &[("a", Some("1"))]);
    put(&mut log, 1, &[("a", Some("2"))]);
    seal(&mut log, 10);
    let mut cleaning = log.plan_cleaning(0, 4).unwrap().unwrap();
    assert!(log.plan_cleaning(0, 4).unwrap().is_none());
    let cleaned = cleaning.run(&tools(0)).unwrap().unwrap();
    drop(cleaning);
    assert!(log.plan_cleaning(0, 4).unwrap().is_none());
    drop(cleaned);
    // What it left does not get in the way of the next one.
    assert!(disk.content(&path(0, "log.cleaned")).is_some());
    let cleaning = log.plan_cleaning(0, 4).unwrap();
    assert!(cleaning.is_some() && disk.content(&path(0, "log.cleaned")).is_none());
    drop(cleaning);
    assert!(clean(&mut log, 0));
    assert_eq!(offsets(&log), [1]);
}

#[test]
fn a_pass_ends_when_it_is_told_to() {
    let disk = disk(1);
    let mut log = open(&disk, config());
    put(&mut log, 1, &[("a", Some("1"))]);
    put(&mut log, 1, &[("a", Some("2"))]);
    seal(&mut log, 10);
    let bytes = Cell::new(0);
    for limit in [0, 100, 1000, 1100, 1150] {
        let mut cleaning = log.plan_cleaning(0, 4).unwrap().unwrap();
        bytes.set(0);
        let tools = CleaningTools {
            go_on: &|more| {
                bytes.set(bytes.get() + more);
                bytes.get() <= limit
            },
            ..tools(0)
        };
        assert!(cleaning.run(&tools).unwrap().is_none());
        assert!(disk.content(&path(0, "log.cleaned")).is_none());
    }
    assert_eq!((log.first_dirty_offset(), offsets(&log)), (0, vec![0, 1]));
}

#[test]
fn damage_is_named_and_changes_nothing() {
    let disk = disk(1);
    let mut log = open(&disk, config());
    put(&mut log, 1, &[("a", Some("1"))]);
    put(&mut log, 1, &[("a", Some("2"))]);
    seal(&mut log, 10);
    let size = batch(1, &[("a", Some("1"))]).len();
    let recovery_point = log.close().unwrap();
    drop(log);
    disk.flip_bit(&path(0, "log"), size + 65, 3);
    let opening = Opening {
        recovery_point,
        is_clean: true,
        ..Opening::default()
    };
    let mut log = reopen(&disk, opening);
    log.set_high_watermark(4);
    let before = disk.list(&dir()).unwrap();
    let mut cleaning = log.plan_cleaning(0, 4).unwrap().unwrap();
    let failed = cleaning.run(&tools(0)).map(|_| ());
    let Err(LogError::Corrupt(found)) = failed else {
        panic!("{failed:?}");
    };
    assert_eq!((found.path, found.position), (path(0, "log"), size as u64));
    assert!(found.reason.contains("checksum"), "{}", found.reason);
    assert_eq!(disk.list(&dir()).unwrap(), before);
    assert!(cleaning.run(&tools(0)).unwrap().is_none());
    assert!(!log.has_failed());
}

#[test]
fn a_full_disk_ends_a_pass_and_changes_nothing() {
    let disk = disk(1);
    let mut log = open(&disk, config());
    put(&mut log, 1, &[("a", Some("1"))]);
    put(&mut log, 1, &[("a", Some("2"))]);
    seal(&mut log, 10);
    let before = disk.list(&dir()).unwrap();
    for room in [0, 50, 69, 75] {
        disk.set_room(Some(room));
        let mut cleaning = log.plan_cleaning(0, 4).unwrap().unwrap();
        let ended = cleaning.run(&tools(0)).map(|_| ());
        assert!(matches!(ended, Err(LogError::NoSpace { .. })), "{room}");
        assert_eq!(disk.list(&dir()).unwrap(), before);
    }
    disk.set_room(None);
    assert!(clean(&mut log, 0));
    assert_eq!(offsets(&log), [1]);
}
