//! Segments: when they are rolled, read, cut, deleted; what is left of interrupted work; a disk
//! that is full or broken.

use crate::support::{CLIENT, append, dir, disk, open, path, plain, produced, small, try_open};
use bytes::Bytes;
use millrace_kafka_wire::batch::{BatchBuilder, Compression, HEADER_SIZE, checksum};
use millrace_log::files::sim::{Fault, Skip};
use millrace_log::{
    Batch, Config, EpochStart, Files, Log, LogError, Opening, Refusal, TimedOffset,
};

fn none(_: Compression, _: &[u8]) -> std::io::Result<Vec<u8>> {
    unreachable!("nothing is compressed")
}

fn names(log: &Log, files: &dyn Files) -> Vec<String> {
    files.list(log.dir()).unwrap()
}

#[test]
fn a_segment_is_rolled_by_size_by_time_and_when_an_index_is_full() {
    let disk = disk(1);
    let mut log = open(&disk, small());
    let size = plain(4000, 0).len();
    for number in 0..9 {
        append(&mut log, plain(4000, number), CLIENT).unwrap();
    }
    assert_eq!(log.segment_count(), 9_usize.div_ceil(16 * 1024 / size));
    assert!(disk.content(&path(0, "log")).unwrap().len() <= 16 * 1024);

    // The time is that of the records: the first of the segment and the last.
    log.set_config(Config {
        segment_ms: 500,
        ..small()
    });
    let before = log.segment_count();
    append(&mut log, plain(10, 508), CLIENT).unwrap();
    assert_eq!(log.segment_count(), before);
    append(&mut log, plain(10, 509), CLIENT).unwrap();
    assert_eq!(log.segment_count(), before + 1);

    log.set_config(Config {
        index_interval_bytes: 1,
        max_index_bytes: 12 * 6,
        ..small()
    });
    let before = log.segment_count();
    for _ in 0..12 {
        append(&mut log, plain(10, 600), CLIENT).unwrap();
    }
    assert_eq!(log.segment_count(), before + 1);
}

#[test]
fn a_roll_writes_the_files_that_kafka_has() {
    let disk = disk(1);
    let mut log = open(&disk, small());
    for number in 0..11 {
        append(&mut log, plain(1500, number), CLIENT).unwrap();
    }
    log.sync().unwrap();
    let digits = |offset: i64| format!("{offset:020}");
    let expected = [
        format!("{}.index", digits(0)),
        format!("{}.log", digits(0)),
        format!("{}.timeindex", digits(0)),
        format!("{}.log", digits(10)),
        format!("{}.snapshot", digits(10)),
        "leader-epoch-checkpoint".to_owned(),
    ];
    assert_eq!(names(&log, &disk), expected);
    // More than 4,096 bytes lie behind the last entry from the fourth batch on.
    let size = plain(1500, 0).len() as u32;
    let entry = |offset: u32| [offset.to_be_bytes(), (offset * size).to_be_bytes()].concat();
    let index = disk.content(&path(0, "index")).unwrap();
    assert_eq!(index, [entry(3), entry(6), entry(9)].concat());
    let times = disk.content(&path(0, "timeindex")).unwrap();
    let entry =
        |offset: u32| [&i64::from(offset).to_be_bytes()[..], &offset.to_be_bytes()].concat();
    assert_eq!(times, [entry(3), entry(6), entry(9)].concat());
    let epochs = disk.content(&dir().join("leader-epoch-checkpoint"));
    assert_eq!(epochs.unwrap(), b"0\n1\n1 0\n");
}

#[test]
fn reading_stays_within_its_bounds_and_gives_whole_batches() {
    let disk = disk(1);
    let mut log = open(&disk, small());
    for _ in 0..40 {
        append(&mut log, produced(-1, -1, -1, 3), CLIENT).unwrap();
        append(&mut log, plain(700, 1000), CLIENT).unwrap();
    }
    let snapshot = log.snapshot();
    for offset in 0..160 {
        for up_to in [offset, offset + 1, offset + 3, offset + 7, 1000] {
            for max_bytes in [0, 1, 900, 5000, 100_000] {
                let Some(slice) = snapshot.read(offset, max_bytes, up_to).unwrap() else {
                    assert!(
                        up_to < (offset / 4 * 4 + 3).max(offset + 1),
                        "{offset} {up_to}"
                    );
                    continue;
                };
                assert!(slice.base_offset <= offset && offset < slice.next_offset);
                assert!(slice.next_offset <= up_to);
                let batches = Batch::fetched(slice.bytes().unwrap()).unwrap();
                let bytes: usize = batches.iter().map(|it| it.header().size()).sum();
                assert_eq!(bytes, slice.length);
                assert!(batches.len() == 1 || slice.length <= max_bytes);
                let last = batches.last().unwrap().header();
                assert_eq!(last.next_offset(), slice.next_offset);
            }
        }
    }
    for offset in [-1, 161] {
        let refused = snapshot.read(offset, 1, 1000).map(|_| ());
        assert!(matches!(
            refused,
            Err(LogError::OutOfRange {
                start: 0,
                end: 160,
                ..
            })
        ));
    }
    assert!(snapshot.read(160, 1, 1000).unwrap().is_none());
}

#[test]
fn a_record_is_found_by_its_time_in_compressed_batches_too() {
    let disk = disk(1);
    let mut log = open(&disk, small());
    append(&mut log, plain(10, 100), CLIENT).unwrap();
    // The records are reversed, which stands for a codec here.
    let mut builder = BatchBuilder::new(0);
    (0..5).for_each(|number| builder.add(200 + number * 10, None, Some(b"x"), &[]));
    let mut bytes = builder.finish();
    bytes[22] = 1;
    bytes[HEADER_SIZE..].reverse();
    let crc = checksum(&bytes);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    append(&mut log, bytes.into(), CLIENT).unwrap();
    append(&mut log, plain(10, 150), CLIENT).unwrap();
    let reverse = |codec: Compression, bytes: &[u8]| {
        assert_eq!(codec, Compression::Gzip);
        Ok(bytes.iter().rev().copied().collect())
    };
    let snapshot = log.snapshot();
    let find = |time, up_to| snapshot.offset_for_time(time, up_to, &reverse).unwrap();
    let found = |offset, timestamp| {
        Some(TimedOffset {
            offset,
            timestamp,
            leader_epoch: 1,
        })
    };
    assert_eq!(find(0, 7), found(0, 100));
    assert_eq!(find(101, 7), found(1, 200));
    assert_eq!(find(221, 7), found(4, 230));
    assert_eq!(find(221, 4), None);
    assert_eq!(find(241, 7), None);
    assert_eq!(snapshot.max_timestamp(7, &reverse).unwrap(), found(5, 240));
    assert_eq!(snapshot.max_timestamp(5, &reverse).unwrap(), None);
}

#[test]
fn the_time_of_the_broker_is_given_where_the_topic_says_so() {
    let disk = disk(1);
    let config = Config {
        is_append_time: true,
        ..small()
    };
    let mut log = open(&disk, config);
    let batch = [Batch::own(plain(10, 5)).unwrap()];
    let appended = log.append(&batch, CLIENT, 1, 777).unwrap()[0].unwrap();
    assert_eq!(appended.append_time, Some(777));
    let bytes = log
        .snapshot()
        .read(0, 1, 1)
        .unwrap()
        .unwrap()
        .bytes()
        .unwrap();
    let header = *Batch::own(bytes).unwrap().header();
    assert!(header.attributes.is_append_time() && header.max_timestamp == 777);
    let found = log
        .snapshot()
        .offset_for_time(700, 1, &none)
        .unwrap()
        .unwrap();
    assert_eq!(found.timestamp, 777);
}

#[test]
fn a_full_disk_refuses_what_does_not_fit_and_nothing_else() {
    let disk = disk(3);
    let mut log = open(&disk, small());
    append(&mut log, produced(7, 0, 0, 1), CLIENT).unwrap();
    let size = log.size();
    disk.set_room(Some(50));
    assert_eq!(
        append(&mut log, produced(7, 0, 1, 1), CLIENT),
        Err(Refusal::NoSpace)
    );
    assert_eq!(Refusal::NoSpace.code(), 56);
    assert_eq!((log.size(), log.end_offset()), (size, 1));
    assert_eq!(disk.content(&path(0, "log")).unwrap().len() as u64, size);
    assert!(!log.has_failed() && log.snapshot().read(0, 1, 1).unwrap().is_some());
    disk.set_room(None);
    append(&mut log, produced(7, 0, 1, 1), CLIENT).unwrap();
    assert_eq!(log.sync().unwrap(), 2);
    // Deleting needs no room.
    disk.set_room(Some(0));
    log.set_high_watermark(2);
    log.delete_records(2).unwrap().unlink().unwrap();
    assert_eq!(log.start_offset(), 2);
    // But for a segment that grew.
    assert!(log.has_unwanted());
    disk.set_room(None);
    for _ in 0..2 {
        log.delete_records(2).unwrap().unlink().unwrap();
        log.sync().unwrap();
    }
    assert!(!log.has_unwanted());
    assert_eq!(disk.content(&path(0, "log")), None);
}

#[test]
fn a_log_opens_on_a_full_disk() {
    let disk = disk(3);
    let mut log = open(&disk, small());
    for number in 0..35 {
        append(&mut log, plain(1500, number), CLIENT).unwrap();
    }
    log.sync().unwrap();
    drop(log);
    for suffix in ["index", "timeindex"] {
        disk.put(&path(0, suffix), b"");
        disk.put(&path(10, suffix), b"half");
    }
    disk.set_room(Some(0));
    let (mut log, report) = try_open(&disk, small(), Opening::default()).unwrap();
    assert!(report.skipped.contains(&path(10, "index")));
    assert_eq!(log.end_offset(), 35);
    for offset in 0..35 {
        let slice = log.snapshot().read(offset, 1, 35).unwrap().unwrap();
        assert_eq!(slice.base_offset, offset);
    }
    assert_eq!(
        append(&mut log, plain(1500, 0), CLIENT),
        Err(Refusal::NoSpace)
    );
    log.set_high_watermark(30);
    log.delete_records(30).unwrap().unlink().unwrap();
    disk.set_room(None);
    append(&mut log, plain(1500, 0), CLIENT).unwrap();
    assert_eq!(log.sync().unwrap(), 36);
}

#[test]
fn a_sync_that_failed_is_the_end_of_writing() {
    let disk = disk(1);
    let mut log = open(&disk, small());
    append(&mut log, plain(10, 0), CLIENT).unwrap();
    let dirty = log.take_dirty().unwrap().unwrap();
    assert!(log.take_dirty().unwrap().is_none());
    disk.fail_at(0, Fault::Broken);
    let outcome = dirty.sync();
    assert!(!outcome.is_ok());
    assert!(matches!(log.synced(outcome), Err(LogError::Disk { .. })));
    assert!(log.has_failed());
    let batch = [Batch::own(plain(10, 0)).unwrap()];
    assert!(matches!(
        log.append(&batch, CLIENT, 1, 0),
        Err(LogError::Failed)
    ));
    assert!(matches!(
        log.take_dirty().map(|_| ()),
        Err(LogError::Failed)
    ));
    assert_eq!(log.durable_end(), 0);
    assert!(log.snapshot().read(0, 1, 1).unwrap().is_some());
}

#[test]
fn a_sync_from_before_a_truncation_says_nothing_of_what_came_after() {
    let disk = disk(1);
    let mut log = open(&disk, small());
    (0..5).for_each(|_| assert!(append(&mut log, plain(10, 0), CLIENT).is_ok()));
    let dirty = log.take_dirty().unwrap().unwrap();
    assert_eq!(log.truncate_to(2).unwrap(), 2);
    (0..5).for_each(|_| assert!(append(&mut log, plain(20, 0), CLIENT).is_ok()));
    assert_eq!(log.synced(dirty.sync()).unwrap(), 0);
    assert_eq!(log.sync().unwrap(), 7);
}

#[test]
fn records_and_segments_go_from_the_start_and_the_end() {
    let disk = disk(1);
    let mut log = open(&disk, small());
    for number in 0..35 {
        append(&mut log, plain(1500, number * 100), CLIENT).unwrap();
    }
    log.start_epoch(2);
    log.set_high_watermark(35);
    // The segments behind what goes must be durable.
    assert!(log.delete_records(5).unwrap().is_empty());
    log.sync().unwrap();
    log.set_high_watermark(35);
    assert!(matches!(
        log.delete_records(36).map(|_| ()),
        Err(LogError::OutOfRange { .. })
    ));
    log.set_high_watermark(35);
    let removed = log.delete_records(15).unwrap();
    assert_eq!((log.start_offset(), log.segment_count()), (15, 3));
    assert!(names(&log, &disk)[0].ends_with(".index.deleted"));
    removed.unlink().unwrap();
    assert!(
        names(&log, &disk)
            .iter()
            .all(|name| !name.ends_with(".deleted"))
    );
    assert!(log.snapshot().read(14, 1, 35).is_err());
    let start = EpochStart {
        epoch: 1,
        start_offset: 15,
    };
    assert_eq!(log.epochs().entries()[0], start);

    log.set_config(Config {
        retention_ms: Some(1000),
        ..small()
    });
    assert_eq!(log.retention_start(2900).unwrap(), 15);
    assert_eq!(log.retention_start(2901).unwrap(), 20);
    assert_eq!(log.retention_start(i64::MAX).unwrap(), 35);
    log.set_config(Config {
        retention_ms: None,
        retention_bytes: Some(log.size() - 16_000),
        ..small()
    });
    assert_eq!(log.retention_start(i64::MAX).unwrap(), 20);

    assert_eq!(log.truncate_to(23).unwrap(), 23);
    assert_eq!((log.end_offset(), log.segment_count()), (23, 2));
    append(&mut log, plain(10, 0), CLIENT).unwrap();
    log.truncate_fully_and_start_at(100).unwrap();
    assert_eq!(
        (log.start_offset(), log.end_offset(), log.size()),
        (100, 100, 0)
    );
    append(&mut log, plain(10, 0), CLIENT).unwrap();
    assert_eq!(
        log.snapshot()
            .read(100, 1, 101)
            .unwrap()
            .unwrap()
            .base_offset,
        100
    );
}

#[test]
fn what_interrupted_work_left_is_removed_or_finished() {
    let disk = disk(1);
    let mut log = open(&disk, small());
    for number in 0..30 {
        append(&mut log, plain(1500, number), CLIENT).unwrap();
    }
    log.close().unwrap();
    let segment = disk.content(&path(10, "log")).unwrap();
    // A cleaner had written the first two segments anew, as one.
    disk.put(&path(0, "log.swap"), &segment);
    disk.put(&path(0, "index.swap"), &[]);
    disk.put(&path(0, "timeindex.swap"), &[]);
    disk.put(&path(25, "log.cleaned"), b"half");
    disk.put(&path(26, "log.swap"), b"of something that was not finished");
    disk.put(&path(5, "log.deleted"), b"x");
    disk.put(&path(7, "index"), b"without a log");
    let opening = Opening {
        recovery_point: 30,
        is_clean: true,
        ..Opening::default()
    };
    let (log, report) = try_open(&disk, small(), opening).unwrap();
    assert!(report.removed.contains(&path(10, "log")));
    assert_eq!(disk.content(&path(0, "log")), Some(segment));
    let left = names(&log, &disk);
    assert!(
        left.iter()
            .all(|name| name.matches('.').count() == 1 || !name.starts_with('0'))
    );
    assert_eq!((log.segment_count(), log.end_offset()), (2, 30));
    assert_eq!(
        log.snapshot().read(0, 1, 30).unwrap().unwrap().base_offset,
        10
    );
    assert_eq!(
        log.snapshot().read(20, 1, 30).unwrap().unwrap().base_offset,
        20
    );
}

#[test]
fn a_batch_larger_than_a_segment_is_refused() {
    let mut log = open(&disk(1), small());
    assert_eq!(
        append(&mut log, plain(17_000, 0), CLIENT),
        Err(Refusal::TooLarge)
    );
    append(&mut log, plain(16_000, 0), CLIENT).unwrap();
}

#[test]
fn the_simulated_disk_forgets_what_was_not_synced() {
    let mut lost = 0;
    for seed in 0..50 {
        let disk = disk(seed);
        let mut log = open(&disk, small());
        log.sync().unwrap();
        disk.skip(Some(Skip::FilesNamed(".log")));
        append(&mut log, plain(100, 0), CLIENT).unwrap();
        log.sync().unwrap();
        drop(log);
        disk.lose_power();
        let whole = disk.content(&path(0, "log")).unwrap_or_default();
        lost += usize::from(Batch::own(Bytes::from(whole)).is_err());
    }
    assert!((10..50).contains(&lost), "{lost}");
}
