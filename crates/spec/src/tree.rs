//! From config text to the spanned tree.
//!
//! YAML events come from `saphyr-parser`; composing them, typing scalars as go-yaml v3 does, merge
//! keys, and turning syntax errors into advice is done here. Bounds: [`MAX_DEPTH`] levels,
//! [`MAX_ALIASED_NODES`] nodes made by aliases, [`MAX_ANCHORED_NODES`] kept for them,
//! [`MAX_TEXT_BYTES`] of text, and of text made by aliases.

mod compose;
mod explain;
mod places;
mod scalar;

pub use scalar::resolve;

use crate::env::InterpolatedText;
use crate::{Node, codes};
use millrace_diagnostics::{Diagnostic, Diagnostics};

/// The most levels of objects and lists inside each other.
pub const MAX_DEPTH: usize = 200;
/// The most nodes that aliases may add to a document.
pub const MAX_ALIASED_NODES: usize = 100_000;
/// The most nodes that are kept for aliases.
pub const MAX_ANCHORED_NODES: usize = 500_000;
/// The longest text that is read.
pub const MAX_TEXT_BYTES: usize = 32 << 20;

/// Parses one YAML document; an empty text is a null.
///
/// Spans point into the source as written, also where variables were replaced. `None` when the
/// text cannot be parsed at all; a duplicate key is reported and the tree is still returned.
pub fn parse(text: &InterpolatedText, diagnostics: &mut Diagnostics) -> Option<Node> {
    if text.text.len() > MAX_TEXT_BYTES {
        let message = format!("the text is longer than {MAX_TEXT_BYTES} bytes");
        diagnostics.push(Diagnostic::error(codes::LIMIT, message).at(text.span(0..0)));
        return None;
    }
    match compose::document(text, diagnostics) {
        Ok(node) => Some(node),
        Err(diagnostic) => {
            diagnostics.push(*diagnostic);
            None
        }
    }
}

#[cfg(test)]
mod tests;
