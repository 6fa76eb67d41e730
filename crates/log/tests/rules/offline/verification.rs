//! What is wrong with a partition, and what that means.

use millrace_log::files::sim::Simulated;
use millrace_log::offline::{Meaning, State};
use millrace_log::{Files, LogError, Opening};

use super::{at, verified};
use crate::corruption::{BATCH, three_segments};
use crate::support::{path, small, try_open};

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
