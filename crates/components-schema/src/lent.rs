//! What a schema lends the values that are made by it: names of fields and types, and symbols.
//!
//! A schema may come with its file, or from a registry: each item of a list can be a symbol that is as
//! long as the schema, and takes a byte of the message.

use std::cell::Cell;
use std::fmt;

/// How many bytes a value may be lent, beside [`PER_BYTE`] for each byte of its message.
const MIN: usize = 16 << 20;
/// See [`MIN`].
const PER_BYTE: usize = 256;

/// The bytes that the value of one message may still be lent.
pub struct Lent {
    left: Cell<usize>,
}

impl Lent {
    /// What a message of so many bytes may be lent.
    pub fn for_message(bytes: usize) -> Self {
        let left = MIN.saturating_add(bytes.saturating_mul(PER_BYTE));
        Self {
            left: Cell::new(left),
        }
    }

    /// Takes a name into the value.
    ///
    /// # Errors
    /// There is no more.
    pub fn take(&self, name: &str) -> Result<(), TooMuchLent> {
        let left = self.left.get().checked_sub(name.len());
        self.left.set(left.ok_or(TooMuchLent)?);
        Ok(())
    }
}

/// The names make far more text than the message has bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMuchLent;

impl fmt::Display for TooMuchLent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the names of the schema make far more text than the message has bytes")
    }
}

impl std::error::Error for TooMuchLent {}
