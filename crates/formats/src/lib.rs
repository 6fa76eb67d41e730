//! Formats beside JSON: compression, MessagePack, XML and YAML, each read into a value or bytes
//! and written from them; and Parquet, which is read only.
//!
//! What is read comes from anybody, so every reader is bounded: decompression and Parquet by the
//! size that they may reach, the others by how deep they nest ([`DEPTH_MAX`]) and, where a format can repeat what it
//! has read, by how large that may grow. None of them panics on any input. Indentation multiplies
//! with the depth, so what writes lines stops at the length that it is given.

use std::fmt;

pub mod archive;
pub mod compression;
mod file;
pub mod msgpack;
mod number;
pub mod parquet;
mod room;
mod sort;
mod whole;
pub mod xml;
pub mod yaml;

pub use file::{FileError, open_file, read_file, read_text_file};
pub use number::widened;
pub use room::{NoRoom, Room};
pub use sort::merge_sort;
pub use whole::read_whole;

/// How deep the containers of a document may nest, as for JSON.
pub const DEPTH_MAX: usize = millrace_message::json::DEPTH_MAX;

const TOO_LONG: &str = "the text is longer than";

/// Why something cannot be read or written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatError(String);

impl FormatError {
    fn new(text: impl Into<String>) -> FormatError {
        FormatError(text.into())
    }

    fn too_deep() -> FormatError {
        FormatError(format!("nested deeper than {DEPTH_MAX} levels"))
    }

    fn too_long(limit: usize) -> FormatError {
        FormatError(format!("{TOO_LONG} {limit} bytes"))
    }

    /// Whether nothing is wrong with what was written but its length.
    pub fn is_too_long(&self) -> bool {
        self.0.starts_with(TOO_LONG)
    }

    /// Whether nothing is wrong with what was read but the room that its value takes.
    pub fn is_without_room(&self) -> bool {
        self.0.starts_with(room::NO_ROOM)
    }

    /// Whether it is well-formed as far as it was read, and only nests too deep.
    pub fn is_too_deep(&self) -> bool {
        *self == Self::too_deep()
    }
}

impl From<NoRoom> for FormatError {
    fn from(error: NoRoom) -> FormatError {
        FormatError::new(error.to_string())
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FormatError {}

/// Runs one level of a recursive walk: what mappings build nests without bound, and a thread's
/// stack does not hold a thousand levels of every walk.
fn nested<T>(level: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(64 * 1024, 1024 * 1024, level)
}
