//! The thinnest path, on the real disk: append, read, close, open again.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use millrace_kafka_wire::Uuid;
use millrace_kafka_wire::batch::{BatchBuilder, Compression, is_intact};
use millrace_log::{
    Batch, CleaningTools, Compaction, Config, Disk, Files, Log, Opening, Origin, PartitionMetadata,
    Rules, validate,
};

const CLIENT: Origin = Origin::Client {
    transaction_version: 2,
};

fn open(dir: &Path, opening: Opening) -> Log {
    let config = Config {
        segment_bytes: 64 * 1024,
        ..Config::default()
    };
    Log::open(Arc::new(Disk), dir, config, opening).unwrap().0
}

fn batch(text: &str, timestamp: i64) -> Batch {
    let mut builder = BatchBuilder::new(0);
    builder.add(timestamp, None, Some(text.as_bytes()), &[]);
    builder.add(timestamp + 1, Some(b"k"), Some(text.as_bytes()), &[]);
    validate(Bytes::from(builder.finish()), &Rules::default(), timestamp).unwrap()
}

fn read_all(log: &Log) -> Vec<u8> {
    let snapshot = log.snapshot();
    let (mut offset, mut all) = (snapshot.start_offset(), Vec::new());
    while let Some(slice) = snapshot.read(offset, 10_000, i64::MAX).unwrap() {
        let bytes = slice.bytes().unwrap();
        assert_eq!(
            slice.cached_bytes().unwrap().unwrap_or(bytes.clone()),
            bytes
        );
        all.extend_from_slice(&bytes);
        offset = slice.next_offset;
    }
    assert_eq!(offset, snapshot.end_offset());
    all
}

#[test]
fn what_is_appended_is_read_before_and_after_the_log_is_opened_again() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("topic-0");
    let mut log = open(&dir, Opening::default());
    for number in 0..500_i64 {
        let batches = [
            batch(&format!("{number:0400}"), number * 10),
            batch("small", number * 10 + 1),
        ];
        let appended = log.append(&batches, CLIENT, 3, number).unwrap();
        assert_eq!(appended[1].unwrap().base_offset, number * 4 + 2);
    }
    assert!(log.segment_count() > 5);
    assert_eq!(log.durable_end(), 0);
    assert_eq!(log.sync().unwrap(), 2000);
    let before = read_all(&log);
    assert_eq!(before.len() as u64, log.size());
    let header = is_intact(&before).unwrap();
    assert_eq!((header.base_offset, header.leader_epoch), (0, 3));

    for is_clean in [true, false, true] {
        let recovery_point = log.close().unwrap();
        drop(log);
        let opening = Opening {
            recovery_point,
            is_clean,
            ..Opening::default()
        };
        log = open(&dir, opening);
        assert_eq!(log.end_offset(), 2000);
        assert!(read_all(&log) == before);
        assert_eq!(log.epochs().end_offset_for(3, 2000), Some((3, 2000)));
    }
    let appended = log.append(&[batch("more", 6000)], CLIENT, 4, 6000).unwrap();
    assert_eq!(appended[0].unwrap().base_offset, 2000);
}

#[test]
fn a_file_of_the_topic_that_cannot_be_read_is_named_with_the_reason_and_the_remedy() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("partition.metadata");
    let complaint = || {
        let refused = PartitionMetadata::read(&Disk, root.path());
        refused.unwrap_err().to_string()
    };
    let (name, remedy) = (
        path.display(),
        "; restore it, or remove it to have the topic's id written anew",
    );
    std::fs::write(&path, "version: 7").unwrap();
    let lines = "it does not have the lines `version: 0` and `topic_id: …`";
    assert_eq!(complaint(), format!("{name}: {lines}{remedy}"));
    std::fs::write(&path, [0; 1025]).unwrap();
    let size = "it cannot be read: it has 1025 bytes, more than the 1024 that are expected";
    assert_eq!(complaint(), format!("{name}: {size}{remedy}"));
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&path, &path).unwrap();
    let said = complaint();
    assert!(
        said.starts_with(&format!("{name}: it cannot be read: ")) && said.ends_with(remedy),
        "{said}"
    );
}

#[test]
fn a_file_tells_the_topic_and_a_lock_is_held_once() {
    let root = tempfile::tempdir().unwrap();
    let metadata = PartitionMetadata {
        topic_id: Uuid(*b"0123456789abcdef"),
    };
    assert_eq!(PartitionMetadata::read(&Disk, root.path()).unwrap(), None);
    metadata.write(&Disk, root.path()).unwrap();
    let read = PartitionMetadata::read(&Disk, root.path()).unwrap();
    assert_eq!(read, Some(metadata));

    let path = root.path().join(".lock");
    let lock = Disk.lock(&path).unwrap();
    let refused = Disk.lock(&path).map(|_| ()).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::WouldBlock);
    drop(lock);
    Disk.lock(&path).map(|_| ()).unwrap();
    assert!(Disk.free_space(root.path()).unwrap() > 0);
}

#[test]
fn a_compacted_log_is_read_by_who_had_it_open_before_and_after() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("topic-0");
    let mut log = open(&dir, Opening::default());
    let config = log.config().clone();
    log.set_config(Config {
        compaction: Some(Compaction::default()),
        ..config
    });
    for number in 0..500_i64 {
        let batches = [batch(&format!("{number:0400}"), number * 10)];
        log.append(&batches, CLIENT, 3, number).unwrap();
    }
    log.sync().unwrap();
    log.set_high_watermark(1000);
    let (before, snapshot) = (read_all(&log), log.snapshot());
    let mut cleaning = log.plan_cleaning(0, 1000).unwrap().unwrap();
    let swaps = std::thread::scope(|scope| {
        // The pass runs elsewhere; the owner goes on meanwhile.
        let (sender, receiver) = std::sync::mpsc::sync_channel(0);
        scope.spawn(move || {
            let none = |_: Compression, _: &[u8]| unreachable!("nothing is compressed");
            let tools = CleaningTools {
                decompress: &none,
                compress: &none,
                memory: 1 << 20,
                go_on: &|_| true,
            };
            while let Some(cleaned) = cleaning.run(&tools).unwrap() {
                sender.send(cleaned).unwrap();
            }
        });
        let swapped = receiver.into_iter().map(|cleaned| {
            log.append(&[batch("later", 0)], CLIENT, 3, 0).unwrap();
            let swapped = log.finish_cleaning(cleaned).unwrap();
            swapped.removed.unlink().unwrap();
            assert!(!swapped.is_void);
        });
        swapped.count() as i64
    });
    assert!(swaps > 0 && log.size() < before.len() as u64 / 3);
    let mut offset = 0;
    let mut again = Vec::new();
    while let Some(slice) = snapshot.read(offset, 10_000, i64::MAX).unwrap() {
        again.extend_from_slice(&slice.bytes().unwrap());
        offset = slice.next_offset;
    }
    assert!(again == before);
    let after = read_all(&log);
    let recovery_point = log.close().unwrap();
    drop(log);
    for is_clean in [true, false] {
        let opening = Opening {
            recovery_point,
            is_clean,
            ..Opening::default()
        };
        let mut log = open(&dir, opening);
        assert_eq!(log.end_offset(), 1000 + 2 * swaps);
        assert!(read_all(&log) == after);
        log.close().unwrap();
    }
}

/// Segments of a log that also have names elsewhere, as a backup gives them, and their bytes.
fn shared(log: &Log, to: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    std::fs::create_dir(to).unwrap();
    let names = Disk.list(log.dir()).unwrap();
    let segments = names.iter().filter(|name| name.ends_with(".log"));
    let link = |name: &String| {
        let (from, to) = (log.dir().join(name), to.join(name));
        std::fs::hard_link(&from, &to).unwrap();
        let bytes = std::fs::read(&to).unwrap();
        (to, bytes)
    };
    segments.map(link).collect()
}

#[test]
fn a_cut_changes_no_file_that_has_another_name() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("topic-0");
    let mut log = open(&dir, Opening::default());
    for number in 0..300_i64 {
        let batches = [batch(&format!("{number:0400}"), number)];
        log.append(&batches, CLIENT, 3, number).unwrap();
    }
    log.sync().unwrap();
    let kept = shared(&log, &root.path().join("shared"));
    assert!(kept.len() > 3);
    let is_kept = || {
        kept.iter()
            .all(|(path, bytes)| &std::fs::read(path).unwrap() == bytes)
    };
    assert_eq!(log.truncate_to(101).unwrap(), 100);
    for number in 0..300_i64 {
        let batches = [batch(&format!("{number:0300}"), number)];
        log.append(&batches, CLIENT, 4, number).unwrap();
    }
    log.sync().unwrap();
    assert!(is_kept(), "the cut changed what was shared");
    let all = read_all(&log);
    drop(log);
    let opened = open(&dir, Opening::default());
    assert_eq!(opened.end_offset(), 700);
    assert!(read_all(&opened) == all);
}

#[test]
fn recovery_changes_no_file_that_has_another_name() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("topic-0");
    let mut log = open(&dir, Opening::default());
    for number in 0..300_i64 {
        let batches = [batch(&format!("{number:0400}"), number)];
        log.append(&batches, CLIENT, 3, number).unwrap();
    }
    log.sync().unwrap();
    drop(log);
    let last = Disk.list(&dir).unwrap();
    let last = last.iter().rfind(|name| name.ends_with(".log")).unwrap();
    let torn = std::fs::OpenOptions::new()
        .append(true)
        .open(dir.join(last));
    std::io::Write::write_all(&mut torn.unwrap(), &[7; 5000]).unwrap();
    let other = root.path().join("other.log");
    std::fs::hard_link(dir.join(last), &other).unwrap();
    let before = std::fs::read(&other).unwrap();
    let mut opened = open(&dir, Opening::default());
    assert_eq!(opened.end_offset(), 600);
    let batches = [batch("behind the cut", 1000)];
    opened.append(&batches, CLIENT, 4, 1000).unwrap();
    opened.sync().unwrap();
    assert!(std::fs::read(&other).unwrap() == before);
    assert_eq!(opened.end_offset(), 602);
    let all = read_all(&opened);
    drop(opened);
    assert!(read_all(&open(&dir, Opening::default())) == all);
}
