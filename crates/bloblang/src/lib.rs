//! Bloblang: parse, check, compile and evaluate.
//!
//! # Grammar
//!
//! A mapping is a list of statements, one per line, or one expression that stands for
//! `root = expression`, or `from "path"`. `# …` is a comment up to the end of its line.
//!
//! ```text
//! mapping     = statement (line-break statement)* | expression | "from" string
//! statement   = target " = " expression
//!             | "if" expression block ("else if" expression block)* ("else" block)?
//!             | "map" name block | "import" string               (at the top only)
//! block       = "{" statement (line-break statement)* "}"
//! target      = word ("." (word | string))*                      root.a."b c", a.b
//!             | "meta" name? | "let" name
//! name        = word | string
//!
//! expression  = operand (operator operand)*
//! operand     = "-"? "!"? primary link*
//! link        = "." name | "." word arguments | ".(" expression ")"
//!             | "[" expression "]" | "[" bound? ":" bound? (":" bound?)? "]"
//! primary     = literal | array | object | "(" expression ")" | word arguments
//!             | "this" | "root" | word | "$" word | "@" name?
//!             | word " -> " expression
//!             | "if" expression "{" expression "}" ("else if" …)* ("else" "{" expression "}")?
//!             | "match" expression? "{" (pattern "=>" expression),* "}"
//! arguments   = "(" ((word ":")? expression),* ")"               all named or none
//! pattern     = "_" | expression
//! word        = (letter | digit | "_")+
//! literal     = "null" | "true" | "false" | digits ("." digits)? | string | """text"""
//! ```
//!
//! Operators from the strongest to the weakest, each level from left to right: `* / % |`, `+ -`,
//! `== != > >= < <=`, `&& ||` (the last two bind equally). A sign or `!` takes the whole chain that
//! follows: `-5.abs()` is `-(5.abs())`. An operator stands on the line of its left operand, a dot
//! directly behind the value it follows; line breaks are free after both. Cases of a `match` are
//! separated by commas or line breaks, elements and arguments by commas, of which a last one may
//! trail.
//!
//! A string is written as in Go: `\n`, `\"`, `\xff`, `\u263a`; in triple quotes nothing is escaped.
//! A field of a configuration that is interpolated holds text with `${! expression }` in it, where
//! `${{! … }}` stands for the text `${! … }`.

mod arguments;
pub mod ast;
mod budget;
mod compile;
mod environment;
mod error;
mod eval;
mod eval_error;
mod format;
pub mod functions;
mod go;
mod imported;
pub mod json_schema;
mod lexer;
mod mapping;
pub mod methods;
pub mod not_built;
mod outcome;
pub mod parser;
mod program;
pub mod registry;
mod timestamps;

pub use budget::Allowance;
pub use environment::{Caches, Environment};
pub use error::{SyntaxError, line_and_column};
pub use eval_error::EvalError;
pub use format::format;
pub use go::format::{quote, sprintf};
pub use go::literal::{
    float as parse_float, integer as parse_integer, parse_duration, unsigned as parse_unsigned,
};
pub use go::regex::{
    Replacement, compile as compile_regex, replacement_size, translate as translate_regex,
};
pub use go::time::{MONTHS, WEEKDAYS, format as format_time, parse as parse_time};
pub use go::url::{Url, escape_query};
pub use imported::Imported;
pub use mapping::{Interpolation, Mapped, Mapping, Payload, Query};
pub use outcome::Outcome;
pub use program::CacheUse;
pub use timestamps::from_value as timestamp;
