//! How a text is split into fields: of the record, and by `split`.

use std::ops::Range;
use std::rc::Rc;

use memchr::memmem;

use crate::Fault;
use crate::meter::Meter;
use crate::pattern::{Pattern, character_length};

/// How a text is split into fields.
#[derive(Clone)]
pub(crate) enum Splitter {
    /// At blanks and line breaks, those at the ends left out.
    Blanks,
    /// Into its characters.
    Characters,
    /// At each occurrence.
    Text(Vec<u8>),
    Pattern(Rc<Pattern>),
}

impl Splitter {
    /// Hands the range of each part to `found`.
    pub fn split(
        &self,
        text: &[u8],
        meter: &Meter,
        mut found: impl FnMut(Range<usize>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        meter.step(1 + text.len() as u64 / 16)?;
        match self {
            Splitter::Blanks => words(text, found),
            _ if text.is_empty() => Ok(()),
            Splitter::Characters => {
                let mut at = 0;
                while at < text.len() {
                    let end = at + character_length(&text[at..]);
                    found(at..end)?;
                    at = end;
                }
                Ok(())
            }
            Splitter::Text(separator) => {
                let mut at = 0;
                while let Some(length) = memmem::find(&text[at..], separator) {
                    found(at..at + length)?;
                    at += length + separator.len();
                }
                found(at..text.len())
            }
            Splitter::Pattern(pattern) => {
                let (mut begin, mut end) = (0, 0);
                pattern.find_all(text, meter, |range| {
                    end = range.start;
                    // An empty match at the begin cuts nothing off.
                    if range.end != 0 {
                        found(begin..end)?;
                    }
                    begin = range.end;
                    Ok(true)
                })?;
                match end == text.len() {
                    true => Ok(()),
                    false => found(begin..text.len()),
                }
            }
        }
    }
}

fn words(
    text: &[u8],
    mut found: impl FnMut(Range<usize>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut begin = None;
    let mut at = 0;
    while at < text.len() {
        let length = character_length(&text[at..]);
        let is_blank = match text[at] {
            b'\t'..=b'\r' | b' ' => true,
            0..=0x7f => false,
            _ => std::str::from_utf8(&text[at..at + length])
                .is_ok_and(|it| it.chars().all(char::is_whitespace)),
        };
        match (is_blank, begin) {
            (true, Some(start)) => {
                found(start..at)?;
                begin = None;
            }
            (false, None) => begin = Some(at),
            _ => {}
        }
        at += length;
    }
    match begin {
        Some(start) => found(start..text.len()),
        None => Ok(()),
    }
}
