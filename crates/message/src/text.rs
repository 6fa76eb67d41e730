//! Strings that are cheap to clone: short ones inline, others a shared slice.
//!
//! A string of a payload stays a slice of that payload (no copy), a literal of a mapping stays
//! static or shared, and what a method computes is inline up to [`Text::INLINE_MAX`] bytes.
//!
//! Invariant: the bytes a `Text` points to are valid UTF-8. Every constructor checks it, which is
//! why reading one back does not (validation on each read was a measurable part of a path lookup).
#![allow(unsafe_code)]

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::{Deref, Range};
use std::sync::Arc;

use bytes::Bytes;

use crate::document::Document;

/// An immutable UTF-8 string of 24 bytes whose clone never copies more than that.
#[derive(Clone)]
pub struct Text(Repr);

#[derive(Clone)]
enum Repr {
    Inline {
        len: u8,
        bytes: [u8; Text::INLINE_MAX],
    },
    Slice {
        document: Arc<Document>,
        start: u32,
        len: u32,
    },
    Shared(Arc<str>),
    Static(&'static str),
}

impl Text {
    /// The longest string, in bytes, that is stored without an allocation.
    pub const INLINE_MAX: usize = 22;

    /// The empty string.
    pub const EMPTY: Text = Text(Repr::Static(""));

    /// A string that lives as long as the program.
    pub const fn from_static(text: &'static str) -> Text {
        Text(Repr::Static(text))
    }

    /// Shares a buffer as text, without copying when it is longer than [`Text::INLINE_MAX`].
    ///
    /// # Errors
    /// When the bytes are not UTF-8.
    pub fn from_bytes(bytes: &Bytes) -> Result<Text, std::str::Utf8Error> {
        let text = std::str::from_utf8(bytes)?;
        if text.len() <= Text::INLINE_MAX {
            return Ok(Text::inline(text));
        }
        match Document::opaque(bytes.clone()) {
            Some(document) => {
                let len = document.source().len() as u32;
                Ok(Text(Repr::Slice {
                    document: Arc::new(document),
                    start: 0,
                    len,
                }))
            }
            None => Ok(Text(Repr::Shared(Arc::from(text)))),
        }
    }

    /// The string itself.
    #[inline]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Inline { len, bytes } => {
                // SAFETY: `inline` copies `len` bytes of a `str`, and nothing changes them.
                unsafe { std::str::from_utf8_unchecked(bytes.get_unchecked(..usize::from(*len))) }
            }
            Repr::Slice {
                document,
                start,
                len,
            } => {
                let range = *start as usize..*start as usize + *len as usize;
                // SAFETY: `slice_of` and `substring` only take ranges of a document that were
                // checked to be in bounds and UTF-8; a document never changes.
                unsafe { std::str::from_utf8_unchecked(document.source().get_unchecked(range)) }
            }
            Repr::Shared(text) => text,
            Repr::Static(text) => text,
        }
    }

    /// A part of this string; long parts of a payload go on sharing it.
    ///
    /// # Panics
    /// When the range is out of bounds or cuts a character, like slicing a `str`.
    pub fn substring(&self, range: Range<usize>) -> Text {
        let part = &self.as_str()[range.clone()];
        match &self.0 {
            Repr::Static(text) => Text(Repr::Static(&text[range])),
            Repr::Slice {
                document, start, ..
            } if part.len() > Text::INLINE_MAX => Text(Repr::Slice {
                document: Arc::clone(document),
                start: start + range.start as u32,
                len: part.len() as u32,
            }),
            Repr::Shared(text) if part.len() == text.len() => self.clone(),
            _ => Text::from(part),
        }
    }

    /// A copy that does not keep a payload alive.
    pub fn detach(&self) -> Text {
        match &self.0 {
            Repr::Slice { .. } => Text::from(self.as_str()),
            _ => self.clone(),
        }
    }

    /// The bytes `start..end` of a document.
    ///
    /// # Safety
    /// The range is in bounds and holds valid UTF-8.
    #[inline]
    pub(crate) unsafe fn slice_of(document: &Arc<Document>, start: u32, end: u32) -> Text {
        let len = end - start;
        if len as usize <= Text::INLINE_MAX {
            let range = start as usize..end as usize;
            // SAFETY: the caller's promise.
            let text =
                unsafe { std::str::from_utf8_unchecked(document.source().get_unchecked(range)) };
            return Text::inline(text);
        }
        Text(Repr::Slice {
            document: Arc::clone(document),
            start,
            len,
        })
    }

    /// Whether it has bytes of its own: it is no part of a payload. A text of a document has them when
    /// it was decoded, which is done each time that it is read.
    #[inline]
    pub fn is_allocated(&self) -> bool {
        matches!(self.0, Repr::Shared(_))
    }

    /// Whether it is stored within its 24 bytes.
    #[inline]
    pub(crate) fn is_inline(&self) -> bool {
        matches!(self.0, Repr::Inline { .. })
    }

    #[inline]
    fn inline(text: &str) -> Text {
        debug_assert!(text.len() <= Text::INLINE_MAX);
        let mut bytes = [0; Text::INLINE_MAX];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Text(Repr::Inline {
            len: text.len() as u8,
            bytes,
        })
    }
}

impl Deref for Text {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self
    }
}

impl Default for Text {
    fn default() -> Text {
        Text::EMPTY
    }
}

impl From<&str> for Text {
    #[inline]
    fn from(text: &str) -> Text {
        if text.len() <= Text::INLINE_MAX {
            Text::inline(text)
        } else {
            Text(Repr::Shared(Arc::from(text)))
        }
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text::from(text.as_str())
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Text {
        Text::from(text.as_str())
    }
}

impl From<Arc<str>> for Text {
    fn from(text: Arc<str>) -> Text {
        if text.len() <= Text::INLINE_MAX {
            Text::inline(&text)
        } else {
            Text(Repr::Shared(text))
        }
    }
}

impl From<char> for Text {
    fn from(character: char) -> Text {
        Text::inline(character.encode_utf8(&mut [0; 4]))
    }
}

impl From<Text> for String {
    fn from(text: Text) -> String {
        text.as_str().to_owned()
    }
}

impl PartialEq for Text {
    #[inline]
    fn eq(&self, other: &Text) -> bool {
        match (&self.0, &other.0) {
            // Unused bytes are zero: two inline strings compare as a whole, without a call.
            (Repr::Inline { len, bytes }, Repr::Inline { len: n, bytes: b }) => {
                len == n && bytes == b
            }
            _ => self.as_str() == other.as_str(),
        }
    }
}

impl Eq for Text {}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Text) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Text) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_takes_24_bytes() {
        assert_eq!(size_of::<Text>(), 24);
    }

    #[test]
    fn short_and_long_strings_read_back_from_every_source() {
        for text in [
            "",
            "a",
            "exactly 22 bytes long.",
            "more than twenty-two bytes, \u{e9}\u{4e2d}",
        ] {
            assert_eq!(Text::from(text), text);
            assert_eq!(Text::from(Arc::<str>::from(text)), text);
            assert_eq!(
                Text::from_bytes(&Bytes::copy_from_slice(text.as_bytes())).unwrap(),
                text
            );
            assert_eq!(Text::from(text).detach(), text);
        }
    }

    #[test]
    fn a_substring_of_a_shared_buffer_shares_or_inlines() {
        let source = Bytes::from_static(b"0123456789012345678901234567890123456789");
        let text = Text::from_bytes(&source).unwrap();
        let long = text.substring(5..35);
        assert_eq!(long, &std::str::from_utf8(&source).unwrap()[5..35]);
        assert_eq!(long.as_str().as_ptr(), source[5..].as_ptr());
        assert_eq!(long.substring(1..3), "67");
        assert_ne!(long.detach().as_str().as_ptr(), long.as_str().as_ptr());
    }

    #[test]
    fn bytes_that_are_not_utf8_are_refused() {
        assert!(Text::from_bytes(&Bytes::from_static(b"a\xffb")).is_err());
    }
}
