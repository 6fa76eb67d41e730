//! The files of a partition that no broker has open.

mod cut;
mod verification;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use millrace_kafka_wire::batch::ControlType;
use millrace_log::files::sim::Simulated;
use millrace_log::offline::{
    Meaning, ReadError, SegmentFile, State, Verification, read_offset_index, read_producers,
    read_time_index, read_txn_index, verify,
};
use millrace_log::{Files, LogDir, LogError, Opening};

use crate::corruption::{BATCH, three_segments};
use crate::support::{
    CLIENT, COORDINATOR, append, dir, disk, marker, open, path, plain, small, transactional,
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

fn log_dir(disk: &Simulated) -> LogDir {
    LogDir::open(Arc::new(disk.clone()), Path::new("/logs")).unwrap()
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
