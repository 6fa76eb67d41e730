//! A bit that turns is found, and only what was never durable is ever cut.

use std::io::IoSlice;

use crate::support::{CLIENT, append, dir, disk, open, path, plain, produced, small, try_open};
use millrace_kafka_wire::batch::is_intact;
use millrace_log::files::sim::Simulated;
use millrace_log::files::{Files, Open};
use millrace_log::{Config, Corruption, Log, LogError, OpenReport, Opening};

/// Two sealed segments and one that grows, ten batches of 1,500 bytes in each; 20 and a half
/// batches are durable. Power is lost, nothing with it.
pub fn three_segments() -> Simulated {
    let disk = disk(1);
    let mut log = open(&disk, small());
    for number in 0..30 {
        append(&mut log, plain(1500, number), CLIENT).unwrap();
        if number % 3 == 0 {
            log.sync().unwrap();
        }
    }
    log.sync().unwrap();
    assert_eq!((log.segment_count(), log.end_offset()), (3, 30));
    disk
}

fn reopen(disk: &Simulated, recovery_point: i64) -> Result<(Log, OpenReport), LogError> {
    let opening = Opening {
        recovery_point,
        ..Opening::default()
    };
    try_open(disk, small(), opening)
}

fn corruption(opened: Result<(Log, OpenReport), LogError>) -> Corruption {
    match opened.map(|(_, report)| report) {
        Err(LogError::Corrupt(corruption)) => corruption,
        other => panic!("{other:?}"),
    }
}

pub const BATCH: usize = 1573;

#[test]
fn a_batch_has_the_size_that_these_tests_count_with() {
    assert_eq!(plain(1500, 0).len(), BATCH);
    let disk = three_segments();
    let log = disk.content(&path(20, "log")).unwrap();
    assert_eq!(is_intact(&log[BATCH..]).unwrap().base_offset, 21);
}

#[test]
fn a_bit_before_the_tail_is_never_cut_at() {
    for (byte, bit) in [
        (100, 0),
        (BATCH * 3 + 8, 7),
        (BATCH * 4 + 16, 1),
        (BATCH * 5, 6),
    ] {
        for recovery_point in [0, 20, 25, 30] {
            let disk = three_segments();
            disk.flip_bit(&path(20, "log"), byte, bit);
            let before = disk.content(&path(20, "log"));
            let found = corruption(reopen(&disk, recovery_point));
            assert_eq!(found.path, path(20, "log"));
            assert_eq!(found.position, (byte / BATCH * BATCH) as u64, "{byte}");
            assert_eq!(found.offset, 20 + (byte / BATCH) as i64);
            assert!(found.next.is_some() && found.durable == recovery_point);
            assert_eq!(disk.content(&path(20, "log")), before);
            let remedy = format!("log repair /logs/topic-0 --truncate-to {}", found.offset);
            assert!(found.to_string().contains(&remedy), "{found}");
        }
    }
}

#[test]
fn a_bit_in_the_tail_is_cut_at_when_the_tail_was_not_durable() {
    for recovery_point in [0, 21, 29] {
        let disk = three_segments();
        disk.flip_bit(&path(20, "log"), BATCH * 9 + 500, 2);
        let (log, report) = reopen(&disk, recovery_point).unwrap();
        assert_eq!(log.end_offset(), 29);
        let cut = report.cut.unwrap();
        assert_eq!((cut.offset, cut.position), (29, (BATCH * 9) as u64));
        assert_eq!((cut.bytes, cut.had_sound_batches), (BATCH as u64, false));
        assert_eq!(disk.content(&path(20, "log")).unwrap().len(), BATCH * 9);
    }
}

/// A page ends within the offset of a batch, and was lost from there on.
#[test]
fn the_end_of_a_page_that_was_lost_within_an_offset_is_cut_at() {
    const PAGE: usize = 4096;
    const OF_OFFSET: usize = 7;
    let config = || Config {
        segment_bytes: 1 << 20,
        ..small()
    };
    for (recovery_point, is_cut) in [(301, true), (302, false)] {
        let disk = disk(1);
        let mut log = open(&disk, config());
        // Offsets from 256 on have more than one byte.
        append(&mut log, produced(7, 0, 0, 300), CLIENT).unwrap();
        let size = disk.content(&path(0, "log")).unwrap().len();
        let begins = (size + 200).next_multiple_of(PAGE) - OF_OFFSET;
        let mut fillers = (1..2 * PAGE).map(|it| plain(it, 0));
        let filler = fillers.find(|it| size + it.len() == begins);
        append(&mut log, filler.unwrap(), CLIENT).unwrap();
        for number in 0..2 {
            append(&mut log, plain(100, number), CLIENT).unwrap();
        }
        log.sync().unwrap();
        drop(log);
        let file = disk.open(&path(0, "log"), Open::Write).unwrap();
        file.write_at(&[IoSlice::new(&[0; OF_OFFSET])], begins as u64)
            .unwrap();
        let opening = Opening {
            recovery_point,
            ..Opening::default()
        };
        let opened = try_open(&disk, config(), opening);
        if !is_cut {
            assert_eq!(corruption(opened).offset, 301);
            continue;
        }
        let (log, report) = opened.unwrap();
        let cut = report.cut.unwrap();
        assert_eq!((log.end_offset(), cut.offset), (301, 301));
        assert_eq!((cut.position, cut.had_sound_batches), (begins as u64, true));
    }
}

#[test]
fn a_bit_in_the_tail_is_an_error_when_the_tail_was_durable() {
    let disk = three_segments();
    disk.flip_bit(&path(20, "log"), BATCH * 9 + 500, 2);
    let found = corruption(reopen(&disk, 30));
    assert_eq!((found.offset, found.next), (29, None));
}

#[test]
fn a_bit_in_a_sealed_segment_is_found_by_recovery_and_by_every_reader() {
    let disk = three_segments();
    disk.flip_bit(&path(10, "log"), BATCH * 9 + 500, 2);
    let found = corruption(reopen(&disk, 5));
    assert_eq!((found.path, found.offset), (path(10, "log"), 19));
    assert_eq!(found.next, Some((20, None)));
    // Below the segment of the recovery point nothing is read when the log is opened.
    let (log, report) = reopen(&disk, 25).unwrap();
    assert_eq!(report.cut, None);
    let slice = log.snapshot().read(19, 1, 30).unwrap().unwrap();
    assert!(is_intact(&slice.bytes().unwrap()).is_err());
}

#[test]
fn an_offset_that_changed_below_the_recovery_point_is_refused_to_readers() {
    let disk = three_segments();
    // The checksum does not cover it.
    disk.flip_bit(&path(0, "log"), BATCH * 5 + 4, 0);
    let (log, _) = reopen(&disk, 25).unwrap();
    let read = log.snapshot().read(5, 1, 30).map(|_| ());
    let Err(LogError::Corrupt(found)) = read else {
        panic!("{read:?}");
    };
    assert_eq!(found.position, (BATCH * 5) as u64);
    assert!(log.snapshot().read(4, 100, 5).unwrap().is_some());
}

#[test]
fn a_segment_that_ends_early_or_is_gone_is_an_error_where_it_was_durable() {
    let disk = three_segments();
    let whole = disk.content(&path(20, "log")).unwrap();
    disk.put(&path(20, "log"), &whole[..BATCH * 4]);
    let found = corruption(reopen(&disk, 25));
    assert_eq!((found.offset, found.durable), (24, 25));
    let (log, _) = reopen(&disk, 24).unwrap();
    assert_eq!(log.end_offset(), 24);

    let disk = three_segments();
    let whole = disk.content(&path(10, "log")).unwrap();
    disk.put(&path(10, "log"), &whole[..BATCH * 4]);
    let found = corruption(reopen(&disk, 15));
    assert_eq!((found.path, found.position), (path(20, "log"), 0));
    // Nothing was durable there: what follows is cut, and said.
    let (log, report) = reopen(&disk, 14).unwrap();
    assert_eq!((log.end_offset(), log.segment_count()), (14, 2));
    assert!(report.cut.unwrap().had_sound_batches);
}

#[test]
fn garbage_in_the_directory_is_refused_or_ignored_and_nothing_panics() {
    let random_bytes: Vec<u8> = (0..10_000_u32).map(|it| (it * 7919 % 251) as u8).collect();
    for suffix in ["index", "timeindex", "txnindex", "snapshot"] {
        for bytes in [&random_bytes[..], &random_bytes[..7], &[0; 480], &[]] {
            let disk = three_segments();
            disk.put(&path(10, suffix), bytes);
            disk.put(&path(20, suffix), bytes);
            let (log, _) = reopen(&disk, 30).unwrap();
            for offset in 0..30 {
                let slice = log.snapshot().read(offset, 1, 30).unwrap().unwrap();
                assert_eq!(slice.base_offset, offset, "{suffix}");
            }
        }
    }
    let disk = three_segments();
    disk.put(&path(0, "txnindex"), &random_bytes);
    let (log, report) = reopen(&disk, 30).unwrap();
    assert_eq!(report.rebuilt, [path(0, "txnindex")]);
    assert_eq!(log.snapshot().aborted(0, 30).unwrap(), []);
    for name in [
        "leader-epoch-checkpoint",
        "x.log",
        "00000000000000000005.index",
        ".lock",
    ] {
        let disk = three_segments();
        disk.put(&dir().join(name), &random_bytes);
        let (log, report) = reopen(&disk, 30).unwrap();
        assert_eq!(log.snapshot().end_offset_for_epoch(1), Some((1, 30)));
        let is_rebuilt = report.rebuilt == [dir().join(name)];
        assert_eq!(is_rebuilt, name == "leader-epoch-checkpoint");
    }
    let disk = three_segments();
    disk.put(&path(20, "log"), &random_bytes);
    assert_eq!(corruption(reopen(&disk, 30)).offset, 20);
}
