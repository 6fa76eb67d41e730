//! Compression of a payload as a whole.
//!
//! The formats are those of Bento's `compress` and `decompress`. Streams are read piece by piece
//! elsewhere, by the scanner `decompress`.

use std::cell::RefCell;
use std::fmt;
use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use flate2::{Compress, Compression, Crc, FlushCompress, Status};

use crate::{FormatError, read_whole};

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Bzip2; read only.
    Bzip2,
    /// Raw deflate.
    Flate,
    /// Gzip, of one member or several.
    Gzip,
    /// The LZ4 frame format; the level has no effect.
    Lz4,
    /// The Snappy block format; the level has no effect.
    Snappy,
    /// Zlib.
    Zlib,
    /// Zstandard.
    Zstd,
}

impl Algorithm {
    /// The names that mappings and configs use, each with its format.
    pub const NAMES: &'static [(&'static str, Algorithm)] = &[
        ("bzip2", Algorithm::Bzip2),
        ("flate", Algorithm::Flate),
        ("gzip", Algorithm::Gzip),
        ("lz4", Algorithm::Lz4),
        ("pgzip", Algorithm::Gzip),
        ("snappy", Algorithm::Snappy),
        ("zlib", Algorithm::Zlib),
        ("zstd", Algorithm::Zstd),
    ];

    /// The format of a name.
    pub fn named(name: &str) -> Option<Algorithm> {
        let found = Self::NAMES.iter().find(|(it, _)| *it == name);
        found.map(|(_, algorithm)| *algorithm)
    }

    /// Whether payloads can be written in it.
    pub fn compresses(self) -> bool {
        self != Algorithm::Bzip2
    }
}

/// Why a payload cannot be decompressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecompressError {
    /// It is larger than this many bytes.
    TooLarge(usize),
    /// It is not of this format, is cut, or is damaged.
    Damaged(FormatError),
}

impl fmt::Display for DecompressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecompressError::TooLarge(limit) => {
                write!(f, "the content is larger than {limit} bytes")
            }
            DecompressError::Damaged(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for DecompressError {}

/// Compresses a payload. `level` is that of the format (0 to 9 for the deflate family, 1 to 22 for
/// Zstandard), or none for its default.
///
/// # Errors
/// The format is only read, does not have the level, or its encoder refuses the payload.
pub fn compress(
    algorithm: Algorithm,
    level: Option<u32>,
    payload: &[u8],
) -> Result<Vec<u8>, FormatError> {
    match algorithm {
        Algorithm::Bzip2 => Err(FormatError::new("bzip2 is not written, only read")),
        Algorithm::Flate => deflate(level, false, payload, Vec::new()),
        Algorithm::Zlib => deflate(level, true, payload, Vec::new()),
        Algorithm::Gzip => gzip(level, payload),
        Algorithm::Snappy => snap::raw::Encoder::new()
            .compress_vec(payload)
            .map_err(|error| failed("snappy", &error)),
        Algorithm::Lz4 => lz4(payload).map_err(|error| failed("lz4", &error)),
        Algorithm::Zstd => {
            // 0 is the encoder's own default.
            let level = level
                .and_then(|level| i32::try_from(level).ok())
                .unwrap_or(0);
            zstd::bulk::compress(payload, level).map_err(|error| failed("zstd", &error))
        }
    }
}

fn lz4(payload: &[u8]) -> std::io::Result<Vec<u8>> {
    let info = lz4_flex::frame::FrameInfo::new().content_checksum(true);
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    std::io::Write::write_all(&mut encoder, payload)?;
    Ok(encoder.finish()?)
}

/// A gzip member without name and time, as Go's encoder writes it.
fn gzip(level: Option<u32>, payload: &[u8]) -> Result<Vec<u8>, FormatError> {
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
) -> Result<Vec<u8>, FormatError> {
    if let Some(level @ 10..) = level {
        return Err(FormatError::new(format!(
            "deflate: the level {level} is not one of 0 to 9"
        )));
    }
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

fn finish(
    encoder: &mut Compress,
    payload: &[u8],
    mut out: Vec<u8>,
) -> Result<Vec<u8>, FormatError> {
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
pub fn decompress(
    algorithm: Algorithm,
    payload: &[u8],
    limit: usize,
) -> Result<Vec<u8>, DecompressError> {
    match algorithm {
        Algorithm::Bzip2 => {
            let reader = bzip2::read::MultiBzDecoder::new(payload);
            read_all("bzip2", reader, payload, limit)
        }
        Algorithm::Flate => inflate(payload, limit),
        Algorithm::Gzip => read_all("gzip", MultiGzDecoder::new(payload), payload, limit),
        Algorithm::Lz4 => unlz4(payload, limit),
        Algorithm::Snappy => snappy(payload, limit),
        Algorithm::Zlib => read_all("zlib", ZlibDecoder::new(payload), payload, limit),
        Algorithm::Zstd if payload.is_empty() => Ok(Vec::new()),
        Algorithm::Zstd => {
            let reader =
                zstd::Decoder::with_buffer(payload).map_err(|error| damaged("zstd", &error))?;
            read_all("zstd", reader, payload, limit)
        }
    }
}

/// Reads raw deflate into `limit` bytes at most.
///
/// # Errors
/// As [`decompress`].
pub fn inflate(payload: &[u8], limit: usize) -> Result<Vec<u8>, DecompressError> {
    read_all("deflate", DeflateDecoder::new(payload), payload, limit)
}

/// Reads frame by frame: the decoder stops behind each, and takes a part of a header for the end.
fn unlz4(payload: &[u8], limit: usize) -> Result<Vec<u8>, DecompressError> {
    /// A frame has at least its magic number and its end.
    const FRAME_MIN: usize = 8;
    let mut content = Vec::new();
    let mut rest = payload;
    while !rest.is_empty() {
        if rest.len() < FRAME_MIN {
            return Err(damaged("lz4", &"unexpected end"));
        }
        let mut reader = lz4_flex::frame::FrameDecoder::new(&mut rest);
        let frame = read_whole(&mut reader, limit - content.len(), payload.len())
            .map_err(|error| damaged("lz4", &error))?
            .ok_or(DecompressError::TooLarge(limit))?;
        content.extend_from_slice(&frame);
    }
    Ok(content)
}

fn snappy(payload: &[u8], limit: usize) -> Result<Vec<u8>, DecompressError> {
    let size = snap::raw::decompress_len(payload).map_err(|error| damaged("snappy", &error))?;
    if size > limit {
        return Err(DecompressError::TooLarge(limit));
    }
    snap::raw::Decoder::new()
        .decompress_vec(payload)
        .map_err(|error| damaged("snappy", &error))
}

fn read_all(
    format: &str,
    reader: impl Read,
    payload: &[u8],
    limit: usize,
) -> Result<Vec<u8>, DecompressError> {
    read_whole(reader, limit, payload.len().saturating_mul(2))
        .map_err(|error| damaged(format, &error))?
        .ok_or(DecompressError::TooLarge(limit))
}

fn damaged(format: &str, error: &dyn fmt::Display) -> DecompressError {
    DecompressError::Damaged(failed(format, error))
}

fn failed(format: &str, error: &dyn fmt::Display) -> FormatError {
    FormatError::new(format!("{format}: {error}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WRITTEN: [Algorithm; 6] = [
        Algorithm::Flate,
        Algorithm::Gzip,
        Algorithm::Lz4,
        Algorithm::Snappy,
        Algorithm::Zlib,
        Algorithm::Zstd,
    ];

    proptest! {
        #[test]
        fn what_is_compressed_is_read_back(
            payload in proptest::collection::vec(0_u8..4, 0..3_000),
            level in proptest::option::of(1_u32..=9),
        ) {
            for algorithm in WRITTEN {
                let packed = compress(algorithm, level, &payload).expect("it can be compressed");
                let back = decompress(algorithm, &packed, 20_000).expect("it was written so");
                prop_assert_eq!(&back, &payload);
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(
            payload in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            for (_, algorithm) in Algorithm::NAMES {
                let _result = decompress(*algorithm, &payload, 10_000);
            }
        }
    }

    #[test]
    fn a_bomb_is_an_error_in_every_format() {
        for algorithm in WRITTEN {
            let bomb = compress(algorithm, None, &[0; 3_000_000]).expect("it can be compressed");
            let error = decompress(algorithm, &bomb, 1_000_000).expect_err("it is larger");
            assert_eq!(error, DecompressError::TooLarge(1_000_000), "{algorithm:?}");
        }
    }

    #[test]
    fn a_cut_payload_is_an_error_in_every_format() {
        for algorithm in WRITTEN {
            let packed = compress(algorithm, None, b"some text, and more of it").expect("it can");
            let cut = decompress(algorithm, &packed[..packed.len() - 3], 1000);
            assert!(
                matches!(cut, Err(DecompressError::Damaged(_))),
                "{algorithm:?}"
            );
        }
    }

    #[test]
    fn frames_of_lz4_are_read_one_by_one_and_a_part_of_one_is_an_error() {
        let read = |payload: &[u8]| decompress(Algorithm::Lz4, payload, 20);
        let frame = compress(Algorithm::Lz4, None, b"hello").expect("it can be compressed");
        assert_eq!(read(&[&*frame, &*frame].concat()).unwrap(), b"hellohello");
        assert_eq!(read(b"").unwrap(), b"");
        for rest in [&b"abcd"[..], b"abcdefgh", &frame[..4], &frame[..7]] {
            assert!(read(rest).is_err(), "{rest:?}");
            assert!(read(&[&*frame, rest].concat()).is_err(), "{rest:?}");
        }
        let long = compress(Algorithm::Lz4, None, &[0; 12]).expect("it can be compressed");
        let both = read(&[&*long, &*long].concat());
        assert_eq!(both, Err(DecompressError::TooLarge(20)));
    }

    #[test]
    fn nothing_in_zstandard_is_nothing() {
        assert_eq!(decompress(Algorithm::Zstd, b"", 20).unwrap(), b"");
        assert!(decompress(Algorithm::Zstd, b"abcd", 20).is_err());
    }

    #[test]
    fn what_a_format_does_not_have_is_refused() {
        assert!(compress(Algorithm::Bzip2, None, b"x").is_err());
        assert!(compress(Algorithm::Gzip, Some(10), b"x").is_err());
        assert_eq!(Algorithm::named("pgzip"), Some(Algorithm::Gzip));
        assert_eq!(Algorithm::named("rar"), None);
    }
}
