//! What Bento takes from Go's standard library: layouts of times, literals of numbers and
//! durations, the verbs of `format`.

use millrace_message::Value;

pub(crate) mod csv;
pub(crate) mod format;
pub(crate) mod literal;
pub(crate) mod period;
pub mod regex;
pub(crate) mod strftime;
pub(crate) mod time;
pub(crate) mod url;

/// A string of Go's as a value: bytes where it is no UTF-8.
pub(crate) fn string(bytes: Vec<u8>) -> Value {
    String::from_utf8(bytes).map_or_else(|error| Value::from(error.into_bytes()), Value::from)
}
