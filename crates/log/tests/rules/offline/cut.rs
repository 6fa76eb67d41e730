//! The cut of an operator.

use std::collections::BTreeMap;

use millrace_log::files::sim::{Fault, Simulated};
use millrace_log::offline::{CutPlan, CutRefused};
use millrace_log::{Log, LogDir, LogError, OffsetKind, Opening, TopicPartition};

use super::{all_files, at, log_dir, verified};
use crate::corruption::{BATCH, three_segments};
use crate::support::{CLIENT, append, disk, open, path, plain, small, transactional, try_open};

fn partition() -> TopicPartition {
    TopicPartition::from_dir_name("topic-0").unwrap()
}

/// Says of all logs of the directory up to where they were durable.
fn store(logs: &LogDir, recovery_point: i64) {
    let points = BTreeMap::from([(partition(), recovery_point)]);
    logs.store_offsets(OffsetKind::RecoveryPoint, &points)
        .unwrap();
}

/// Opens the log as a broker that starts after a crash.
fn start(disk: &Simulated) -> Result<Log, LogError> {
    let logs = log_dir(disk);
    let stored = |kind| {
        let offsets = logs.offsets(kind).unwrap();
        offsets.get(&partition()).copied().unwrap_or(0)
    };
    let opening = Opening {
        start_offset: stored(OffsetKind::LogStart),
        recovery_point: stored(OffsetKind::RecoveryPoint),
        first_dirty_offset: stored(OffsetKind::FirstDirty),
        is_clean: logs.take_clean_mark().unwrap(),
        now: 0,
    };
    try_open(disk, small(), opening).map(|(log, _)| log)
}

#[test]
fn a_cut_says_what_goes_and_the_broker_starts_on_what_is_left() {
    for offset in 0..30 {
        let disk = three_segments();
        // The broker refuses this one.
        disk.flip_bit(&path(20, "log"), BATCH * 5 + 100, 3);
        let logs = log_dir(&disk);
        store(&logs, 30);
        if offset > 25 {
            let refused = CutPlan::new(&disk, &logs, &partition(), offset).unwrap_err();
            let CutRefused::Damaged(damage) = &refused else {
                panic!("{refused:?}");
            };
            assert_eq!((damage.offset, damage.position), (25, 5 * BATCH as u64));
            assert!(
                refused
                    .to_string()
                    .contains("cut at offset 25 or before it")
            );
            continue;
        }
        let before = all_files(&disk);
        let plan = CutPlan::new(&disk, &logs, &partition(), offset).unwrap();
        assert_eq!(all_files(&disk), before, "a plan changes nothing");
        assert_eq!(plan.end_offset, offset);
        let batches = 30 - offset as u64;
        assert_eq!((plan.batches, plan.last_offset), (batches - 1, Some(29)));
        assert_eq!(plan.bytes_of_batches(), batches * BATCH as u64);
        assert_eq!(plan.damage.as_ref().unwrap().offset, 25);
        plan.execute(&disk, &logs).unwrap();
        drop(logs);
        let mut log = start(&disk).unwrap();
        assert_eq!((log.start_offset(), log.end_offset()), (0, offset));
        append(&mut log, plain(10, 1), CLIENT).unwrap();
        log.close().unwrap();
        assert_eq!(verified(&disk, at(offset + 1)).damage, [], "{offset}");
        for kept in 0..offset {
            let read = log.snapshot().read(kept, 1, 30).unwrap().unwrap();
            assert_eq!(read.base_offset, kept);
        }
    }
}

#[test]
fn a_cut_outside_of_the_log_or_before_its_start_is_refused() {
    let disk = three_segments();
    let logs = log_dir(&disk);
    let starts = BTreeMap::from([(partition(), 5)]);
    logs.store_offsets(OffsetKind::LogStart, &starts).unwrap();
    let refused = |offset| CutPlan::new(&disk, &logs, &partition(), offset).unwrap_err();
    assert!(matches!(refused(4), CutRefused::BeforeStart { start: 5 }));
    for offset in [30, 31, i64::MAX] {
        assert!(matches!(refused(offset), CutRefused::BehindEnd { end: 30 }));
    }
    let plan = CutPlan::new(&disk, &logs, &partition(), 5).unwrap();
    plan.execute(&disk, &logs).unwrap();
    drop(logs);
    let log = start(&disk).unwrap();
    assert_eq!((log.start_offset(), log.end_offset()), (5, 5));
    disk.put(&path(0, "log.swap"), b"");
    let logs = log_dir(&disk);
    let refused = CutPlan::new(&disk, &logs, &partition(), 5).unwrap_err();
    assert!(refused.to_string().contains("start the broker once"));
}

#[test]
fn a_batch_that_spans_the_offset_goes_as_a_whole() {
    let disk = disk(1);
    let mut log = open(&disk, small());
    append(&mut log, transactional(7, 0, 0, 4), CLIENT).unwrap();
    append(&mut log, transactional(7, 0, 4, 4), CLIENT).unwrap();
    log.close().unwrap();
    let logs = log_dir(&disk);
    store(&logs, 8);
    logs.mark_clean(1).unwrap();
    let plan = CutPlan::new(&disk, &logs, &partition(), 6).unwrap();
    assert_eq!((plan.end_offset, plan.batches), (4, 1));
    plan.execute(&disk, &logs).unwrap();
    assert!(!logs.has_clean_mark().unwrap());
    drop(logs);
    let log = start(&disk).unwrap();
    assert_eq!(log.end_offset(), 4);
    // The sequence goes on where the log does.
    assert_eq!(log.producer(7).unwrap().last_sequence(), 3);
}

#[test]
fn a_cut_that_the_power_interrupts_can_be_done_again() {
    let calls = {
        let disk = three_segments();
        let logs = log_dir(&disk);
        store(&logs, 30);
        let before = disk.calls();
        let plan = CutPlan::new(&disk, &logs, &partition(), 7).unwrap();
        plan.execute(&disk, &logs).unwrap();
        disk.calls() - before
    };
    assert!(calls > 8);
    for call in 0..calls {
        let disk = three_segments();
        let logs = log_dir(&disk);
        store(&logs, 30);
        logs.mark_clean(1).unwrap();
        let plan = CutPlan::new(&disk, &logs, &partition(), 7).unwrap();
        disk.fail_at(call, Fault::Broken);
        plan.execute(&disk, &logs).unwrap_err();
        drop(logs);
        disk.clear_fault();
        disk.lose_power();
        let log = start(&disk).unwrap();
        assert!(log.end_offset() >= 7, "{call}");
        drop(log);
        let logs = log_dir(&disk);
        match CutPlan::new(&disk, &logs, &partition(), 7) {
            Ok(plan) => plan.execute(&disk, &logs).unwrap(),
            Err(CutRefused::BehindEnd { end: 7 }) => {}
            Err(refused) => panic!("{call}: {refused}"),
        }
        drop(logs);
        assert_eq!(start(&disk).unwrap().end_offset(), 7, "{call}");
    }
}
