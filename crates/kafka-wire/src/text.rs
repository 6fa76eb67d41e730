//! Text that is a slice of the frame it came in.
//!
//! Invariant: the bytes of a `Str` are UTF-8. Every constructor checks it, so reading does not.
#![allow(unsafe_code)]

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use bytes::Bytes;

/// UTF-8 text in shared bytes: a clone costs a count, not a copy.
///
/// It keeps the frame alive that it is a slice of: whoever stores it for long copies it with
/// [`Str::detach`].
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Str(Bytes);

impl Str {
    /// No text.
    pub const EMPTY: Self = Self(Bytes::new());

    /// Text that is part of the program.
    pub const fn from_static(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// The bytes as text; the bytes again when they are not UTF-8.
    ///
    /// # Errors
    /// They are not UTF-8.
    pub fn from_utf8(bytes: Bytes) -> Result<Self, Bytes> {
        match std::str::from_utf8(&bytes) {
            Ok(_) => Ok(Self(bytes)),
            Err(_) => Err(bytes),
        }
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        // SAFETY: every constructor takes a `str` or checks the bytes, and nothing changes them.
        unsafe { std::str::from_utf8_unchecked(&self.0) }
    }

    /// The same text in memory of its own.
    #[must_use]
    pub fn detach(&self) -> Self {
        Self(Bytes::copy_from_slice(&self.0))
    }

    /// The bytes of the text, shared.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

impl Deref for Str {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Str {
    fn as_ref(&self) -> &str {
        self
    }
}

impl Borrow<str> for Str {
    fn borrow(&self) -> &str {
        self
    }
}

/// As `str` hashes, so that maps with this key are asked with a `&str`.
impl Hash for Str {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl From<String> for Str {
    fn from(text: String) -> Self {
        Self(Bytes::from(text))
    }
}

/// Copies the text.
impl From<&str> for Str {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl PartialEq<str> for Str {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Str {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl fmt::Debug for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn text_is_a_slice_and_is_found_by_what_it_says() {
        let frame = Bytes::from_static(b"..orders..");
        let text = Str::from_utf8(frame.slice(2..8)).unwrap();
        assert_eq!(text.as_ptr(), frame[2..].as_ptr());
        assert_ne!(text.detach().as_ptr(), text.as_ptr());
        let map = HashMap::from([(text, 1)]);
        assert_eq!(map.get("orders"), Some(&1));
    }

    #[test]
    fn what_is_no_text_is_refused() {
        assert!(Str::from_utf8(Bytes::from_static(&[0xff])).is_err());
    }
}
