//! Logs and batches for tests.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use millrace_kafka_wire::batch::{BatchBuilder, ControlType};
use millrace_log::files::sim::Simulated;
use millrace_log::{
    Appended, Batch, Config, Files, Log, LogError, OpenReport, Opening, Origin, Refusal,
};

pub const CLIENT: Origin = Origin::Client {
    transaction_version: 2,
};
pub const COORDINATOR: Origin = Origin::Coordinator {
    transaction_version: 2,
};

pub fn dir() -> PathBuf {
    PathBuf::from("/logs/topic-0")
}

pub fn disk(seed: u64) -> Simulated {
    let disk = Simulated::new(seed);
    disk.create_dir(Path::new("/logs")).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    disk
}

pub fn small() -> Config {
    Config {
        segment_bytes: 16 * 1024,
        ..Config::default()
    }
}

pub fn try_open(
    disk: &Simulated,
    config: Config,
    opening: Opening,
) -> Result<(Log, OpenReport), LogError> {
    let files: Arc<dyn Files> = Arc::new(disk.clone());
    Log::open(files, &dir(), config, opening)
}

pub fn open(disk: &Simulated, config: Config) -> Log {
    try_open(disk, config, Opening::default()).unwrap().0
}

/// One record with a value of so many bytes, none of them zero.
pub fn plain(bytes: usize, timestamp: i64) -> Bytes {
    let mut builder = BatchBuilder::new(0);
    builder.add(timestamp, Some(b"key"), Some(&vec![b'v'; bytes]), &[]);
    builder.finish().into()
}

pub fn produced(id: i64, epoch: i16, sequence: i32, count: i32) -> Bytes {
    fill(BatchBuilder::new(0).producer(id, epoch, sequence), count)
}

pub fn transactional(id: i64, epoch: i16, sequence: i32, count: i32) -> Bytes {
    let builder = BatchBuilder::new(0).producer(id, epoch, sequence);
    fill(builder.transactional(), count)
}

fn fill(mut builder: BatchBuilder, count: i32) -> Bytes {
    for _ in 0..count {
        builder.add(1000, None, Some(b"value"), &[]);
    }
    builder.finish().into()
}

pub fn marker(kind: ControlType, id: i64, epoch: i16, coordinator_epoch: i32) -> Bytes {
    BatchBuilder::marker(kind, (id, epoch), coordinator_epoch, 1000).into()
}

pub fn append(log: &mut Log, batch: Bytes, origin: Origin) -> Result<Appended, Refusal> {
    let batch = [Batch::own(batch).unwrap()];
    log.append(&batch, origin, 1, 1000).unwrap().remove(0)
}

pub fn path(base_offset: i64, suffix: &str) -> PathBuf {
    dir().join(format!("{base_offset:020}.{suffix}"))
}
