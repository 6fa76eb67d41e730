//! Compaction, rule by rule: what stays, what goes and when, and what a pass leaves alone.

use std::io;

use bytes::Bytes;
use millrace_kafka_wire::batch::{
    BatchBuilder, BatchHeader, Compression, HEADER_SIZE, Records, is_intact,
};
use millrace_log::files::sim::Simulated;
use millrace_log::{CleaningTools, Compaction, Config, Log, Opening, Snapshot, Swapped};

mod afterwards;
mod kept;
mod passes;

use crate::support::{CLIENT, append, try_open};

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
