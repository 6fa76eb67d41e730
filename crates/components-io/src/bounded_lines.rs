//! Lines of a pipe, each of bounded length.

use bytes::{Buf, Bytes, BytesMut};
use millrace_spec::{Node, ReadContext, codes};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Refuses a bound that no line keeps.
#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature of a field lint"
)]
pub(crate) fn at_least_one(bytes: &u64, node: &Node, cx: &mut ReadContext) {
    if *bytes == 0 {
        cx.error(
            codes::INVALID_VALUE,
            node.span,
            "a line has at least one byte",
        );
    }
}

/// A line, or that there was one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line without its end.
    Whole(Bytes),
    /// A line that is longer than allowed began here and was passed over.
    TooLong { at: u64 },
}

/// Cuts a stream at its line feeds.
pub(crate) struct BoundedLines<R> {
    stream: R,
    max: usize,
    held: BytesMut,
    /// How many of the bytes held are known to have no line feed.
    searched: usize,
    /// Where `held` begins in the stream.
    offset: u64,
    /// Where the line began that is being passed over.
    skipping: Option<u64>,
    ended: bool,
}

/// Bytes read from the stream at a time.
const CHUNK: usize = 16 * 1024;

impl<R: AsyncRead + Unpin> BoundedLines<R> {
    /// Lines of at most `max` bytes.
    pub(crate) fn new(stream: R, max: usize) -> Self {
        Self {
            stream,
            max,
            held: BytesMut::new(),
            searched: 0,
            offset: 0,
            skipping: None,
            ended: false,
        }
    }

    /// The next line; the last one needs no line feed.
    ///
    /// # Errors
    /// The stream cannot be read.
    ///
    /// # Cancel safety
    /// A dropped future has lost nothing.
    pub(crate) async fn next(&mut self) -> std::io::Result<Option<Line>> {
        loop {
            if let Some(line) = self.take() {
                return Ok(Some(line));
            }
            if self.ended {
                return Ok(None);
            }
            self.held.reserve(CHUNK);
            self.ended = self.stream.read_buf(&mut self.held).await? == 0;
        }
    }

    fn take(&mut self) -> Option<Line> {
        let found = memchr::memchr(b'\n', &self.held[self.searched..]);
        let end = found.map(|at| self.searched + at);
        self.searched = self.held.len();
        let (length, with_end) = match end {
            Some(at) => (at, at + 1),
            None if self.ended && (self.skipping.is_some() || !self.held.is_empty()) => {
                (self.held.len(), self.held.len())
            }
            None => {
                if self.held.len() > self.max {
                    self.skipping.get_or_insert(self.offset);
                }
                if self.skipping.is_some() {
                    self.advance(self.held.len());
                }
                return None;
            }
        };
        if let Some(at) = self.skipping.take() {
            self.advance(with_end);
            return Some(Line::TooLong { at });
        }
        let at = self.offset;
        if length > self.max {
            self.advance(with_end);
            return Some(Line::TooLong { at });
        }
        let mut line = self.held.split_to(with_end).freeze();
        self.offset += with_end as u64;
        self.searched = 0;
        line.truncate(length);
        if line.last() == Some(&b'\r') {
            line.truncate(length - 1);
        }
        Some(Line::Whole(line))
    }

    fn advance(&mut self, length: usize) {
        self.held.advance(length);
        self.offset += length as u64;
        self.searched = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(input: &[u8], max: usize) -> Vec<Line> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let mut lines = BoundedLines::new(input, max);
            let mut found = Vec::new();
            while let Some(line) = lines.next().await.expect("memory can be read") {
                found.push(line);
            }
            found
        })
    }

    fn whole(text: &str) -> Line {
        Line::Whole(Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn lines_lose_their_end_and_the_last_one_needs_none() {
        let expected = [whole("a"), whole(""), whole("b")];
        assert_eq!(all(b"a\r\n\nb", 10), expected);
        assert_eq!(all(b"a\n\nb\n", 10), expected);
        assert_eq!(all(b"", 10), []);
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over_wherever_it_stands() {
        let long = "x".repeat(100_000);
        let text = format!("a\n{long}\nb\n{long}");
        let expected = [
            whole("a"),
            Line::TooLong { at: 2 },
            whole("b"),
            Line::TooLong { at: 100_005 },
        ];
        assert_eq!(all(text.as_bytes(), 10), expected);
    }

    proptest! {
        #[test]
        fn every_line_is_found_or_named(lines in proptest::collection::vec("[a-z]{0,40}", 0..200)) {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let found = all(text.as_bytes(), 20);
            prop_assert_eq!(found.len(), lines.len());
            for (found, line) in found.iter().zip(&lines) {
                match found {
                    Line::Whole(bytes) => prop_assert_eq!(&bytes[..], line.as_bytes()),
                    Line::TooLong { .. } => prop_assert!(line.len() > 20),
                }
            }
        }
    }
}
