//! AWK: parse, check, compile and run within bounds.
//!
//! A [`Program`] is compiled once and run by a [`Machine`] on one text after another. It reads that
//! text alone and writes one text: what would start commands or open files is refused when it is
//! compiled. The host lends it functions ([`Host`]). A run is bounded in steps, time and memory
//! ([`Limits`]), whatever the program and the text are, and takes no stack of the thread for calls.
//!
//! The language is POSIX AWK as GoAWK reads it: strings are bytes, regular expressions have Go's
//! syntax, `$-1` is the last field, text in single quotes is a string.
//!
//! # Grammar
//!
//! ```text
//! program   = item*
//! item      = "BEGIN" block | "END" block | pattern? block | pattern
//!           | "function" name "(" names ")" block
//! pattern   = expression ("," expression)?
//! block     = "{" statement* "}"
//! ```
//!
//! Operators from the weakest to the strongest: assignments, `?:`, `||`, `&&`, `in`, `~ !~`,
//! `< <= == != > >=`, two values side by side, `+ -`, `* / %`, `! + -`, `^`, `++ --`, `$`.

use std::fmt;

mod array;
mod ast;
mod code;
mod compile;
mod csv;
mod fields;
mod format;
mod host;
mod lexer;
mod machine;
mod meter;
mod names;
mod number;
mod parser;
mod pattern;
mod records;
mod resolve;
mod splitter;
mod stepper;
mod token;
mod value;

pub use code::Program;
pub use host::{Answer, Arguments, Function, Host, NoHost};
pub use machine::{Machine, Outcome};
pub use meter::Limits;

/// What is wrong with a program, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// The byte of the source that it begins at.
    pub at: usize,
    /// The reason.
    pub message: String,
}

impl SyntaxError {
    pub(crate) fn new(at: usize, message: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
        }
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SyntaxError {}

/// Why a run ended early: a mistake that only shows at run time, or a bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(String);

impl Fault {
    /// A fault with this reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}
