//! A number as its JSON text, kept until somebody computes with it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::document::{Document, Node};

/// The text of a valid JSON number: a slice of the document it came from.
#[derive(Clone)]
pub struct Number {
    document: Arc<Document>,
    start: u32,
    len: u32,
}

impl Number {
    /// Keeps a number as written; nothing when the text is not a JSON number.
    pub fn parse(text: &str) -> Option<Number> {
        if !is_json_number(text.as_bytes()) {
            return None;
        }
        Some(Number::keep(text))
    }

    fn keep(text: &str) -> Number {
        let document = Document::opaque(Bytes::copy_from_slice(text.as_bytes()))
            .expect("a number within a document is shorter than 4 GiB");
        Number {
            document: Arc::new(document),
            start: 0,
            len: text.len() as u32,
        }
    }

    pub(crate) fn at(document: &Arc<Document>, node: &Node) -> Number {
        Number {
            document: Arc::clone(document),
            start: node.start,
            len: node.end - node.start,
        }
    }

    /// The text as it was written.
    pub fn as_str(&self) -> &str {
        let range = self.start as usize..(self.start + self.len) as usize;
        std::str::from_utf8(&self.document.source()[range])
            .expect("the text of a JSON number is ASCII")
    }

    /// As an integer, when the text is one (no point, no exponent) and in range.
    pub fn as_i64(&self) -> Option<i64> {
        self.as_str().parse().ok()
    }

    /// As a float; nothing when it is out of range.
    pub fn as_f64(&self) -> Option<f64> {
        self.as_str()
            .parse()
            .ok()
            .filter(|float: &f64| float.is_finite())
    }

    pub(crate) fn detach(&self) -> Number {
        Number::keep(self.as_str())
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The value of an optional sign and at most 18 digits.
#[inline]
pub(crate) fn small_integer(text: &[u8]) -> i64 {
    let (digits, negative) = match text {
        [b'-', digits @ ..] => (digits, true),
        digits => (digits, false),
    };
    let magnitude = digits
        .iter()
        .fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    if negative { -magnitude } else { magnitude }
}

fn is_json_number(text: &[u8]) -> bool {
    matches!(text.first(), Some(b'-' | b'0'..=b'9'))
        && matches!(text.last(), Some(b'0'..=b'9'))
        && crate::json::parse::parse(text).is_ok()
}
