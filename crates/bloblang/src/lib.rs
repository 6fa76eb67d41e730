//! Bloblang: parse, check, compile and evaluate.

pub mod ast;
