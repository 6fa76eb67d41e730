//! Opens the records of compressed batches, within a bound, and compresses them.

use std::io::{self, Read, Write};

use millrace_kafka_wire::batch::Compression;

/// What a batch may become: more is a bomb.
const LARGEST: usize = 64 << 20;
/// Begins snappy as Java's clients frame it: blocks with a size before each.
const XERIAL: &[u8] = b"\x82SNAPPY\0";
/// What Java's clients compress at once.
const SNAPPY_BLOCK: usize = 32 << 10;
/// Its mark and two versions.
const XERIAL_HEADER: usize = 16;

/// The records of a batch.
///
/// # Errors
/// The bytes are not of this codec, or become more than 64 MiB.
pub fn decompress(codec: Compression, bytes: &[u8]) -> io::Result<Vec<u8>> {
    match codec {
        Compression::None => Ok(bytes.to_vec()),
        Compression::Gzip => all(flate2::read::MultiGzDecoder::new(bytes)),
        Compression::Snappy => snappy(bytes),
        Compression::Lz4 => all(lz4_flex::frame::FrameDecoder::new(bytes)),
        Compression::Zstd => all(zstd::stream::read::Decoder::new(bytes)?),
    }
}

/// Compresses the records of a batch, as `compression.type` or the batch before says.
///
/// # Errors
/// The codec refuses.
pub fn compress(codec: Compression, records: &[u8]) -> io::Result<Vec<u8>> {
    match codec {
        Compression::None => Ok(records.to_vec()),
        Compression::Gzip => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(records)?;
            encoder.finish()
        }
        Compression::Snappy => compress_snappy(records),
        Compression::Lz4 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(records)?;
            encoder.finish().map_err(io::Error::other)
        }
        Compression::Zstd => zstd::stream::encode_all(records, zstd::DEFAULT_COMPRESSION_LEVEL),
    }
}

/// As Java frames it, which all clients read.
fn compress_snappy(records: &[u8]) -> io::Result<Vec<u8>> {
    let mut framed = [XERIAL, &[0, 0, 0, 1, 0, 0, 0, 1]].concat();
    for block in records.chunks(SNAPPY_BLOCK) {
        let block = snap::raw::Encoder::new()
            .compress_vec(block)
            .map_err(io::Error::other)?;
        let size = u32::try_from(block.len()).map_err(io::Error::other)?;
        framed.extend_from_slice(&size.to_be_bytes());
        framed.extend_from_slice(&block);
    }
    Ok(framed)
}

fn all(from: impl Read) -> io::Result<Vec<u8>> {
    let mut records = Vec::new();
    from.take(LARGEST as u64 + 1).read_to_end(&mut records)?;
    match records.len() > LARGEST {
        true => Err(too_large()),
        false => Ok(records),
    }
}

fn snappy(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let Some(mut blocks) = (bytes.starts_with(XERIAL))
        .then(|| bytes.get(XERIAL_HEADER..))
        .flatten()
    else {
        let mut records = Vec::new();
        block(bytes, &mut records)?;
        return Ok(records);
    };
    let mut records = Vec::new();
    while let Some((size, rest)) = blocks.split_first_chunk::<4>() {
        let size = usize::try_from(i32::from_be_bytes(*size)).unwrap_or(usize::MAX);
        let (one, rest) = rest.split_at_checked(size).ok_or_else(ends_early)?;
        block(one, &mut records)?;
        blocks = rest;
    }
    match blocks {
        [] => Ok(records),
        _ => Err(ends_early()),
    }
}

fn block(bytes: &[u8], records: &mut Vec<u8>) -> io::Result<()> {
    let size = snap::raw::decompress_len(bytes).map_err(io::Error::other)?;
    let start = records.len();
    if size > LARGEST - start {
        return Err(too_large());
    }
    records.resize(start + size, 0);
    let written = snap::raw::Decoder::new().decompress(bytes, &mut records[start..]);
    records.truncate(start + written.map_err(io::Error::other)?);
    Ok(())
}

fn too_large() -> io::Error {
    io::Error::other("the records become more than 64 MiB")
}

fn ends_early() -> io::Error {
    io::Error::other("a block of snappy ends early")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snappy_is_opened_with_and_without_javas_frame() {
        let records = b"records records records";
        let raw = snap::raw::Encoder::new().compress_vec(records).unwrap();
        assert_eq!(decompress(Compression::Snappy, &raw).unwrap(), records);
        let mut framed = [XERIAL, &[0, 0, 0, 1, 0, 0, 0, 1]].concat();
        for _ in 0..2 {
            framed.extend_from_slice(&(raw.len() as u32).to_be_bytes());
            framed.extend_from_slice(&raw);
        }
        let twice = [&records[..], records].concat();
        assert_eq!(decompress(Compression::Snappy, &framed).unwrap(), twice);
        framed.pop();
        assert!(decompress(Compression::Snappy, &framed).is_err());
    }

    #[test]
    fn what_is_compressed_is_opened_again() {
        let records: Vec<u8> = (0..100_000_u32).map(|it| (it / 7 % 251) as u8).collect();
        let codecs = [
            Compression::None,
            Compression::Gzip,
            Compression::Snappy,
            Compression::Lz4,
            Compression::Zstd,
        ];
        for codec in codecs {
            let compressed = compress(codec, &records).unwrap();
            assert_eq!(
                decompress(codec, &compressed).unwrap(),
                records,
                "{codec:?}"
            );
        }
    }

    #[test]
    fn a_bomb_is_refused() {
        // A block that claims to become 4 GiB.
        assert!(decompress(Compression::Snappy, b"\xff\xff\xff\xff\x0f\0").is_err());
        let zeros = vec![0; LARGEST + 1];
        let bomb = zstd::encode_all(&zeros[..], 1).unwrap();
        assert!(decompress(Compression::Zstd, &bomb).is_err());
    }
}
