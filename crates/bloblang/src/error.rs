//! What is wrong with a mapping before it runs.

use crate::ast::Span;

/// How many complaints about one text are worth reading.
pub(crate) const ERRORS_MAX: usize = 50;

/// One complaint about a mapping, with its place in the text that was parsed.
///
/// Spans are relative to that text; a caller that took the mapping out of a larger file moves them.
#[derive(Clone, Debug, PartialEq)]
pub struct SyntaxError {
    /// The bytes that are wrong; empty (`start == end`) where something is missing.
    pub span: Span,
    /// What was expected and what was found.
    pub message: String,
    /// What to do about it, when that is known.
    pub help: Option<String>,
}

impl SyntaxError {
    /// A complaint without advice.
    pub fn new(span: Span, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
            help: None,
        }
    }

    /// The same complaint with advice.
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Line and column (both from 1, columns in characters) of a byte offset.
///
/// An offset beyond the text, or inside a character, counts as the nearest place before it.
pub fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = &text[..end];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

/// Where the lines of a text begin, for who asks for the lines of many places in it.
pub(crate) struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    pub(crate) fn of(text: &str) -> Lines {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1));
        Lines {
            starts: starts.collect(),
        }
    }

    /// The line (from 1) that a byte stands in.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }
}

impl std::fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for SyntaxError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_looked_up_are_those_that_are_counted() {
        for text in ["", "a", "\n", "a\n\nbc\n", "\r\na\nb"] {
            let lines = Lines::of(text);
            for offset in 0..=text.len() {
                let counted = line_and_column(text, offset).0;
                assert_eq!(lines.line(offset), counted, "{text:?} at {offset}");
            }
        }
    }
}
