//! The bound within which the broker opens compressed batches.

use std::io;

use millrace_kafka_wire::batch::{self, Compression};

/// What a batch may become: more is a bomb.
const LARGEST: usize = 64 << 20;

/// The records of a batch.
///
/// # Errors
/// The bytes are not of this codec, or become more than 64 MiB.
pub fn decompress(codec: Compression, bytes: &[u8]) -> io::Result<Vec<u8>> {
    batch::decompress(codec, bytes, LARGEST)
}
