//! What `compress`, `decompress` and the archives share: the formats as fields, and the bound of
//! what is decompressed.

use millrace_formats::compression::{self, DecompressError};
use millrace_message::Error;
use millrace_spec::Spec;

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
    /// Zstandard.
    Zstd,
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
    /// Zstandard.
    Zstd,
}

impl From<Algorithm> for compression::Algorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Flate => Self::Flate,
            Algorithm::Gzip | Algorithm::Pgzip => Self::Gzip,
            Algorithm::Lz4 => Self::Lz4,
            Algorithm::Snappy => Self::Snappy,
            Algorithm::Zlib => Self::Zlib,
            Algorithm::Zstd => Self::Zstd,
        }
    }
}

impl From<Decompression> for compression::Algorithm {
    fn from(algorithm: Decompression) -> Self {
        match algorithm {
            Decompression::Bzip2 => Self::Bzip2,
            Decompression::Flate => Self::Flate,
            Decompression::Gzip | Decompression::Pgzip => Self::Gzip,
            Decompression::Lz4 => Self::Lz4,
            Decompression::Snappy => Self::Snappy,
            Decompression::Zlib => Self::Zlib,
            Decompression::Zstd => Self::Zstd,
        }
    }
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
    compression::compress(algorithm.into(), level, payload)
        .map_err(|error| Error::rejected(error.to_string()))
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
    compression::decompress(algorithm.into(), payload, limit).map_err(refused)
}

/// Reads raw deflate into `limit` bytes at most.
///
/// # Errors
/// As [`decompress`].
pub(super) fn inflate(payload: &[u8], limit: usize) -> Result<Vec<u8>, Error> {
    compression::inflate(payload, limit).map_err(refused)
}

fn refused(error: DecompressError) -> Error {
    match error {
        DecompressError::TooLarge(limit) => over(limit),
        DecompressError::Damaged(error) => Error::rejected(error.to_string()),
    }
}

/// The content is larger than `limit`.
pub(super) fn over(limit: usize) -> Error {
    Error::rejected(format!(
        "the content is larger than {limit} bytes; raise `max_size`, or `memory_limit` where that \
         is smaller, if it is wanted"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bomb_is_an_error_that_names_the_remedy() {
        let bomb = compress(Algorithm::Gzip, None, &[0; 3_000_000]).expect("it can be compressed");
        let error = decompress(Decompression::Gzip, &bomb, 1_000_000).expect_err("it is larger");
        assert!(error.text().contains("max_size"), "{error}");
    }
}
