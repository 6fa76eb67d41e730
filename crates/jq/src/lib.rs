//! jq: parse, compile and evaluate.
//!
//! The language is that of [gojq](https://github.com/itchyny/gojq) 0.12.16, which Bento runs, over
//! the values of messages. A program is compiled once and run on any number of inputs:
//!
//! ```
//! use millrace_jq::{Limits, Program};
//! use millrace_message::Value;
//!
//! let program = Program::compile("[.[] | . * $factor]", &["factor"])?;
//! let input = Value::parse_json("[1,2]".into())?;
//! let results = program.run(input, vec![Value::from(10_i64)], Limits::default())?;
//! assert_eq!(results[0].to_payload(), "[10,20]");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Programs and inputs may come from anybody. A run takes no more steps, bytes and time than its
//! [`Limits`] allow, and ends with [`Error::Limit`] else; nothing in the program catches that. Calls,
//! alternatives and variables lie on the heap, so no recursion meets the end of a stack. Programs see
//! no files, no environment and no other inputs; they do see the clock and the time zone of the host.

mod access;
mod ast;
mod compile;
mod encode;
mod error;
mod lexer;
mod limits;
mod machine;
mod natives;
mod number;
mod order;
mod parser;
mod prelude;
mod program;
mod result;

use millrace_message::Value;

pub use error::{Error, Limit, SyntaxError};
pub use limits::Limits;
pub use program::Program;

/// The longest program, in bytes.
const LENGTH_MAX: usize = 1 << 18;

impl Program {
    /// Compiles a query; `variables` are the names, without signs, of those that a run is given.
    ///
    /// # Errors
    /// What is wrong with the query, and where.
    pub fn compile(query: &str, variables: &[&str]) -> Result<Self, SyntaxError> {
        if query.len() > LENGTH_MAX {
            let reason = format!("the query is longer than {LENGTH_MAX} bytes");
            return Err(SyntaxError::new(0..query.len(), reason));
        }
        compile::compile(&parser::parse(query)?, variables)
    }

    /// Gives all results for an input, in order.
    ///
    /// # Errors
    /// The program fails, halts or meets a limit; results before that are dropped.
    ///
    /// # Panics
    /// When there are not as many variables as the program was compiled with.
    pub fn run(
        &self,
        input: Value,
        variables: Vec<Value>,
        limits: Limits,
    ) -> Result<Vec<Value>, Error> {
        assert_eq!(variables.len(), self.variables, "each variable has a value");
        machine::run(self, input, variables, limits)
    }
}
