//! The codecs of record batches.

use std::io::{self, Read, Write};

use bytes::Bytes;
use millrace_kafka_wire::batch::{BatchHeader, Compression, HEADER_SIZE, PREFIX_SIZE, checksum};

/// Begins snappy as Java's clients frame it: blocks with a size before each.
const XERIAL: &[u8] = b"\x82SNAPPY\0";
/// Its mark and two versions.
const XERIAL_HEADER: usize = 16;

/// Compresses the records of a batch that is not compressed yet. Where that makes it larger the
/// batch is compressed all the same: the reader is told what it is.
pub fn compress(batch: Vec<u8>, codec: Compression) -> io::Result<Bytes> {
    if codec == Compression::None {
        return Ok(batch.into());
    }
    let mut header = BatchHeader::read(&batch).map_err(io::Error::other)?;
    let records = encode(codec, &batch[HEADER_SIZE..])?;
    let length = HEADER_SIZE - PREFIX_SIZE + records.len();
    header.length = i32::try_from(length).map_err(io::Error::other)?;
    header.attributes = header.attributes.with_compression(codec);
    let mut compressed = [&header.to_bytes()[..], &records].concat();
    header.crc = checksum(&compressed);
    compressed[..HEADER_SIZE].copy_from_slice(&header.to_bytes());
    Ok(compressed.into())
}

fn encode(codec: Compression, records: &[u8]) -> io::Result<Vec<u8>> {
    match codec {
        Compression::None => Ok(records.to_vec()),
        Compression::Gzip => {
            let level = flate2::Compression::default();
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(records)?;
            encoder.finish()
        }
        Compression::Snappy => {
            let mut encoder = snap::raw::Encoder::new();
            encoder.compress_vec(records).map_err(io::Error::other)
        }
        Compression::Lz4 => {
            // Kafka's reader knows blocks that do not look back into the ones before, without
            // checksums of their own.
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(records)?;
            encoder.finish().map_err(io::Error::other)
        }
        Compression::Zstd => zstd::bulk::compress(records, 0),
    }
}

/// The records of a batch, at most `largest` bytes: more is a bomb.
pub fn decompress(codec: Compression, bytes: &[u8], largest: usize) -> io::Result<Vec<u8>> {
    match codec {
        Compression::None => Ok(bytes.to_vec()),
        Compression::Gzip => all(flate2::read::MultiGzDecoder::new(bytes), largest),
        Compression::Snappy => snappy(bytes, largest),
        Compression::Lz4 => all(lz4_flex::frame::FrameDecoder::new(bytes), largest),
        Compression::Zstd => all(zstd::stream::read::Decoder::new(bytes)?, largest),
    }
}

fn all(from: impl Read, largest: usize) -> io::Result<Vec<u8>> {
    let mut records = Vec::new();
    from.take(largest as u64 + 1).read_to_end(&mut records)?;
    match records.len() > largest {
        true => Err(too_large(largest)),
        false => Ok(records),
    }
}

fn snappy(bytes: &[u8], largest: usize) -> io::Result<Vec<u8>> {
    let mut records = Vec::new();
    let framed = bytes.starts_with(XERIAL);
    let Some(mut blocks) = framed.then(|| bytes.get(XERIAL_HEADER..)).flatten() else {
        block(bytes, &mut records, largest)?;
        return Ok(records);
    };
    while let Some((size, rest)) = blocks.split_first_chunk::<4>() {
        let size = usize::try_from(i32::from_be_bytes(*size)).unwrap_or(usize::MAX);
        let (one, rest) = rest.split_at_checked(size).ok_or_else(ends_early)?;
        block(one, &mut records, largest)?;
        blocks = rest;
    }
    match blocks {
        [] => Ok(records),
        _ => Err(ends_early()),
    }
}

fn block(bytes: &[u8], records: &mut Vec<u8>, largest: usize) -> io::Result<()> {
    let size = snap::raw::decompress_len(bytes).map_err(io::Error::other)?;
    let start = records.len();
    if size > largest - start {
        return Err(too_large(largest));
    }
    records.resize(start + size, 0);
    let written = snap::raw::Decoder::new().decompress(bytes, &mut records[start..]);
    records.truncate(start + written.map_err(io::Error::other)?);
    Ok(())
}

fn too_large(largest: usize) -> io::Error {
    io::Error::other(format!("they become more than {largest} bytes"))
}

fn ends_early() -> io::Error {
    io::Error::other("a block of snappy ends early")
}

#[cfg(test)]
mod tests {
    use millrace_kafka_wire::batch::{BatchBuilder, is_intact};

    use super::*;

    const ALL: [Compression; 4] = [
        Compression::Gzip,
        Compression::Snappy,
        Compression::Lz4,
        Compression::Zstd,
    ];

    #[test]
    fn what_each_codec_writes_it_reads_again_and_the_batch_is_intact() {
        let mut builder = BatchBuilder::new(0).producer(7, 0, 3);
        let value = vec![b'x'; 10_000];
        builder.add(1, Some(b"key"), Some(&value), &[]);
        let plain = builder.finish();
        for codec in ALL {
            let batch = compress(plain.clone(), codec).unwrap();
            let header = is_intact(&batch).unwrap();
            assert_eq!(header.attributes.compression(), Some(codec));
            assert_eq!((header.producer_id, header.base_sequence), (7, 3));
            assert!(batch.len() < plain.len() / 2, "{codec:?}: {}", batch.len());
            let records = decompress(codec, &batch[HEADER_SIZE..], 1 << 20).unwrap();
            assert_eq!(records, plain[HEADER_SIZE..], "{codec:?}");
        }
    }

    #[test]
    fn a_bomb_of_each_codec_is_refused() {
        for codec in ALL {
            let bomb = encode(codec, &vec![0; 1 << 20]).unwrap();
            let refused = decompress(codec, &bomb, (1 << 20) - 1).unwrap_err();
            assert!(
                refused.to_string().contains("more than"),
                "{codec:?}: {refused}"
            );
            assert!(decompress(codec, &bomb[..bomb.len() / 2], 1 << 21).is_err());
        }
    }
}
