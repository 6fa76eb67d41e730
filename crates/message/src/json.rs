//! JSON as Bento reads and writes it: strict input, output with sorted keys.
//!
//! Reading follows Go's `encoding/json`: no comments, no trailing commas, one document per
//! payload, invalid UTF-8 and lone surrogates replaced by U+FFFD. One limit is tighter:
//! [`DEPTH_MAX`]. Writing does not escape HTML; U+2028 and U+2029 are escaped.

use std::fmt;

pub(crate) mod escape;
pub mod number;
pub(crate) mod parse;
pub(crate) mod print;

pub use escape::{escape_html, write_string};

/// How deep arrays and objects of a payload may nest.
///
/// Go stops at 10,000. Payloads that nest deeper than this are attacks or accidents, and the
/// bound keeps every walk over a document within a thread's stack.
pub const DEPTH_MAX: usize = 1_000;

/// Why a payload is not a JSON document, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    offset: usize,
    reason: Reason,
}

/// What is wrong at the offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The input ends within the document, or is empty.
    UnexpectedEnd,
    /// A byte that cannot stand there; the text says what was expected.
    Unexpected { byte: u8, expected: &'static str },
    /// A control character within a string.
    ControlCharacter(u8),
    /// A backslash followed by something that JSON does not know.
    InvalidEscape,
    /// Something other than white space follows the document.
    TrailingData,
    /// Nested deeper than [`DEPTH_MAX`].
    TooDeep,
    /// 4 GiB or more.
    TooLarge,
}

impl JsonError {
    pub(crate) fn new(offset: usize, reason: Reason) -> JsonError {
        JsonError { offset, reason }
    }

    /// Position in the payload, in bytes from 0.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// What is wrong there.
    pub fn reason(&self) -> Reason {
        self.reason
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            Reason::UnexpectedEnd => write!(f, "unexpected end of JSON input")?,
            Reason::Unexpected { byte, expected } => {
                write!(f, "invalid character {}, expected {expected}", Shown(byte))?;
            }
            Reason::ControlCharacter(byte) => {
                write!(
                    f,
                    "invalid character {} in string literal, escape it",
                    Shown(byte)
                )?;
            }
            Reason::InvalidEscape => write!(f, "invalid escape in string literal")?,
            Reason::TrailingData => write!(f, "message contains multiple valid documents")?,
            Reason::TooDeep => write!(f, "nested deeper than {DEPTH_MAX} levels")?,
            Reason::TooLarge => write!(f, "document of 4 GiB or more")?,
        }
        write!(f, " (at byte {})", self.offset)
    }
}

impl std::error::Error for JsonError {}

struct Shown(u8);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            byte @ 0x20..=0x7e => write!(f, "`{}`", char::from(byte)),
            byte => write!(f, "`\\x{byte:02x}`"),
        }
    }
}
