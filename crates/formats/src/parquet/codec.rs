//! The compression of pages.

use std::io::Read;

use super::{ParquetError, Result, damaged};
use crate::compression::{Algorithm, DecompressError, decompress};
use crate::{FormatError, read_whole};

/// What a page holds, which has exactly the size that its header says; the caller has charged it.
pub(super) fn unfold(codec: i64, page: &[u8], size: usize) -> Result<Vec<u8>> {
    let unfolded = match codec {
        0 => Ok(page.to_vec()),
        1 => decompress(Algorithm::Snappy, page, size),
        2 => decompress(Algorithm::Gzip, page, size),
        4 => brotli(page, size),
        6 => decompress(Algorithm::Zstd, page, size),
        7 => lz4_flex::block::decompress(page, size)
            .map_err(|error| broken("lz4", &error.to_string())),
        3 => return damaged("the codec LZO is not supported"),
        5 => return damaged("the older codec LZ4 is not supported, only LZ4_RAW"),
        other => return damaged(format!("there is no codec {other}")),
    };
    match unfolded {
        Ok(content) if content.len() == size => Ok(content),
        Ok(_) | Err(DecompressError::TooLarge(_)) => {
            damaged("a page does not have the size that its header says")
        }
        Err(DecompressError::Damaged(error)) => Err(ParquetError::Damaged(error)),
    }
}

fn brotli(page: &[u8], size: usize) -> std::result::Result<Vec<u8>, DecompressError> {
    let reader = brotli_decompressor::Decompressor::new(page, 4096);
    read_whole(reader.take(size as u64 + 1), size, size)
        .map_err(|error| broken("brotli", &error.to_string()))?
        .ok_or(DecompressError::TooLarge(size))
}

fn broken(codec: &str, error: &str) -> DecompressError {
    DecompressError::Damaged(FormatError::new(format!("{codec}: {error}")))
}
