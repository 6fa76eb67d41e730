//! Regular expressions in fields: compiled when the config is read, in Go's dialect.

use std::fmt;

use millrace_bloblang::{compile_regex, translate_regex};
use millrace_spec::{FieldKind, FieldType, Node, ReadContext, codes};
use regex::Regex;

/// A regular expression in Go's syntax.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    regex: Regex,
}

impl Pattern {
    /// A pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: impl Into<String>) -> Result<Self, String> {
        let text = text.into();
        let regex = compile_regex(&text)?;
        Ok(Self { text, regex })
    }

    /// The text as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The pattern, for texts.
    pub fn regex(&self) -> &Regex {
        &self.regex
    }

    /// The pattern in the spelling of the crate `regex` and its relatives.
    pub fn translated(&self) -> String {
        translate_regex(&self.text)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl FieldType for Pattern {
    fn kind() -> FieldKind {
        FieldKind::String
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        let text = String::read(node, cx)?;
        match Self::new(text) {
            Ok(pattern) => Some(pattern),
            Err(reason) => {
                let message = cx.about_field(&reason);
                cx.error(codes::INVALID_VALUE, node.span, message).help =
                    Some("write it in the syntax of RE2".to_owned());
                None
            }
        }
    }
}
