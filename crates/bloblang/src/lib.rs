//! Bloblang: parse, check, compile and evaluate.

pub mod ast;
mod error;
mod lexer;
pub mod parser;

pub use error::{SyntaxError, line_and_column};
