//! The text of a payload of which parts become values: `grok` and `parse_log` take texts apart.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Range;

use bytes::Bytes;
use millrace_message::Text;

/// A payload as text, whose long parts share it.
pub(super) struct PayloadText<'a> {
    text: Cow<'a, str>,
    payload: &'a Bytes,
    /// The whole as a value to take parts of, made for the first part that is not short.
    shared: OnceCell<Text>,
}

impl<'a> PayloadText<'a> {
    /// Bytes that are no UTF-8 are replaced, as where Bento prints a value.
    pub fn new(payload: &'a Bytes) -> Self {
        let text = match std::str::from_utf8(payload) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(payload),
        };
        Self {
            text,
            payload,
            shared: OnceCell::new(),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// A part of the text.
    pub fn part(&self, range: Range<usize>) -> Text {
        if range.len() <= Text::INLINE_MAX {
            return Text::from(&self.text[range]);
        }
        let shared = self.shared.get_or_init(|| match &self.text {
            Cow::Borrowed(text) => {
                Text::from_bytes(self.payload).unwrap_or_else(|_| Text::from(*text))
            }
            Cow::Owned(text) => Text::from(text),
        });
        shared.substring(range)
    }
}
