//! What stays of a log, and what readers see of it.

use bytes::Bytes;
use millrace_kafka_wire::batch::{BatchBuilder, Compression, ControlType, HEADER_SIZE, checksum};
use millrace_log::{Files, Log, Opening};

use super::{
    RETENTION, batch, batches, clean, config, header_at, offsets, put, reopen, reverse, rows, seal,
    tools,
};
use crate::support::{
    CLIENT, COORDINATOR, append, dir, disk, marker, open, produced, transactional,
};

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
