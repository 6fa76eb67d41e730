//! The compression formats of `compress` and `decompress`, in memory.

use std::cell::RefCell;
use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use millrace_component::{BuildContext, read_whole};
use millrace_message::Error;
use millrace_spec::{ByteSize, Spec};

/// A format that `compress` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Spec)]
pub(super) enum Algorithm {
    /// Raw deflate.
    Flate,
    /// Gzip.
    Gzip,
    /// The LZ4 frame format; the level has no effect.
    Lz4,
    /// Gzip.
    Pgzip,
    /// The Snappy block format; the level has no effect.
    Snappy,
    /// Zlib.
    Zlib,
}

/// A format that `decompress` reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Spec)]
pub(super) enum Decompression {
    /// Bzip2.
    Bzip2,
    /// Raw deflate.
    Flate,
    /// Gzip, of one member or several.
    Gzip,
    /// The LZ4 frame format.
    Lz4,
    /// Gzip, of one member or several.
    Pgzip,
    /// The Snappy block format.
    Snappy,
    /// Zlib.
    Zlib,
}

/// Compresses a payload. `level` is 0 to 9, or none for the default of the algorithm.
///
/// # Errors
/// The encoder refuses the payload.
pub(super) fn compress(
    algorithm: Algorithm,
    level: Option<u32>,
    payload: &[u8],
) -> Result<Vec<u8>, Error> {
    match algorithm {
        Algorithm::Flate => deflate(level, false, payload, Vec::new()),
        Algorithm::Zlib => deflate(level, true, payload, Vec::new()),
        Algorithm::Gzip | Algorithm::Pgzip => gzip(level, payload),
        Algorithm::Snappy => snap::raw::Encoder::new()
            .compress_vec(payload)
            .map_err(|error| failed("snappy", &error)),
        Algorithm::Lz4 => lz4(payload).map_err(|error| failed("lz4", &error)),
    }
}

fn lz4(payload: &[u8]) -> std::io::Result<Vec<u8>> {
    let info = lz4_flex::frame::FrameInfo::new().content_checksum(true);
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    std::io::Write::write_all(&mut encoder, payload)?;
    Ok(encoder.finish()?)
}

/// A gzip member without name and time, as Go's encoder writes it.
fn gzip(level: Option<u32>, payload: &[u8]) -> Result<Vec<u8>, Error> {
    let extra_flags = match level {
        Some(9) => 2,
        Some(1) => 4,
        _ => 0,
    };
    const UNKNOWN_SYSTEM: u8 = 255;
    let header = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, extra_flags, UNKNOWN_SYSTEM];
    let mut out = deflate(level, false, payload, header)?;
    let mut crc = Crc::new();
    crc.update(payload);
    out.extend_from_slice(&crc.sum().to_le_bytes());
    out.extend_from_slice(&crc.amount().to_le_bytes());
    Ok(out)
}

thread_local! {
    /// The last encoder of this thread with its level and format: a new one clears more memory
    /// than most payloads have.
    static ENCODER: RefCell<Option<(Option<u32>, bool, Compress)>> = const { RefCell::new(None) };
}

/// Appends the deflated payload to `out`.
fn deflate(
    level: Option<u32>,
    zlib_header: bool,
    payload: &[u8],
    out: Vec<u8>,
) -> Result<Vec<u8>, Error> {
    ENCODER.with_borrow_mut(|kept| {
        let mut encoder = match kept.take() {
            Some((same_level, same_header, mut encoder))
                if same_level == level && same_header == zlib_header =>
            {
                encoder.reset();
                encoder
            }
            _ => {
                let level = level.map_or_else(Compression::default, Compression::new);
                Compress::new(level, zlib_header)
            }
        };
        let out = finish(&mut encoder, payload, out)?;
        *kept = Some((level, zlib_header, encoder));
        Ok(out)
    })
}

fn finish(encoder: &mut Compress, payload: &[u8], mut out: Vec<u8>) -> Result<Vec<u8>, Error> {
    out.reserve(payload.len() / 4 + 64);
    loop {
        let read = encoder.total_in() as usize;
        let status = encoder
            .compress_vec(&payload[read..], &mut out, FlushCompress::Finish)
            .map_err(|error| failed("deflate", &error))?;
        if status == Status::StreamEnd {
            return Ok(out);
        }
        out.reserve(out.capacity());
    }
}

/// Decompresses a payload into `limit` bytes at most.
///
/// # Errors
/// The payload is not of this format, is cut or damaged, or is larger than `limit`.
pub(super) fn decompress(
    algorithm: Decompression,
    payload: &[u8],
    limit: usize,
) -> Result<Vec<u8>, Error> {
    match algorithm {
        Decompression::Bzip2 => read_all(
            "bzip2",
            bzip2::read::MultiBzDecoder::new(payload),
            payload,
            limit,
        ),
        Decompression::Flate => inflate(payload, limit),
        Decompression::Gzip | Decompression::Pgzip => {
            read_all("gzip", MultiGzDecoder::new(payload), payload, limit)
        }
        Decompression::Lz4 => read_all(
            "lz4",
            lz4_flex::frame::FrameDecoder::new(payload),
            payload,
            limit,
        ),
        Decompression::Snappy => snappy(payload, limit),
        Decompression::Zlib => read_all("zlib", ZlibDecoder::new(payload), payload, limit),
    }
}

/// Reads raw deflate into `limit` bytes at most.
///
/// # Errors
/// As [`decompress`].
pub(super) fn inflate(payload: &[u8], limit: usize) -> Result<Vec<u8>, Error> {
    read_all("deflate", DeflateDecoder::new(payload), payload, limit)
}

fn snappy(payload: &[u8], limit: usize) -> Result<Vec<u8>, Error> {
    let size = snap::raw::decompress_len(payload).map_err(|error| failed("snappy", &error))?;
    if size > limit {
        return Err(over(limit));
    }
    snap::raw::Decoder::new()
        .decompress_vec(payload)
        .map_err(|error| failed("snappy", &error))
}

fn read_all(
    format: &str,
    reader: impl Read,
    payload: &[u8],
    limit: usize,
) -> Result<Vec<u8>, Error> {
    read_whole(reader, limit, payload.len().saturating_mul(2))
        .map_err(|error| failed(format, &error))?
        .ok_or_else(|| over(limit))
}

/// How large a content may become: `max_size`, and no more than all messages together may take.
pub(super) fn bound(max_size: ByteSize, cx: &BuildContext) -> usize {
    let max_size = usize::try_from(max_size.0).unwrap_or(usize::MAX);
    max_size.min(cx.flow().budget().limit())
}

/// The content is larger than `limit`.
pub(super) fn over(limit: usize) -> Error {
    Error::rejected(format!(
        "the content is larger than {limit} bytes; raise `max_size`, or `memory_limit` where that \
         is smaller, if it is wanted"
    ))
}

fn failed(format: &str, error: &dyn std::fmt::Display) -> Error {
    Error::rejected(format!("{format}: {error}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAIRS: [(Algorithm, Decompression); 6] = [
        (Algorithm::Flate, Decompression::Flate),
        (Algorithm::Gzip, Decompression::Gzip),
        (Algorithm::Lz4, Decompression::Lz4),
        (Algorithm::Pgzip, Decompression::Pgzip),
        (Algorithm::Snappy, Decompression::Snappy),
        (Algorithm::Zlib, Decompression::Zlib),
    ];

    proptest! {
        #[test]
        fn what_is_compressed_is_read_back(
            payload in proptest::collection::vec(0_u8..4, 0..3_000),
            level in proptest::option::of(0_u32..=9),
        ) {
            for (algorithm, back) in PAIRS {
                let packed = compress(algorithm, level, &payload).expect("it can be compressed");
                prop_assert_eq!(&decompress(back, &packed, 20_000).expect("it was written so"), &payload);
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(payload in proptest::collection::vec(any::<u8>(), 0..300)) {
            for (_, format) in PAIRS {
                let _result = decompress(format, &payload, 10_000);
            }
            let _result = decompress(Decompression::Bzip2, &payload, 10_000);
        }
    }

    #[test]
    fn a_bomb_is_an_error_in_every_format() {
        for (algorithm, back) in PAIRS {
            let bomb = compress(algorithm, None, &[0; 3_000_000]).expect("it can be compressed");
            let error = decompress(back, &bomb, 1_000_000).expect_err("it is larger");
            assert!(error.text().contains("max_size"), "{error}");
        }
    }

    #[test]
    fn a_cut_payload_is_an_error_in_every_format() {
        for (algorithm, back) in PAIRS {
            let packed = compress(algorithm, None, b"some text, and more of it").expect("it can");
            assert!(
                decompress(back, &packed[..packed.len() - 3], 1000).is_err(),
                "{back:?}"
            );
        }
    }
}
