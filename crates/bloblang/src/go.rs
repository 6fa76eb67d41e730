//! What Bento takes from Go's standard library: layouts of times, literals of numbers and
//! durations, the verbs of `format`.

pub(crate) mod csv;
pub(crate) mod format;
pub(crate) mod literal;
pub(crate) mod period;
pub mod regex;
pub(crate) mod strftime;
pub(crate) mod time;
pub(crate) mod url;
