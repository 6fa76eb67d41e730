//! Go's `text/template` with the functions of Sprig: parse, check and run within bounds.
//!
//! A [`Template`] is parsed once, with all texts that it is made of, and rendered for one message
//! after another. It does no I/O: the host lends it functions and environment variables ([`Host`]).
//! A run is bounded in steps, time, memory and depth ([`Limits`]), whatever the template and the
//! message are.
//!
//! The language is that of Go 1.26, values have the types that they have in Bento: a number of a
//! payload is a `json.Number`, which is a text to most functions.
//!
//! # Grammar
//!
//! ```text
//! template  = (text | "{{" action "}}")*
//! action    = pipeline | "break" | "continue" | "template" string pipeline?
//!           | "if" pipeline … ("else if" pipeline …)* ("else" …)? "end"
//!           | "with" pipeline … ("else with" pipeline …)* ("else" …)? "end"
//!           | "range" pipeline … ("else" …)? "end"
//!           | "block" string pipeline … "end" | "define" string … "end"   (at the top only)
//! pipeline  = (variables (":=" | "="))? command ("|" command)*
//! command   = operand+
//! operand   = ("." | ".name" | "$name" | function | literal | "(" pipeline ")") (".name")*
//! ```

use std::fmt;
use std::ops::Range;

use millrace_message::Value;

mod ast;
mod execute;
mod format;
mod functions;
mod lexer;
mod literal;
mod meter;
mod parser;
mod template;
mod token;
mod value;

pub use functions::{HostArgument, HostFunction};
pub use meter::Limits;
pub use template::{Builder, Template};

/// Whether the language has a function of this name.
pub fn is_function(name: &str) -> bool {
    functions::is_known(name)
}

/// Whether templates could call a function of this name.
pub fn is_name(name: &str) -> bool {
    let mut characters = name.chars();
    let is_part = |it: char| it == '_' || it.is_alphanumeric();
    characters
        .next()
        .is_some_and(|it| it == '_' || it.is_alphabetic())
        && characters.all(is_part)
}

/// What a host lends to templates.
pub trait Host {
    /// Calls the function at this place of the list that the template was made with.
    ///
    /// # Errors
    /// Why it fails; the template ends.
    fn call(&mut self, function: usize, argument: Value) -> Result<Value, String>;

    /// An environment variable; nothing when it is not set.
    fn variable(&self, name: &str) -> Option<String>;
}

/// A host without functions and variables.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHost;

impl Host for NoHost {
    fn call(&mut self, _: usize, _: Value) -> Result<Value, String> {
        Ok(Value::Null)
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}

/// What is wrong with a template, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// The bytes of the text that it is about.
    pub at: Range<usize>,
    /// The reason.
    pub message: String,
    /// What may have been meant.
    pub help: Option<String>,
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
