//! Line breaks as Go's reader of CSV takes them.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How much is read at a time.
const CHUNK: usize = 32 << 10;

/// What it reads, with `\n` for each `\r\n`, within quotes, too. A `\r` that stands alone stays, but
/// for one at the very end.
pub(super) struct LineBreaks<R> {
    inner: R,
    chunk: Vec<u8>,
    /// What of the chunk was not handed out yet.
    next: usize,
    end: usize,
    /// Whether a `\r` was read about which the byte behind it decides.
    is_held: bool,
    handed_out: u64,
    last: u8,
    row_end: RowEnd,
}

/// Where the last line ends that was handed out and is not empty, in bytes from the start.
#[derive(Clone, Debug, Default)]
pub(super) struct RowEnd(Arc<AtomicU64>);

impl RowEnd {
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl<R: Read> LineBreaks<R> {
    pub(super) fn new(inner: R) -> Self {
        Self {
            inner,
            chunk: vec![0; CHUNK],
            next: 0,
            end: 0,
            is_held: false,
            handed_out: 0,
            last: b'\n',
            row_end: RowEnd::default(),
        }
    }

    pub(super) fn row_end(&self) -> RowEnd {
        self.row_end.clone()
    }

    fn note(&mut self, handed_out: &[u8]) {
        let before = |at: usize| match at {
            0 => self.last,
            _ => handed_out[at - 1],
        };
        let ends = |at: &usize| handed_out[*at] == b'\n' && before(*at) != b'\n';
        if let Some(at) = (0..handed_out.len()).rev().find(ends) {
            let end = self.handed_out + at as u64 + 1;
            self.row_end.0.store(end, Ordering::Relaxed);
        }
        self.handed_out += handed_out.len() as u64;
        self.last = handed_out.last().copied().unwrap_or(self.last);
    }

    /// Reads the next chunk; nothing is in it at the end.
    fn fill(&mut self) -> io::Result<()> {
        (self.next, self.end) = (0, 0);
        while self.end == 0 {
            let held = usize::from(self.is_held);
            self.chunk[..held].fill(b'\r');
            let read = self.inner.read(&mut self.chunk[held..])?;
            if read == 0 {
                self.is_held = false;
                return Ok(());
            }
            let bytes = &mut self.chunk[..held + read];
            self.is_held = bytes.last() == Some(&b'\r');
            self.end = unify(bytes, usize::from(self.is_held));
        }
        Ok(())
    }
}

/// Makes line breaks one byte, but for the last `held` bytes; how many bytes that are.
fn unify(bytes: &mut [u8], held: usize) -> usize {
    let end = bytes.len() - held;
    let Some(first) = bytes[..end].windows(2).position(|it| it == b"\r\n") else {
        return end;
    };
    let mut kept = first;
    for at in first..end {
        if !(bytes[at] == b'\r' && at + 1 < end && bytes[at + 1] == b'\n') {
            bytes[kept] = bytes[at];
            kept += 1;
        }
    }
    kept
}

impl<R: Read> Read for LineBreaks<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.next == self.end && !out.is_empty() {
            self.fill()?;
        }
        let count = out.len().min(self.end - self.next);
        out[..count].copy_from_slice(&self.chunk[self.next..self.next + count]);
        self.next += count;
        self.note(&out[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time.
    struct Slowly<'a>(&'a [u8], usize);

    impl Read for Slowly<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(out.len());
            self.0.read(&mut out[..count])
        }
    }

    #[test]
    fn a_line_break_of_two_bytes_is_one_wherever_it_is_cut() {
        for (text, expected) in [
            ("a\r\nb\n", "a\nb\n"),
            ("a\rb\r\n", "a\rb\n"),
            ("a\r\r\n\r\n", "a\r\n\n"),
            ("\r\n", "\n"),
            ("a\r", "a"),
            ("\r", ""),
            ("", ""),
        ] {
            for count in 1..=text.len().max(1) {
                let mut read = String::new();
                let mut breaks = LineBreaks::new(Slowly(text.as_bytes(), count));
                let end = breaks.row_end();
                breaks.read_to_string(&mut read).unwrap();
                let rows = read.trim_end_matches('\n').len();
                let has_end = rows < read.len() && rows > 0;
                assert_eq!(
                    end.get(),
                    if has_end { rows as u64 + 1 } else { 0 },
                    "{text:?}"
                );
                assert_eq!(read, expected, "{text:?} by {count}");
            }
        }
    }
}
