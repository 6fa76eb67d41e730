//! The files of a partition that no broker has open.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use millrace_kafka_wire::batch::ControlType;
use millrace_log::files::sim::{Fault, Simulated};
use millrace_log::offline::{
    CutPlan, CutRefused, Meaning, ReadError, SegmentFile, State, Verification, read_offset_index,
    read_producers, read_time_index, read_txn_index, verify,
};
use millrace_log::{Files, Log, LogDir, LogError, OffsetKind, Opening, TopicPartition};

use crate::corruption::{BATCH, three_segments};
use crate::support::{
    CLIENT, COORDINATOR, append, dir, disk, marker, open, path, plain, small, transactional,
    try_open,
};

fn at(recovery_point: i64) -> Opening {
    Opening {
        recovery_point,
        ..Opening::default()
    }
}

fn verified(disk: &Simulated, opening: Opening) -> Verification {
    let before = all_files(disk);
    let found = verify(disk, &dir(), &opening).unwrap();
    assert_eq!(all_files(disk), before, "it only looks");
    found
}

fn all_files(disk: &Simulated) -> BTreeMap<String, Vec<u8>> {
    let names = disk.list(&dir()).unwrap().into_iter();
    names
        .map(|name| {
            let content = disk.content(&dir().join(&name)).unwrap();
            (name, content)
        })
        .collect()
}

fn partition() -> TopicPartition {
    TopicPartition::from_dir_name("topic-0").unwrap()
}

fn log_dir(disk: &Simulated) -> LogDir {
    LogDir::open(Arc::new(disk.clone()), Path::new("/logs")).unwrap()
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
fn batches_are_found_where_they_lie_and_a_changed_one_is_told() {
    let disk = three_segments();
    disk.flip_bit(&path(10, "log"), BATCH * 3 + 500, 2);
    let segment = SegmentFile::open(&disk, &path(10, "log")).unwrap();
    assert_eq!(
        (segment.base_offset(), segment.size()),
        (10, 10 * BATCH as u64)
    );
    let mut batches = segment.batches();
    for number in 0..10 {
        let found = batches.next_found().unwrap().unwrap();
        assert_eq!(found.position, number * BATCH as u64);
        assert_eq!(found.header.base_offset, 10 + number as i64);
        assert_eq!(found.is_sound(), number != 3);
        assert_eq!(batches.records(&found).unwrap().len(), BATCH - 61);
    }
    assert_eq!(batches.next_found().unwrap(), None);
}

#[test]
fn a_log_as_it_was_left_is_sound() {
    let disk = three_segments();
    for opening in [at(0), at(15), at(30)] {
        let found = verified(&disk, opening);
        assert_eq!(found.state(), State::Sound, "{:?}", found.damage);
        assert_eq!(
            (found.segments, found.batches, found.end_offset),
            (3, 30, 30)
        );
        assert_eq!(found.bytes, 30 * BATCH as u64);
    }
    let mut log = try_open(&disk, small(), at(30)).unwrap().0;
    log.close().unwrap();
    let closed = Opening {
        is_clean: true,
        ..at(30)
    };
    assert_eq!(verified(&disk, closed).damage, []);
}

#[test]
fn damage_is_judged_as_recovery_judges_it() {
    for recovery_point in [0, 21, 25, 29, 30] {
        // The last segment is what recovery reads at all these points, but the first.
        for byte in (0..BATCH * 10).step_by(397) {
            let disk = three_segments();
            disk.flip_bit(&path(20, "log"), byte, (byte % 8) as u8);
            let found = verified(&disk, at(recovery_point));
            let opened = try_open(&disk, small(), at(recovery_point));
            let Some(first) = found.damage.first() else {
                // Neither the checksum nor the order covers it: the epoch of a leader.
                assert_eq!(opened.unwrap().1.cut, None, "{byte}");
                continue;
            };
            assert_eq!(found.damage.len(), 1);
            let place = (first.at.position, first.at.offset);
            match (&first.meaning, opened) {
                (Meaning::Torn { bytes, .. }, Ok((_, report))) => {
                    let cut = report.cut.expect("it was cut");
                    assert_eq!(place, (cut.position, cut.offset));
                    assert_eq!((*bytes, &first.at.reason), (cut.bytes, &cut.reason));
                    assert_eq!(found.state(), State::Torn);
                }
                (Meaning::Corrupt { next }, Err(LogError::Corrupt(found))) => {
                    assert_eq!(place, (found.position, found.offset));
                    assert_eq!((next, &first.at.path), (&found.next, &found.path));
                }
                (meaning, opened) => {
                    let opened = opened.map(|(_, report)| report);
                    panic!("byte {byte}, durable to {recovery_point}: {meaning:?}, {opened:?}")
                }
            }
        }
    }
}

#[test]
fn damage_that_the_broker_does_not_read_when_it_starts_is_found() {
    let disk = three_segments();
    disk.flip_bit(&path(10, "log"), BATCH * 9 + 500, 2);
    assert!(try_open(&disk, small(), at(25)).is_ok());
    let found = verified(&disk, at(25));
    assert_eq!((found.state(), found.end_offset), (State::Corrupt, 19));
    let damage = &found.damage[0];
    assert_eq!(damage.at.path, path(10, "log"));
    assert_eq!(damage.at.position, 9 * BATCH as u64);
    assert_eq!(
        damage.meaning,
        Meaning::Corrupt {
            next: Some((20, None))
        }
    );
}

#[test]
fn a_segment_that_is_gone_or_ends_early_is_found() {
    let disk = three_segments();
    disk.unlink(&path(10, "log")).unwrap();
    let found = verified(&disk, at(25));
    assert_eq!((found.state(), found.end_offset), (State::Corrupt, 10));
    assert_eq!(found.damage[0].at.path, path(20, "log"));
    assert_eq!(verified(&disk, at(5)).state(), State::Torn);

    let disk = three_segments();
    let whole = disk.content(&path(20, "log")).unwrap();
    disk.put(&path(20, "log"), &whole[..BATCH * 4]);
    let found = verified(&disk, at(25));
    assert!(
        found.damage[0]
            .at
            .reason
            .contains("durable up to offset 25")
    );
    assert_eq!(found.damage[0].at.position, 4 * BATCH as u64);
    assert_eq!(verified(&disk, at(24)).state(), State::Sound);

    let disk = three_segments();
    for base in [0, 10, 20] {
        disk.unlink(&path(base, "log")).unwrap();
    }
    assert_eq!(verified(&disk, at(0)).state(), State::Sound);
    assert!(
        verified(&disk, at(1)).damage[0]
            .at
            .reason
            .contains("no segments")
    );
}

#[test]
fn an_index_entry_that_does_not_fit_its_batch_is_found() {
    let index_of = |disk: &Simulated| disk.content(&path(0, "index")).unwrap();
    for (suffix, entry) in [("index", 8), ("timeindex", 12)] {
        let disk = three_segments();
        let count = disk.content(&path(0, suffix)).unwrap().len() / entry;
        assert!(count >= 2 && !index_of(&disk).is_empty());
        for number in 0..count {
            let disk = three_segments();
            // Of an index the position, of a time index the time, which becomes earlier.
            let byte = number * entry + 7;
            let bytes = disk.content(&path(0, suffix)).unwrap();
            let bit = (0..8).find(|bit| bytes[byte] & 1 << bit != 0).unwrap();
            disk.flip_bit(&path(0, suffix), byte, bit);
            let found = verified(&disk, at(30));
            assert_eq!(found.state(), State::Corrupt, "{suffix} {number}");
            let [damage] = &found.damage[..] else {
                panic!("{:?}", found.damage);
            };
            assert_eq!(
                (&damage.at.path, &damage.meaning),
                (&path(0, suffix), &Meaning::Derived)
            );
            assert_eq!(damage.at.position, (number * entry) as u64);
        }
        disk.unlink(&path(0, suffix)).unwrap();
        let found = verified(&disk, at(30));
        assert_eq!(found.damage[0].at.reason, "it is missing");
        // After a crash it follows from what the broker reads.
        assert_eq!(verified(&disk, at(0)).damage, []);
    }
}

#[test]
fn what_follows_from_transactions_is_read_and_compared() {
    let disk = disk(1);
    let mut log = open(&disk, small());
    append(&mut log, transactional(7, 0, 0, 2), CLIENT).unwrap();
    append(&mut log, marker(ControlType::Abort, 7, 1, 3), COORDINATOR).unwrap();
    log.close().unwrap();
    let txns = read_txn_index(&disk, &path(0, "txnindex")).unwrap();
    assert_eq!(txns.damage, None);
    let txn = txns.entries[0];
    assert_eq!(
        (txn.producer_id, txn.first_offset, txn.last_offset),
        (7, 0, 2)
    );
    let producers = read_producers(&disk, &path(3, "snapshot")).unwrap();
    assert_eq!(
        (
            producers.entries[0].0,
            producers.entries[0].1.coordinator_epoch
        ),
        (7, 3)
    );
    let closed = Opening {
        is_clean: true,
        ..at(3)
    };
    assert_eq!(verified(&disk, closed).damage, []);
    disk.flip_bit(&path(0, "txnindex"), 9, 0);
    let found = verified(&disk, closed);
    assert_eq!(
        found.damage[0].at.reason,
        "no marker of producer 6 is there"
    );
    disk.flip_bit(&path(3, "snapshot"), 30, 0);
    assert_eq!(verified(&disk, closed).damage.len(), 2);
}

#[test]
fn a_file_of_garbage_is_damage_with_its_place_and_nothing_panics() {
    let random: Vec<u8> = (0..10_000_u32).map(|it| (it * 7919 % 251) as u8).collect();
    let mut huge = plain(100, 1).to_vec();
    huge[8..12].copy_from_slice(&i32::MAX.to_be_bytes());
    let ones = [0xff; 204];
    for bytes in [&random[..], &random[..7], &[0; 480], &ones, &huge] {
        let disk = three_segments();
        for suffix in ["log", "index", "timeindex", "txnindex", "snapshot"] {
            disk.put(&path(10, suffix), bytes);
        }
        let segment = SegmentFile::open(&disk, &path(10, "log")).unwrap();
        let Err(ReadError::Damaged(damage)) = segment.batches().next_found() else {
            panic!("garbage is no batch");
        };
        assert_eq!((damage.path, damage.position), (path(10, "log"), 0));
        let damaged = [
            read_offset_index(&disk, &path(10, "index")).unwrap().damage,
            read_time_index(&disk, &path(10, "timeindex"))
                .unwrap()
                .damage,
            read_txn_index(&disk, &path(10, "txnindex")).unwrap().damage,
            read_producers(&disk, &path(10, "snapshot")).unwrap().damage,
        ];
        assert!(damaged.iter().all(Option::is_some), "{damaged:?}");
        let found = verified(&disk, at(30));
        assert_eq!((found.state(), found.end_offset), (State::Corrupt, 10));
    }
    let disk = three_segments();
    disk.put(&dir().join("leader-epoch-checkpoint"), &random);
    assert_eq!(verified(&disk, at(30)).damage[0].meaning, Meaning::Derived);
}

#[test]
fn a_directory_in_use_is_not_looked_at() {
    let disk = three_segments();
    let files: Arc<dyn Files> = Arc::new(disk.clone());
    let held = log_dir(&disk);
    let refused = LogDir::open_existing(Arc::clone(&files), Path::new("/logs"));
    let Err(LogError::Disk { error, .. }) = refused.map(|_| ()) else {
        panic!("two have it");
    };
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    drop(held);
    assert!(LogDir::open_existing(files, Path::new("/logs")).is_ok());
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
