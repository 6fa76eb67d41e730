//! Writes a log with transactions into an empty directory, for Kafka's tools to read:
//! `cargo run -p millrace-log --example write_log -- DIR`.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use millrace_kafka_wire::batch::{BatchBuilder, ControlType};
use millrace_log::{Batch, Config, Disk, Log, Opening, Origin};

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args().nth(1).ok_or("name a directory")?;
    let config = Config {
        segment_bytes: 256 * 1024,
        ..Config::default()
    };
    let opening = Opening::default();
    let (mut log, _) = Log::open(Arc::new(Disk), Path::new(&dir), config, opening)?;
    let client = Origin::Client {
        transaction_version: 2,
    };
    let coordinator = Origin::Coordinator {
        transaction_version: 2,
    };
    for round in 0..500_i32 {
        let time = 1_700_000_000_000 + i64::from(round) * 1000;
        let epoch = i16::try_from(round)?;
        let mut plain = BatchBuilder::new(0).producer(7, 0, round * 3);
        let mut in_transaction = BatchBuilder::new(0).producer(8, epoch, 0).transactional();
        let value = vec![b'v'; 1 + (round as usize * 37) % 900];
        for number in 0..3 {
            plain.add(time + number, Some(b"key"), Some(&value), &[(b"h", None)]);
            in_transaction.add(time - number, None, Some(&value), &[]);
        }
        let kind = [ControlType::Commit, ControlType::Abort][round as usize % 2];
        let marker = BatchBuilder::marker(kind, (8, epoch + 1), 1, time);
        for (bytes, origin) in [
            (plain.finish(), client),
            (in_transaction.finish(), client),
            (marker, coordinator),
        ] {
            let batch = [Batch::own(Bytes::from(bytes))?];
            log.append(&batch, origin, round / 100, time)?.remove(0)?;
        }
    }
    log.close()?;
    Ok(())
}
