//! The canonical form of a mapping file.
//!
//! The form settles blanks, indentation, empty lines and where blocks open; line breaks and
//! parentheses stay where their author has put them, and strings, names and comments stay as they
//! are spelled. A file that is formatted means what it meant: the trees of both are compared before
//! anything is given back. Formatting twice is formatting once.
//!
//! - Two blanks for each level, and for what goes on after an operator or a dot.
//! - One blank around operators, arrows and `=`, after commas and colons, and inside the braces of a
//!   block; none inside other brackets, around dots and in slices.
//! - A block opens on the line of its condition, `else` stands on the line of the brace before it.
//! - At most one empty line in a row, none at the ends of a block; no comma before a closing bracket
//!   on the same line; one line break at the end.

mod layout;
mod marks;
mod spans;
mod tokens;

use crate::error::SyntaxError;
use crate::parser::parse_mapping;

/// The canonical form of a mapping.
///
/// # Errors
/// Everything that is wrong with the mapping: what cannot be parsed cannot be formatted.
pub fn format(text: &str) -> Result<String, Vec<SyntaxError>> {
    let tree = parse_mapping(text).into_result()?;
    let marks = marks::Marks::of(&tree);
    let formatted = layout::lay_out(text, &tokens::tokens(text), &marks);
    let is_same = parse_mapping(&formatted)
        .into_result()
        .is_ok_and(|formatted| spans::without_spans(formatted) == spans::without_spans(tree));
    if is_same {
        return Ok(formatted);
    }
    // A defect of this module must not become one of the mapping.
    let span = crate::ast::Span::new(0, text.len());
    let message = "the mapping cannot be formatted without changing its meaning";
    Err(vec![
        SyntaxError::new(span, message).with_help("leave this file as it is, and report it"),
    ])
}

#[cfg(test)]
mod tests;
