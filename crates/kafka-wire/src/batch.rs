//! Record batches of the format "magic 2", as they lie on the wire and on disk.
//!
//! A batch is a header of [`HEADER_SIZE`] bytes and its records, which may be compressed as a
//! whole. A broker stores what it was sent, byte for byte; of the header it rewrites the base
//! offset and the leader epoch, which the checksum does not cover, and the time where a topic says
//! that the broker's counts. Source: Kafka's documentation, "Message Format"; KIP-98, KIP-534.

mod builder;
mod compression;
mod header;
mod record;

pub use builder::{BatchBuilder, ControlType};
pub use compression::{RECORDS_BYTES_MAX, batch_of, compress, compress_batch, decompress};
pub use header::{
    Attributes, BatchError, BatchHeader, Compression, HEADER_SIZE, NO_PRODUCER, PREFIX_SIZE,
    checksum, is_intact, set_append_time, set_position, size_of,
};
pub use record::{Header, Headers, Record, RecordError, Records, put_with_time};
