//! Batches with a codec, as a client makes them and as a broker opens them.

use std::io::{self, Read, Write};

use lz4_flex::frame::{FrameDecoder, FrameEncoder};
use millrace_kafka_wire::batch::{
    Attributes, Compression, HEADER_SIZE, PREFIX_SIZE, checksum, is_intact,
};

pub fn decompress(codec: Compression, bytes: &[u8]) -> io::Result<Vec<u8>> {
    assert_eq!(codec, Compression::Lz4);
    let mut opened = Vec::new();
    FrameDecoder::new(bytes)
        .take(1 << 24)
        .read_to_end(&mut opened)?;
    Ok(opened)
}

pub fn compress(codec: Compression, bytes: &[u8]) -> io::Result<Vec<u8>> {
    assert_eq!(codec, Compression::Lz4);
    let mut encoder = FrameEncoder::new(Vec::new());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

/// The same batch, compressed.
pub fn compressed(batch: &[u8]) -> Vec<u8> {
    let mut header = is_intact(batch).unwrap();
    let records = compress(Compression::Lz4, &batch[HEADER_SIZE..]).unwrap();
    let Attributes(attributes) = header.attributes.with_compression(Compression::Lz4);
    header.attributes = Attributes(attributes);
    header.length = (HEADER_SIZE + records.len() - PREFIX_SIZE) as i32;
    let mut bytes = [&header.to_bytes()[..], &records].concat();
    header.crc = checksum(&bytes);
    bytes[..HEADER_SIZE].copy_from_slice(&header.to_bytes());
    bytes
}
