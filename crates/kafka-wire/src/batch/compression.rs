//! The codecs of record batches.

use std::io::{self, Read, Write};

use super::{BatchHeader, Compression, HEADER_SIZE, PREFIX_SIZE, checksum};

/// Begins snappy as Java's clients frame it: blocks with a size before each.
const XERIAL: &[u8] = b"\x82SNAPPY\0";
/// What Java's clients compress at once.
const SNAPPY_BLOCK: usize = 32 << 10;
/// Its mark and two versions.
const XERIAL_HEADER: usize = 16;

/// How many bytes the records of a compressed batch become at most: more is a bomb. Brokers that open
/// batches and their readers have the same bound, so that what the one has taken the other can read.
pub const RECORDS_BYTES_MAX: usize = 64 << 20;

/// The records of a batch, at most `largest` bytes.
///
/// # Errors
/// The bytes are not of this codec, or become more, which is of the kind `FileTooLarge`.
pub fn decompress(codec: Compression, bytes: &[u8], largest: usize) -> io::Result<Vec<u8>> {
    match codec {
        Compression::None => Ok(bytes.to_vec()),
        Compression::Gzip => all(flate2::read::MultiGzDecoder::new(bytes), largest),
        Compression::Snappy => snappy(bytes, largest),
        Compression::Lz4 => all(lz4_flex::frame::FrameDecoder::new(bytes), largest),
        Compression::Zstd => all(zstd::stream::read::Decoder::new(bytes)?, largest),
    }
}

/// Compresses the records of a batch that is not compressed yet. Where that makes it larger the
/// batch is compressed all the same: the reader is told what it is.
///
/// # Errors
/// It is no batch, or the codec refuses.
pub fn compress_batch(codec: Compression, batch: Vec<u8>) -> io::Result<Vec<u8>> {
    if codec == Compression::None {
        return Ok(batch);
    }
    let header = BatchHeader::read(&batch).map_err(io::Error::other)?;
    batch_of(header, codec, &batch[HEADER_SIZE..])
}

/// A batch of records that are not compressed, as `codec` has them; its length, its codec and its
/// checksum are set, all else is as the header says.
///
/// # Errors
/// The codec refuses, or a batch cannot be so large.
pub fn batch_of(
    mut header: BatchHeader,
    codec: Compression,
    records: &[u8],
) -> io::Result<Vec<u8>> {
    let records = compress(codec, records)?;
    let length = HEADER_SIZE - PREFIX_SIZE + records.len();
    header.length = i32::try_from(length).map_err(io::Error::other)?;
    header.attributes = header.attributes.with_compression(codec);
    let mut batch = [&header.to_bytes()[..], &records].concat();
    header.crc = checksum(&batch);
    batch[..HEADER_SIZE].copy_from_slice(&header.to_bytes());
    Ok(batch)
}

/// Compresses records.
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
    let text = format!("the records become more than {largest} bytes");
    io::Error::new(io::ErrorKind::FileTooLarge, text)
}

fn ends_early() -> io::Error {
    io::Error::other("a block of snappy ends early")
}

#[cfg(test)]
mod tests {
    use super::super::{BatchBuilder, is_intact};
    use super::*;

    #[test]
    fn snappy_is_opened_with_and_without_javas_frame() {
        let records = b"records records records";
        let open = |bytes: &[u8]| decompress(Compression::Snappy, bytes, 1 << 10);
        let raw = snap::raw::Encoder::new().compress_vec(records).unwrap();
        assert_eq!(open(&raw).unwrap(), records);
        let mut framed = [XERIAL, &[0, 0, 0, 1, 0, 0, 0, 1]].concat();
        for _ in 0..2 {
            framed.extend_from_slice(&(raw.len() as u32).to_be_bytes());
            framed.extend_from_slice(&raw);
        }
        assert_eq!(open(&framed).unwrap(), records.repeat(2));
        framed.pop();
        assert!(open(&framed).is_err());
    }

    #[test]
    fn what_each_codec_writes_it_reads_again_and_the_batch_is_intact() {
        let mut builder = BatchBuilder::new(0).producer(7, 0, 3);
        let value: Vec<u8> = (0..100_000_u32).map(|it| (it / 700 % 251) as u8).collect();
        builder.add(1, Some(b"key"), Some(&value), &[]);
        let plain = builder.finish();
        for codec in Compression::ALL {
            let batch = compress_batch(codec, plain.clone()).unwrap();
            let header = is_intact(&batch).unwrap();
            assert_eq!(header.attributes.compression(), Some(codec));
            assert_eq!((header.producer_id, header.base_sequence), (7, 3));
            assert_eq!(codec == Compression::None, batch.len() > plain.len() / 2);
            let records = decompress(codec, &batch[HEADER_SIZE..], 1 << 20).unwrap();
            assert_eq!(records, plain[HEADER_SIZE..], "{codec:?}");
        }
    }

    #[test]
    fn a_bomb_of_each_codec_is_refused() {
        for codec in &Compression::ALL[1..] {
            let bomb = compress(*codec, &vec![0; 1 << 20]).unwrap();
            let refused = decompress(*codec, &bomb, (1 << 20) - 1).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::FileTooLarge);
            let text = refused.to_string();
            assert!(text.contains("more than"), "{codec:?}: {text}");
            assert!(decompress(*codec, &bomb[..bomb.len() / 2], 1 << 21).is_err());
        }
        // A block that claims to become 4 GiB.
        let claim = b"\xff\xff\xff\xff\x0f\0";
        assert!(decompress(Compression::Snappy, claim, 1 << 20).is_err());
    }
}
