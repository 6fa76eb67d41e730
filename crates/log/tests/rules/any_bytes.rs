//! Whatever lies in the directory of a log, it is read or refused.

use millrace_kafka_wire::batch::is_intact;
use millrace_log::files::sim::Simulated;
use millrace_log::{LogError, Opening};
use proptest::prelude::*;

use crate::support::{
    CLIENT, append, dir, disk, open, path, plain, small, transactional, try_open,
};

const FILES: [&str; 5] = ["log", "index", "timeindex", "txnindex", "snapshot"];

/// Two segments with a producer and an open transaction, closed.
fn closed() -> Simulated {
    let disk = disk(1);
    let mut log = open(&disk, small());
    for number in 0..8 {
        append(&mut log, plain(1500, number), CLIENT).unwrap();
        append(&mut log, transactional(7, 0, number as i32 * 2, 2), CLIENT).unwrap();
    }
    log.close().unwrap();
    assert!(log.segment_count() == 1 && log.end_offset() == 24);
    for number in 8..12 {
        append(&mut log, plain(1500, number), CLIENT).unwrap();
    }
    log.close().unwrap();
    assert_eq!(log.segment_count(), 2);
    disk
}

/// Opens the log and reads all of it.
fn read(disk: &Simulated, opening: Opening) -> Result<(), LogError> {
    let none = |_, _: &[u8]| Ok(Vec::new());
    let (log, _) = try_open(disk, small(), opening)?;
    let snapshot = log.snapshot();
    let mut offset = snapshot.start_offset();
    while let Some(slice) = snapshot.read(offset, 5000, i64::MAX)? {
        let bytes = slice.bytes()?;
        assert!(slice.next_offset > offset);
        // What was scanned is sound; what was durable may be damaged, and then says so.
        let is_scanned = opening.recovery_point == 0 && !opening.is_clean;
        assert!(!is_scanned || is_intact(&bytes).is_ok());
        offset = slice.next_offset;
    }
    snapshot.aborted(0, i64::MAX)?;
    snapshot.offset_for_time(5, i64::MAX, &none)?;
    snapshot.max_timestamp(i64::MAX, &none)?;
    Ok(())
}

fn openings() -> impl Iterator<Item = Opening> {
    [(0, false), (20, false), (28, false), (28, true)]
        .into_iter()
        .map(|(at, is_clean)| Opening {
            recovery_point: at,
            is_clean,
            ..Opening::default()
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_bytes_in_a_file_are_read_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        suffix in prop::sample::select(&FILES[..]),
        is_last: bool,
    ) {
        for opening in openings() {
            let disk = closed();
            let names = millrace_log::Files::list(&disk, &dir()).unwrap();
            let mut named = names.iter().filter(|name| name.ends_with(&format!(".{suffix}")));
            let name = if is_last { named.next_back() } else { named.next() };
            let path = name.map_or(path(0, suffix), |name| dir().join(name));
            disk.put(&path, &bytes);
            let read = read(&disk, opening);
            let is_expected = matches!(read, Ok(()) | Err(LogError::Corrupt(_)));
            prop_assert!(is_expected, "{read:?}");
        }
    }

    #[test]
    fn any_part_of_a_file_may_be_overwritten(
        bytes in prop::collection::vec(any::<u8>(), 1..70),
        suffix in prop::sample::select(&FILES[..3]),
        at: prop::sample::Index,
    ) {
        for opening in openings() {
            let disk = closed();
            let path = path(0, suffix);
            let mut content = disk.content(&path).unwrap();
            let at = at.index(content.len());
            let end = content.len().min(at + bytes.len());
            content[at..end].copy_from_slice(&bytes[..end - at]);
            disk.put(&path, &content);
            let read = read(&disk, opening);
            let is_expected = matches!(read, Ok(()) | Err(LogError::Corrupt(_)));
            prop_assert!(is_expected, "{read:?}");
        }
    }
}
