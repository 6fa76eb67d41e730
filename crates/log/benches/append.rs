//! What an append costs, on the real disk, beside what it cannot do without: the checksum of the
//! batch and the write.

use std::hint::black_box;
use std::io::IoSlice;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use millrace_kafka_wire::batch::{BatchBuilder, checksum};
use millrace_log::files::Open;
use millrace_log::{Batch, Config, Disk, Files, Log, Opening, Origin, Rules, validate};

const CLIENT: Origin = Origin::Client {
    transaction_version: 2,
};

/// A batch of about so many bytes, with records of one KiB.
fn batch(bytes: usize) -> Bytes {
    let mut builder = BatchBuilder::new(0);
    let value = [7; 1024 - 12];
    while builder.size() + 1024 <= bytes {
        builder.add(1000, None, Some(&value), &[]);
    }
    builder.finish().into()
}

fn append(c: &mut Criterion) {
    let mut group = c.benchmark_group("append");
    for (name, size) in [("1_mib", 1 << 20), ("16_kib", 16 << 10)] {
        let bytes = batch(size);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(format!("{name}/checksum"), |b| {
            b.iter(|| checksum(black_box(&bytes)));
        });
        group.bench_function(format!("{name}/validate"), |b| {
            b.iter(|| validate(black_box(&bytes).clone(), &Rules::default(), 1000));
        });
        let dir = tempfile::tempdir().expect("a directory");
        group.bench_function(format!("{name}/write"), |b| {
            let file = Disk.open(&dir.path().join("plain"), Open::Create);
            let file = file.expect("a file");
            let mut position = 0;
            b.iter(|| {
                if position > 1 << 29 {
                    file.truncate(0).expect("it is cut");
                    position = 0;
                }
                let written = file.write_at(&[IoSlice::new(&bytes)], position);
                written.expect("it is written");
                position += bytes.len() as u64;
            });
        });
        group.bench_function(format!("{name}/log"), |b| {
            let mut log = open(&dir.path().join("log"));
            let batch = [Batch::own(bytes.clone()).expect("it is sound")];
            b.iter(|| {
                if log.size() > 1 << 29 {
                    log.truncate_fully_and_start_at(0).expect("it is cut");
                }
                log.append(black_box(&batch), CLIENT, 1, 1000)
                    .expect("it is written")
            });
        });
    }
    group.finish();
}

fn open(dir: &std::path::Path) -> Log {
    let opened = Log::open(Arc::new(Disk), dir, Config::default(), Opening::default());
    opened.expect("it opens").0
}

criterion_group!(benches, append);
criterion_main!(benches);
