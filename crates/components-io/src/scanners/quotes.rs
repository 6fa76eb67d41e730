//! The quotes of CSV, as the library reads them that makes rows: it takes a quote that nothing closes for
//! one that the next quote or the end of the input closes, and gathers a row however long it is.

use std::collections::VecDeque;
use std::io::{self, Read};

/// What it reads, with an eye on the quotes and on the length of rows.
pub(super) struct Quotes<R> {
    inner: R,
    delimiter: u8,
    row_bytes_max: usize,
    place: Place,
    handed_out: u64,
    /// The line that comes next, counted from 1.
    line: u64,
    row: Start,
    /// Closing quotes with something behind them, the first one of each row that is still to be taken.
    stray: VecDeque<Stray>,
    has_ended: bool,
}

/// A quote that closes a field of several lines within another value: it was to open one, and what it
/// closes was never to be open so long.
pub(super) struct Stray {
    byte: u64,
    /// Where the field is opened and closed.
    pub opened: u64,
    pub closed: u64,
}

/// Where in a row what comes next stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the start of a field, where a quote opens.
    FieldStart,
    /// In a field without quotes, where one means nothing.
    Field,
    /// Behind a quote of this line, which is open.
    Quoted { line: u64 },
    /// Behind a quote that closes, unless it is the first one of two.
    Closed { line: u64 },
}

/// Where a row begins.
struct Start {
    byte: u64,
    line: u64,
}

impl<R: Read> Quotes<R> {
    pub(super) fn new(inner: R, delimiter: u8, row_bytes_max: usize) -> Self {
        Self {
            inner,
            delimiter,
            row_bytes_max,
            place: Place::FieldStart,
            handed_out: 0,
            line: 1,
            row: Start { byte: 0, line: 1 },
            stray: VecDeque::new(),
            has_ended: false,
        }
    }

    /// The line of the quote that is open at the end, when the input has ended at this byte.
    pub(super) fn open_at_end(&self, byte: u64) -> Option<u64> {
        match self.place {
            Place::Quoted { line } if self.has_ended && byte == self.handed_out => Some(line),
            _ => None,
        }
    }

    /// The first stray quote of the row that has ended at this byte.
    pub(super) fn stray_before(&mut self, byte: u64) -> Option<Stray> {
        self.stray.pop_front_if(|it| it.byte < byte)
    }

    fn note(&mut self, mut bytes: &[u8]) {
        while let Some(at) = memchr::memchr(b'"', bytes) {
            self.pass(&bytes[..at]);
            self.quote();
            bytes = &bytes[at + 1..];
        }
        self.pass(bytes);
    }

    /// Bytes without a quote.
    fn pass(&mut self, bytes: &[u8]) {
        let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
            return;
        };
        if let Place::Closed { line } = self.place
            && line < self.line
            && !self.ends_field(*first)
        {
            self.note_stray(line);
        }
        let start = self.handed_out;
        self.handed_out += bytes.len() as u64;
        self.line += memchr::memchr_iter(b'\n', bytes).count() as u64;
        if matches!(self.place, Place::Quoted { .. }) {
            return;
        }
        if let Some(end) = memchr::memrchr(b'\n', bytes) {
            self.row = Start {
                byte: start + end as u64 + 1,
                line: self.line,
            };
        }
        self.place = match self.ends_field(*last) {
            true => Place::FieldStart,
            false => Place::Field,
        };
    }

    fn ends_field(&self, byte: u8) -> bool {
        byte == self.delimiter || byte == b'\n'
    }

    fn note_stray(&mut self, opened: u64) {
        let is_first = self.stray.back().is_none_or(|it| it.byte < self.row.byte);
        if is_first {
            self.stray.push_back(Stray {
                byte: self.handed_out,
                opened,
                closed: self.line,
            });
        }
    }

    fn quote(&mut self) {
        self.handed_out += 1;
        self.place = match self.place {
            Place::FieldStart => Place::Quoted { line: self.line },
            Place::Quoted { line } => Place::Closed { line },
            Place::Closed { line } => Place::Quoted { line },
            Place::Field => Place::Field,
        };
    }
}

impl<R: Read> Read for Quotes<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        // The rows before it have been handed out.
        if self.handed_out - self.row.byte > self.row_bytes_max as u64 {
            return Err(io::Error::other(format!(
                "the row that begins in line {} has more than {} bytes",
                self.row.line, self.row_bytes_max
            )));
        }
        let count = self.inner.read(out)?;
        self.has_ended = count == 0 && !out.is_empty();
        self.note(&out[..count]);
        Ok(count)
    }
}
