//! The characters of bytes as Go finds them: a byte that belongs to none is one by itself, U+FFFD.

use std::ops::Range;

/// The first character, and its length in bytes.
fn first(bytes: &[u8]) -> Option<(char, usize)> {
    found(bytes, |length| bytes.get(..length))
}

/// The last character, and its length in bytes.
fn last(bytes: &[u8]) -> Option<(char, usize)> {
    found(bytes, |length| {
        bytes.get(bytes.len().checked_sub(length)?..)
    })
}

/// The shortest part of a length that is a character.
fn found<'b>(bytes: &[u8], part: impl Fn(usize) -> Option<&'b [u8]>) -> Option<(char, usize)> {
    let whole = |length| {
        let text = std::str::from_utf8(part(length)?).ok()?;
        Some((text.chars().next()?, length))
    };
    let unknown = (!bytes.is_empty()).then_some((char::REPLACEMENT_CHARACTER, 1));
    (1..=char::MAX_LEN_UTF8).find_map(whole).or(unknown)
}

/// Where each character stands.
pub(in crate::methods) fn places(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (_, length) = first(&bytes[at..])?;
        at += length;
        Some(at - length..at)
    })
}

/// What is left when characters are taken away from both ends.
pub(in crate::methods) fn trimmed(bytes: &[u8], is_cut: impl Fn(char) -> bool) -> Range<usize> {
    let mut kept = 0..bytes.len();
    while let Some((character, length)) = first(&bytes[kept.clone()])
        && is_cut(character)
    {
        kept.start += length;
    }
    while let Some((character, length)) = last(&bytes[kept.clone()])
        && is_cut(character)
    {
        kept.end -= length;
    }
    kept
}
