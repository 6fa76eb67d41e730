//! Reading a line from left to right.

use std::ops::Range;

use millrace_message::{Error, Object, Value};

use crate::processors::payload_text::PayloadText;

/// A place in a line. What is read is told by its range, so that values can share the payload.
pub(super) struct Cursor<'a> {
    pub text: &'a PayloadText<'a>,
    pub at: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(text: &'a PayloadText<'a>) -> Self {
        Self { text, at: 0 }
    }

    pub fn rest(&self) -> &'a str {
        &self.text.as_str()[self.at..]
    }

    pub fn peek(&self) -> Option<u8> {
        self.rest().as_bytes().first().copied()
    }

    /// What was expected here and is not there.
    pub fn expected(&self, what: &str) -> Error {
        Error::rejected(format!("expected {what} at byte {}", self.at))
    }

    /// Takes a text, or says what was expected.
    pub fn expect(&mut self, text: &str, what: &str) -> Result<(), Error> {
        if !self.rest().starts_with(text) {
            return Err(self.expected(what));
        }
        self.at += text.len();
        Ok(())
    }

    pub fn space(&mut self) -> Result<(), Error> {
        self.expect(" ", "a space")
    }

    /// The bytes from here for which `is_part` holds.
    pub fn take_while(&mut self, is_part: impl Fn(u8) -> bool) -> Range<usize> {
        let length = self
            .rest()
            .bytes()
            .take_while(|byte| is_part(*byte))
            .count();
        self.at += length;
        self.at - length..self.at
    }

    /// One to `max` visible ASCII characters.
    pub fn word(&mut self, max: usize, what: &str) -> Result<Range<usize>, Error> {
        let start = self.at;
        let word = self.take_while(|byte| byte.is_ascii_graphic());
        if word.is_empty() || word.len() > max {
            self.at = start;
            return Err(self.expected(&format!("{what} of 1 to {max} visible characters")));
        }
        Ok(word)
    }

    /// `<0>` to `<191>`, without zeros in front.
    pub fn priority(&mut self) -> Result<i64, Error> {
        let read = |rest: &str| {
            let (digits, _) = rest.strip_prefix('<')?.split_once('>')?;
            let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            let is_canonical = is_number && (digits == "0" || !digits.starts_with('0'));
            let number = digits
                .parse()
                .ok()
                .filter(|number| is_canonical && *number <= 191)?;
            Some((number, digits.len() + 2))
        };
        let (priority, length) =
            read(self.rest()).ok_or_else(|| self.expected("a priority from `<0>` to `<191>`"))?;
        self.at += length;
        Ok(priority)
    }
}

/// The members of the result, in any order.
#[derive(Default)]
pub(super) struct Members(Vec<(&'static str, Value)>);

impl Members {
    pub fn add(&mut self, name: &'static str, value: Value) {
        self.0.push((name, value));
    }

    /// Adds what was read, unless it is nothing or a hyphen, which stands for nothing.
    pub fn add_part(&mut self, name: &'static str, text: &PayloadText<'_>, range: Range<usize>) {
        if !range.is_empty() && &text.as_str()[range.clone()] != "-" {
            self.add(name, Value::String(text.part(range)));
        }
    }

    pub fn add_priority(&mut self, priority: i64) {
        self.add("facility", Value::I64(priority / 8));
        self.add("priority", Value::I64(priority));
        self.add("severity", Value::I64(priority % 8));
    }

    pub fn into_object(self) -> Object {
        let name = |(name, value)| (millrace_message::Text::from_static(name), value);
        self.0.into_iter().map(name).collect()
    }
}
