//! Avro: schemas, and values in the binary encoding, straight to and from [`Value`].
//!
//! The codec is our own, because a message has to become what goavro makes of it, and because
//! nothing that a message or a file claims may cost more than its own size
//! (`docs/adr/0005-avro.md`). [`Schema`] is a table of types that refer to each other by number;
//! [`decode`] and [`encode`] walk it beside the bytes and the value. Texts in Avro's JSON encoding
//! are values too: [`Form`] says how unions, bytes and logical types look in them.

use std::fmt;

use millrace_formats::NoRoom;
use millrace_message::Value;

pub(crate) mod container;
mod decimal;
mod decode;
mod encode;
mod fingerprint;
mod name;
mod parse;
mod schema;
#[cfg(test)]
mod tests;

pub use decode::decode;
pub use encode::encode;
pub(crate) use encode::encode_single;
pub use schema::{SCHEMA_MAX, Schema};

/// How values look that JSON does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Unions are `{"type": value}`, bytes are bytes, points in time are timestamps, times of day
    /// nanoseconds, decimals fractions such as `33/100`.
    Native,
    /// Avro's JSON encoding: unions are `{"type": value}`, bytes are text of the characters
    /// U+0000 to U+00FF, logical types are what they are made of.
    AvroJson,
    /// As [`Form::AvroJson`], with the values of unions alone.
    PlainJson,
}

impl Form {
    /// One of the forms of JSON: plain, or with the names of the types of unions.
    pub(crate) fn json(is_plain: bool) -> Self {
        match is_plain {
            true => Self::PlainJson,
            false => Self::AvroJson,
        }
    }
}

/// What is wrong with a schema, with bytes or with a value, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AvroError {
    place: String,
    reason: String,
}

/// The longest place that is shown, in bytes: nesting is bounded, but not short.
const PLACE_MAX: usize = 300;

impl AvroError {
    fn new(reason: impl Into<String>) -> Self {
        Self {
            place: String::new(),
            reason: reason.into(),
        }
    }

    fn too_deep() -> Self {
        Self::new(format!("nested deeper than {DEPTH_MAX} levels"))
    }

    /// The same error below `segment`, such as `.name` or `[3]`.
    fn below(mut self, segment: impl fmt::Display) -> Self {
        if self.place.len() < PLACE_MAX {
            self.place = format!("{segment}{}", self.place);
        }
        self
    }
}

impl From<NoRoom> for AvroError {
    fn from(error: NoRoom) -> Self {
        Self::new(error.to_string())
    }
}

impl fmt::Display for AvroError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place.trim_start_matches('.');
        if place.is_empty() {
            return f.write_str(&self.reason);
        }
        write!(f, "`{place}`: {}", self.reason)
    }
}

impl std::error::Error for AvroError {}

type Result<T> = std::result::Result<T, AvroError>;

/// How deep types may nest, and values by them.
const DEPTH_MAX: usize = millrace_formats::DEPTH_MAX;

/// Runs one level of a recursive walk: a thread's stack does not hold a thousand levels of each.
fn nested<T>(level: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(64 * 1024, 1024 * 1024, level)
}

/// How a value is named in errors: its type, and a short text of it.
fn shown(value: &Value) -> String {
    const CHARS: usize = 40;
    let text = match value {
        Value::Array(_) | Value::Object(_) | Value::Bytes(_) => return value.kind().to_string(),
        Value::Null => return "null".to_owned(),
        scalar => scalar.to_text(),
    };
    let cut: String = text.chars().take(CHARS).collect();
    let dots = if cut.len() < text.len() { "…" } else { "" };
    format!("{} `{cut}{dots}`", value.kind())
}
