//! Parquet, read.
//!
//! A file is `PAR1`, the pages of its columns, the footer, the footer's length and `PAR1` again.
//! The footer holds the schema and, for each group of rows, where the pages of each column are. A
//! column is one leaf of the schema; beside its values it has two numbers for each, its levels,
//! which say which of the optional fields around it are there and which repeated field goes on.
//!
//! What a file claims is never believed: everything that it makes the reader hold is charged to the
//! limit before it is allocated, so that a file of a few bytes cannot unfold without bound. What is
//! written is written by a library, which trusts what it reads too much to read what anybody sends.

use std::fmt;

use millrace_message::Value;

use crate::FormatError;

mod assemble;
mod codec;
mod column;
mod convert;
mod delta;
#[cfg(test)]
mod fixtures;
mod footer;
mod hybrid;
mod page;
mod plain;
mod schema;
#[cfg(test)]
mod tests;
mod thrift;

/// How a column of the type LIST is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lists {
    /// As an array.
    Arrays,
    /// As the groups that it is made of: `{"list":[{"element":1},{"element":2}]}`.
    Groups,
}

/// Why a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParquetError {
    /// It takes more than this many bytes of memory.
    TooLarge(usize),
    /// It is no Parquet, is cut or damaged, or is of a kind that is not read.
    Damaged(FormatError),
}

impl fmt::Display for ParquetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParquetError::TooLarge(limit) => {
                write!(f, "the rows take more than {limit} bytes")
            }
            ParquetError::Damaged(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ParquetError {}

type Result<T> = std::result::Result<T, ParquetError>;

/// An error of the file.
fn damaged<T>(text: impl Into<String>) -> Result<T> {
    Err(ParquetError::Damaged(FormatError::new(text)))
}

/// The rows of a file, each an object of its columns; they take `limit` bytes at most.
///
/// # Errors
/// The file is no Parquet, is encrypted, cut or damaged, has a codec or an encoding that is not
/// read, or takes more than `limit` bytes.
pub fn read(file: &[u8], lists: Lists, limit: usize) -> Result<Vec<Value>> {
    let mut budget = Budget { limit, left: limit };
    let footer = footer::read(file, &mut budget)?;
    let schema = schema::Schema::new(&footer.elements, lists)?;
    let mut rows = Vec::new();
    for group in &footer.groups {
        assemble::rows(file, &schema, group, &mut budget, &mut rows)?;
    }
    Ok(rows)
}

/// The bytes that may still be taken.
struct Budget {
    limit: usize,
    left: usize,
}

impl Budget {
    /// Takes room for `count` things of `size` bytes before they are allocated.
    fn charge(&mut self, count: usize, size: usize) -> Result<()> {
        let left = count
            .checked_mul(size)
            .and_then(|bytes| self.left.checked_sub(bytes));
        self.left = left.ok_or(ParquetError::TooLarge(self.limit))?;
        Ok(())
    }
}
