//! The input as records.

use std::borrow::Cow;
use std::rc::Rc;

use memchr::{memchr, memmem};

use crate::Fault;
use crate::csv::{self, InputMode, Part};
use crate::meter::Meter;
use crate::pattern::Pattern;

/// The byte order mark that some files begin with.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// What separates records. It is what `RS` is when the first record is read.
pub(crate) enum RecordSplitter {
    /// Line breaks, with or without a carriage return.
    Lines,
    /// Empty lines.
    Paragraphs,
    Text(Vec<u8>),
    Pattern(Rc<Pattern>),
    Csv(InputMode),
}

/// The input, and how far it was read.
pub(crate) struct Records<'a> {
    input: &'a [u8],
    at: usize,
}

/// A record, and the text that ended it.
pub(crate) struct Found<'a> {
    pub record: Cow<'a, [u8]>,
    pub terminator: Option<&'a [u8]>,
}

impl<'a> Records<'a> {
    pub fn new(input: &'a [u8]) -> Self {
        Self { input, at: 0 }
    }

    /// What was not read yet, without a byte order mark at its begin.
    pub fn rest(&self) -> &'a [u8] {
        let rest = &self.input[self.at..];
        match self.at {
            0 => rest.strip_prefix(MARK).unwrap_or(rest),
            _ => rest,
        }
    }

    /// Leaves out what was not read yet.
    pub fn skip_rest(&mut self) {
        self.at = self.input.len();
    }

    pub fn next(
        &mut self,
        splitter: &RecordSplitter,
        meter: &Meter,
    ) -> Result<Option<Found<'a>>, Fault> {
        let rest = &self.input[self.at..];
        if rest.is_empty() {
            return Ok(None);
        }
        let (length, found) = match splitter {
            RecordSplitter::Csv(mode) => return self.next_csv(*mode, meter, |_| Ok(())),
            RecordSplitter::Lines => lines(rest),
            RecordSplitter::Text(separator) => {
                let end = memmem::find(rest, separator).unwrap_or(rest.len());
                let found = Found {
                    record: Cow::Borrowed(&rest[..end]),
                    terminator: None,
                };
                ((end + separator.len()).min(rest.len()), Some(found))
            }
            RecordSplitter::Paragraphs => paragraphs(rest),
            RecordSplitter::Pattern(pattern) => {
                let range = pattern.find(rest, meter)?.filter(|it| !it.is_empty());
                let range = range.unwrap_or(rest.len()..rest.len());
                let found = Found {
                    record: Cow::Borrowed(&rest[..range.start]),
                    terminator: Some(&rest[range.clone()]),
                };
                (range.end, Some(found))
            }
        };
        meter.step(1 + length as u64 / 16)?;
        self.at += length;
        Ok(found)
    }
}

impl<'a> Records<'a> {
    /// The next record of CSV, with each of its fields.
    pub fn next_csv(
        &mut self,
        mode: InputMode,
        meter: &Meter,
        each: impl FnMut(Part) -> Result<(), Fault>,
    ) -> Result<Option<Found<'a>>, Fault> {
        let rest = self.rest();
        self.at = self.input.len() - rest.len();
        let Some(span) = csv::read(rest, mode, meter, each)? else {
            self.skip_rest();
            return Ok(None);
        };
        self.at += span.end;
        let record = &rest[span.record];
        Ok(Some(Found {
            record: match span.has_returns {
                true => record.iter().copied().filter(|it| *it != b'\r').collect(),
                false => Cow::Borrowed(record),
            },
            terminator: None,
        }))
    }
}

fn lines(rest: &[u8]) -> (usize, Option<Found<'_>>) {
    let end = memchr(b'\n', rest);
    let length = end.map_or(rest.len(), |it| it + 1);
    let record = &rest[..end.unwrap_or(rest.len())];
    let found = Found {
        record: Cow::Borrowed(record.strip_suffix(b"\r").unwrap_or(record)),
        terminator: None,
    };
    (length, Some(found))
}

fn paragraphs(rest: &[u8]) -> (usize, Option<Found<'_>>) {
    let is_break = |it: &u8| matches!(it, b'\n' | b'\r');
    let breaks = |from: usize| rest[from..].iter().take_while(|it| is_break(it)).count();
    let start = breaks(0);
    if start == rest.len() {
        return (start, None);
    }
    let mut at = start;
    while let Some(length) = memchr(b'\n', &rest[at..]) {
        let end = at + length;
        if rest[end..].starts_with(b"\n\n") || rest[end..].starts_with(b"\n\r\n") {
            let next = end + breaks(end);
            let record = &rest[start..end];
            let found = Found {
                record: Cow::Borrowed(record.strip_suffix(b"\r").unwrap_or(record)),
                terminator: Some(&rest[end..next]),
            };
            return (next, Some(found));
        }
        at = end + 1;
    }
    let record = &rest[start..];
    let record = record.strip_suffix(b"\n").unwrap_or(record);
    let record = record.strip_suffix(b"\r").unwrap_or(record);
    let found = Found {
        record: Cow::Borrowed(record),
        terminator: Some(&rest[start + record.len()..]),
    };
    (rest.len(), Some(found))
}
