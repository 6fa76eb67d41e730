//! Compaction, rule by rule: what stays, what goes and when, and what a pass leaves alone.

use std::cell::Cell;
use std::io;

use bytes::Bytes;
use millrace_kafka_wire::batch::{
    BatchBuilder, BatchHeader, Compression, ControlType, HEADER_SIZE, Records, checksum, is_intact,
};
use millrace_log::files::sim::{Fault, Simulated};
use millrace_log::{
    Batch, CleaningTools, Compaction, Config, Files, Log, LogError, Opening, Snapshot, Swapped,
};

use crate::support::{
    CLIENT, COORDINATOR, append, dir, disk, marker, open, path, produced, transactional, try_open,
};

const RETENTION: i64 = 1000;

fn config() -> Config {
    Config {
        segment_bytes: 1000,
        compaction: Some(Compaction {
            min_dirty_ratio: 0.0,
            delete_retention_ms: RETENTION,
            ..Compaction::default()
        }),
        ..Config::default()
    }
}

/// The records are turned around, which stands for a codec here.
fn reverse(_: Compression, bytes: &[u8]) -> io::Result<Vec<u8>> {
    Ok(bytes.iter().rev().copied().collect())
}

fn tools(memory: usize) -> CleaningTools<'static> {
    CleaningTools {
        decompress: &reverse,
        compress: &reverse,
        memory,
        go_on: &|_| true,
    }
}

fn batch(time: i64, records: &[(&str, Option<&str>)]) -> Bytes {
    let mut builder = BatchBuilder::new(0);
    for (number, (key, value)) in records.iter().enumerate() {
        let value = value.map(str::as_bytes);
        builder.add(time + number as i64, Some(key.as_bytes()), value, &[]);
    }
    builder.finish().into()
}

fn put(log: &mut Log, time: i64, records: &[(&str, Option<&str>)]) {
    append(log, batch(time, records), CLIENT).unwrap();
}

/// Seals what is there with a segment of its own, all of it replicated and durable.
fn seal(log: &mut Log, time: i64) {
    for key in ["filler", "last"] {
        put(log, time, &[(key, Some(&"f".repeat(850)))]);
    }
    log.sync().unwrap();
    log.set_high_watermark(log.end_offset());
}

/// A whole pass. Tells whether one was due.
fn clean(log: &mut Log, now: i64) -> bool {
    clean_within(log, now, 1 << 20)
}

fn clean_within(log: &mut Log, now: i64, memory: usize) -> bool {
    let recovery_point = log.durable_end();
    let Some(mut cleaning) = log.plan_cleaning(now, recovery_point).unwrap() else {
        return false;
    };
    while let Some(cleaned) = cleaning.run(&tools(memory)).unwrap() {
        let Swapped { is_void, removed } = log.finish_cleaning(cleaned).unwrap();
        assert!(!is_void);
        removed.unlink().unwrap();
    }
    true
}

fn batches(snapshot: &Snapshot) -> Vec<(BatchHeader, Bytes)> {
    let (mut offset, mut all) = (snapshot.start_offset(), Vec::new());
    while let Some(slice) = snapshot.read(offset, 1, i64::MAX).unwrap() {
        let bytes = slice.bytes().unwrap();
        all.push((is_intact(&bytes).unwrap(), bytes));
        assert!(slice.next_offset > offset);
        offset = slice.next_offset;
    }
    assert_eq!(offset, snapshot.end_offset());
    all
}

type Row = (i64, i64, String, Option<String>);

/// Offset, time, key and value of each record but those of [`seal`].
fn rows(log: &Log) -> Vec<Row> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut rows = Vec::new();
    for (header, bytes) in batches(&log.snapshot()) {
        let records = bytes[HEADER_SIZE..].to_vec();
        let records = match header.attributes.compression() {
            Some(Compression::None) => records,
            Some(codec) => reverse(codec, &records).unwrap(),
            None => unreachable!("codecs are known"),
        };
        if header.attributes.is_control() {
            continue;
        }
        for record in Records::new(&records, header.record_count) {
            let record = record.unwrap();
            let key = text(record.key.unwrap_or(b"-"));
            if key != "filler" && key != "last" {
                let offset = header.base_offset + i64::from(record.offset_delta);
                let time = header.base_timestamp + record.timestamp_delta;
                rows.push((offset, time, key, record.value.map(text)));
            }
        }
    }
    rows
}

fn offsets(log: &Log) -> Vec<i64> {
    rows(log).into_iter().map(|row| row.0).collect()
}

fn header_at(log: &Log, offset: i64) -> BatchHeader {
    let found = batches(&log.snapshot());
    let mut headers = found.iter().map(|it| it.0);
    headers
        .find(|it| (it.base_offset..=it.last_offset()).contains(&offset))
        .unwrap()
}

fn reopen(disk: &Simulated, opening: Opening) -> Log {
    try_open(disk, config(), opening).unwrap().0
}

#[test]
fn of_each_key_the_last_record_stays_with_its_offset_and_time() {
    let disk = disk(1);
    let mut log = open(&disk, config());
    put(&mut log, 10, &[("a", Some("1")), ("b", Some("2"))]);
    put(
        &mut log,
        20,
        &[("a", Some("3")), ("c", Some("4")), ("a", Some("5"))],
    );
    append(&mut log, produced(-1, -1, -1, 1), CLIENT).unwrap();
    put(&mut log, 30, &[("b", Some("6"))]);
    seal(&mut log, 40);
    let before = rows(&log);
    assert!(clean(&mut log, 1000));
    assert_eq!(
        rows(&log),
        [before[3].clone(), before[4].clone(), before[6].clone()]
    );
    assert_eq!(offsets(&log), [3, 4, 6]);
    let partial = header_at(&log, 3);
    assert_eq!((partial.base_offset, partial.last_offset()), (2, 4));
    assert_eq!((partial.record_count, partial.max_timestamp), (2, 22));
    // What lies before is answered with the next one there is.
    let slice = log.snapshot().read(0, 1, 9).unwrap().unwrap();
    assert_eq!((slice.base_offset, slice.next_offset), (2, 5));
    assert_eq!(log.first_dirty_offset(), 8);
    assert!(!clean(&mut log, 1000));
}

#[test]
fn a_batch_that_loses_nothing_is_copied_and_small_segments_become_one() {
    let disk = disk(1);
    let mut log = open(&disk, config());
    for number in 0..12 {
        let key = format!("key-{number}");
        put(
            &mut log,
            number,
            &[(&key, Some("value")), ("same", Some(&"x".repeat(300)))],
        );
    }
    seal(&mut log, 100);
    let (before, count) = (batches(&log.snapshot()), log.segment_count());
    assert!(count > 6);
    assert!(clean(&mut log, 1000));
    assert_eq!(log.segment_count(), count, "too large to be merged before");
    assert_eq!(batches(&log.snapshot())[11], before[11]);
    put(&mut log, 200, &[("key-0", Some("new"))]);
    seal(&mut log, 200);
    assert!(clean(&mut log, 2000));
    assert!(log.segment_count() < count);
    let names = disk.list(&dir()).unwrap();
    let snapshots = names.iter().filter(|name| name.ends_with(".snapshot"));
    // There is none where no segment begins any more.
    assert_eq!(snapshots.count(), log.segment_count() - 1);
    assert_eq!(rows(&log).len(), 13);
}

#[test]
fn a_tombstone_stays_until_its_horizon_has_passed() {
    let disk = disk(1);
    let mut log = open(&disk, config());
    put(&mut log, 10, &[("a", Some("1")), ("b", Some("2"))]);
    put(&mut log, 20, &[("a", None), ("c", Some("3"))]);
    seal(&mut log, 30);
    assert!(clean(&mut log, 5000));
    assert_eq!(offsets(&log), [1, 2, 3]);
    let header = header_at(&log, 2);
    assert_eq!(header.delete_horizon(), Some(5000 + RETENTION));
    // The times of the records are what they were.
    assert_eq!(rows(&log)[1], (2, 20, "a".into(), None));
    assert_eq!((rows(&log)[2].1, header.max_timestamp), (21, 21));
    // The horizon is set once.
    for (now, expected) in [(5999, &[1, 2, 3][..]), (6000, &[1, 3]), (9000, &[1, 3])] {
        seal(&mut log, 40);
        assert!(clean(&mut log, now));
        assert_eq!(offsets(&log), expected, "{now}");
    }
    assert_eq!(header_at(&log, 3).delete_horizon(), Some(6000));
    assert_eq!(rows(&log)[1].1, 21);
}

#[test]
fn records_of_aborted_transactions_go_and_their_markers_later() {
    let disk = disk(1);
    let mut log = open(&disk, config());
    let txn = |id, sequence, value: &str| {
        let mut builder = BatchBuilder::new(0)
            .producer(id, 0, sequence)
            .transactional();
        builder.add(5, Some(b"a"), Some(value.as_bytes()), &[]);
        Bytes::from(builder.finish())
    };
    append(&mut log, txn(1, 0, "committed"), CLIENT).unwrap();
    append(&mut log, marker(ControlType::Commit, 1, 1, 0), COORDINATOR).unwrap();
    append(&mut log, txn(2, 0, "aborted"), CLIENT).unwrap();
    append(&mut log, marker(ControlType::Abort, 2, 1, 0), COORDINATOR).unwrap();
    // Both go on, so that their last batches are elsewhere.
    append(&mut log, produced(1, 1, 0, 1), CLIENT).unwrap();
    append(&mut log, produced(2, 1, 0, 1), CLIENT).unwrap();
    seal(&mut log, 10);
    // All is decided, the transaction that was aborted does not count.
    assert!(clean(&mut log, 5000));
    assert_eq!(offsets(&log), [0]);
    let kept = |log: &Log| {
        let found = batches(&log.snapshot()).into_iter();
        let markers = found.filter(|it| it.0.attributes.is_control());
        let markers = markers.map(|it| (it.0.base_offset, it.0.delete_horizon()));
        markers.collect::<Vec<_>>()
    };
    // The batch was there when the marker was read.
    assert_eq!(kept(&log), [(1, None), (3, None)]);
    assert_eq!(log.snapshot().aborted(0, 6).unwrap().len(), 1);
    seal(&mut log, 20);
    assert!(clean(&mut log, 6000));
    assert_eq!(kept(&log), [(1, None), (3, Some(6000 + RETENTION))]);
    assert_eq!(log.snapshot().aborted(0, 6).unwrap(), []);
    put(&mut log, 30, &[("a", Some("later"))]);
    seal(&mut log, 30);
    assert!(clean(&mut log, 6999));
    assert_eq!(kept(&log), [(1, None), (3, Some(7000))]);
    seal(&mut log, 40);
    assert!(clean(&mut log, 7000));
    assert_eq!(kept(&log), [(1, Some(8000))]);
    seal(&mut log, 50);
    assert!(clean(&mut log, 8000));
    assert_eq!(kept(&log), []);
}

#[test]
fn the_last_batch_of_a_producer_stays_so_that_its_sequence_is_known() {
    let disk = disk(1);
    let mut log = open(&disk, config());
    append(&mut log, produced(7, 3, 0, 2), CLIENT).unwrap();
    append(&mut log, produced(7, 3, 2, 5), CLIENT).unwrap();
    append(&mut log, transactional(8, 0, 0, 1), CLIENT).unwrap();
    append(&mut log, marker(ControlType::Abort, 8, 4, 9), COORDINATOR).unwrap();
    seal(&mut log, 10);
    for now in [5000, 7000, 9000, 11000] {
        assert!(clean(&mut log, now));
        seal(&mut log, 20);
    }
    // None of their records has a key.
    assert_eq!(rows(&log), []);
    let header = header_at(&log, 6);
    assert_eq!((header.base_offset, header.record_count), (2, 0));
    assert_eq!((header.base_sequence, header.last_sequence()), (2, 6));
    let expected = [7, 8].map(|id| log.producer(id).unwrap().clone());
    let recovery_point = log.close().unwrap();
    drop(log);
    for name in disk.list(&dir()).unwrap() {
        if name.ends_with(".snapshot") {
            disk.unlink(&dir().join(name)).unwrap();
        }
    }
    let opening = Opening {
        recovery_point,
        now: 1000,
        ..Opening::default()
    };
    let mut log = reopen(&disk, opening);
    for (id, expected) in [7, 8].into_iter().zip(expected) {
        let found = log.producer(id).unwrap();
        assert_eq!(
            (found.epoch, found.last_sequence()),
            (expected.epoch, expected.last_sequence())
        );
        assert_eq!(found.coordinator_epoch, expected.coordinator_epoch);
        assert_eq!(found.last_timestamp, expected.last_timestamp);
    }
    append(&mut log, produced(7, 3, 7, 1), CLIENT).unwrap();
}

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
fn a_compressed_batch_is_written_with_its_codec() {
    let disk = disk(1);
    let mut log = open(&disk, config());
    let mut bytes = batch(10, &[("a", Some("1")), ("b", None), ("c", Some("3"))]).to_vec();
    bytes[22] = 3;
    bytes[HEADER_SIZE..].reverse();
    let crc = checksum(&bytes);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    append(&mut log, bytes.into(), CLIENT).unwrap();
    put(&mut log, 20, &[("a", Some("4"))]);
    seal(&mut log, 30);
    assert!(clean(&mut log, 5000));
    let header = header_at(&log, 0);
    assert_eq!(header.attributes.compression(), Some(Compression::Lz4));
    assert_eq!(
        (header.record_count, header.delete_horizon()),
        (2, Some(6000))
    );
    let expected = [
        (1, 11, "b", None),
        (2, 12, "c", Some("3")),
        (3, 20, "a", Some("4")),
    ];
    let expected = expected
        .map(|(offset, time, key, value)| (offset, time, key.to_owned(), value.map(str::to_owned)));
    assert_eq!(rows(&log), expected);
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
fn a_snapshot_keeps_what_it_shows_and_the_next_one_shows_what_is_left() {
    let disk = disk(1);
    let mut log = open(&disk, config());
    for number in 0..6 {
        put(&mut log, number, &[("a", Some(&"x".repeat(400)))]);
    }
    seal(&mut log, 10);
    let snapshot = log.snapshot();
    log.close_idle_files();
    let recovery_point = log.durable_end();
    let mut cleaning = log.plan_cleaning(0, recovery_point).unwrap().unwrap();
    let cleaned = cleaning.run(&tools(1 << 20)).unwrap().unwrap();
    assert!(cleaned.bytes() < cleaned.source_bytes());
    log.close_idle_files();
    log.finish_cleaning(cleaned)
        .unwrap()
        .removed
        .unlink()
        .unwrap();
    assert_eq!(batches(&snapshot).len(), 8);
    let left = batches(&log.snapshot());
    // The last of a segment stays, if only its header.
    assert_eq!((left[0].0.base_offset, left[0].0.record_count), (1, 0));
    assert_eq!(left.len(), 7);
}

#[test]
fn a_pass_is_void_once_the_log_was_cut_or_lost_segments() {
    let disk = disk(1);
    let changes: [&dyn Fn(&mut Log); 3] = [
        &|log| {
            assert_eq!(
                log.truncate_to(log.end_offset() - 1).unwrap(),
                log.end_offset()
            )
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
        assert_eq!(report.rebuilt, [path(0, ""); 0], "{seed}");
        assert_eq!(offsets(&log), (0..20).collect::<Vec<_>>(), "{seed}");
    }
}

#[test]
fn times_are_found_among_what_is_left() {
    let disk = disk(1);
    let mut log = open(&disk, config());
    put(&mut log, 100, &[("a", Some("1")), ("b", Some("2"))]);
    // The largest time of all is that of a record that goes; its batch stays for its producer.
    append(&mut log, produced(7, 0, 0, 1), CLIENT).unwrap();
    put(&mut log, 50, &[("a", Some("3"))]);
    seal(&mut log, 60);
    assert!(clean(&mut log, 5000));
    assert_eq!(header_at(&log, 2).max_timestamp, 1000);
    let snapshot = log.snapshot();
    let found = |time| {
        let found = snapshot.offset_for_time(time, i64::MAX, &reverse).unwrap();
        found.map(|it| (it.offset, it.timestamp))
    };
    assert_eq!(found(0), Some((1, 101)));
    assert_eq!(found(101), Some((1, 101)));
    assert_eq!(found(102), None);
    let largest = snapshot.max_timestamp(i64::MAX, &reverse).unwrap();
    assert_eq!(largest.map(|it| (it.offset, it.timestamp)), Some((1, 101)));
    assert_eq!(snapshot.max_timestamp(1, &reverse).unwrap(), None);
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
