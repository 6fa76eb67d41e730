//! The `re_match` scanner.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use millrace_component::{
    BuildContext, Descriptor, Pattern, Scanner, ScannerConfig, ScannerFactory, SourceDetails,
};
use millrace_message::{Error, Message, MessageBatch};
use millrace_spec::{Node, ReadContext, Spec, codes};

use super::window::Window;

mod matcher;

use matcher::{Matcher, Start};

/// Cuts the stream in front of each match of a regular expression.
///
/// A message begins with a match and reaches up to the next one; what stands before the first match
/// is a message too. The pattern is searched in what begins with the message: `^` matches there, and
/// at the beginning of every line with `(?m)`.
///
/// A message is handed on once it is certain where the next one begins, however the bytes arrive.
///
/// A message longer than `max_buffer_size` is skipped with an error that names its place and counts
/// as dropped, by the reason `unreadable`; the messages after it are read. At most twice
/// `max_buffer_size` is searched for the end of a message: a match of that length is none.
#[derive(Clone, Debug, Spec)]
#[spec(scanner = "re_match")]
pub struct Config {
    /// The pattern, in Go's syntax of regular expressions.
    #[spec(example = "(?m)^\\d\\d:\\d\\d:\\d\\d", lint = check)]
    pattern: Pattern,
    /// The most bytes that a message may have.
    #[spec(default = 65536)]
    max_buffer_size: u64,
}

fn check(pattern: &Pattern, node: &Node, cx: &mut ReadContext) {
    if let Err(reason) = Matcher::new(pattern) {
        cx.error(codes::INVALID_VALUE, node.span, reason);
    }
}

impl ScannerConfig for Config {
    fn build(&self, _: &BuildContext) -> Result<Arc<dyn ScannerFactory>, Error> {
        let matcher = Matcher::new(&self.pattern)
            .map_err(|reason| Error::fatal(format!("pattern: {reason}")))?;
        Ok(Arc::new(Factory {
            matcher: Arc::new(matcher),
            max: usize::try_from(self.max_buffer_size)
                .unwrap_or(usize::MAX / 4)
                .clamp(1, usize::MAX / 4),
        }))
    }
}

pub const COMPONENT: Descriptor = Descriptor::scanner::<Config>();

struct Factory {
    matcher: Arc<Matcher>,
    max: usize,
}

impl ScannerFactory for Factory {
    fn open(
        &self,
        stream: Box<dyn Read + Send>,
        details: &SourceDetails,
    ) -> Result<Box<dyn Scanner>, Error> {
        Ok(Box::new(Segments {
            window: Window::new(stream, &details.name),
            cache: self.matcher.cache(),
            matcher: Arc::clone(&self.matcher),
            max: self.max,
        }))
    }
}

struct Segments {
    window: Window,
    matcher: Arc<Matcher>,
    cache: matcher::Cache,
    max: usize,
}

/// Where a message ends.
enum End {
    /// Behind so many bytes.
    At(usize),
    /// Somewhere behind what may be searched.
    TooFar,
}

impl Segments {
    /// How many bytes held are searched: a bound that does not depend on how they arrive.
    fn searched(&self) -> usize {
        self.window.held.len().min(2 * self.max)
    }

    /// Whether more is held than is searched.
    fn is_full(&self) -> bool {
        self.window.held.len() > self.searched()
    }

    fn start(&mut self, from: Option<usize>) -> Start {
        let is_whole = self.window.ended && !self.is_full();
        let text = &self.window.held[..self.searched()];
        self.matcher.find(&mut self.cache, text, from, is_whole)
    }

    /// Searches until it is certain where the first match begins that is not at the very beginning,
    /// reading more as long as it is not.
    fn find_end(&mut self) -> Result<End, Error> {
        loop {
            let mut start = self.start(None);
            if let Start::At { start: 0, end } = start {
                start = self.start(Some(end));
            }
            match start {
                Start::At { start, .. } => return Ok(End::At(start)),
                Start::None => return Ok(End::At(self.searched())),
                Start::Unknown if self.is_full() => return Ok(End::TooFar),
                Start::Unknown => self.window.fill()?,
            }
        }
    }

    /// Passes over a message that is too long, holding no more of it than is searched.
    fn skip_segment(&mut self, end: End) -> Result<Error, Error> {
        let begin = self.window.offset;
        match end {
            End::At(length) => self.window.skip(length),
            End::TooFar => self.skip_to_match()?,
        }
        Ok(Error::rejected(format!(
            "the segment at byte {begin} of {} is longer than `max_buffer_size`, {} bytes; it is \
             skipped",
            self.window.name, self.max
        )))
    }

    fn skip_to_match(&mut self) -> Result<(), Error> {
        self.window.skip(self.max);
        loop {
            match self.start(None) {
                Start::At { start, .. } => {
                    self.window.skip(start);
                    return Ok(());
                }
                Start::None => self.window.skip(self.searched()),
                Start::Unknown if self.is_full() => self.window.skip(self.max),
                Start::Unknown => self.window.fill()?,
            }
            if self.window.ended && self.window.held.is_empty() {
                return Ok(());
            }
        }
    }

    fn next_segment(&mut self) -> Result<Option<Bytes>, Error> {
        while self.window.held.is_empty() {
            if self.window.ended {
                return Ok(None);
            }
            self.window.fill()?;
        }
        match self.find_end()? {
            End::At(length) if length <= self.max => Ok(Some(self.window.take(length))),
            end => Err(self.skip_segment(end)?),
        }
    }
}

impl Scanner for Segments {
    fn next(&mut self) -> Result<Option<MessageBatch>, Error> {
        let segment = self.next_segment()?;
        Ok(segment.map(|segment| Message::from_bytes(segment).into()))
    }
}

#[cfg(test)]
mod contract {
    use millrace_component::conformance::{self, Workbench};

    #[test]
    fn it_keeps_the_promises_of_a_scanner() {
        let factory = Workbench::new([crate::SCANNERS]).scanner("re_match: { pattern: split }");
        conformance::scanner(
            &*factory,
            b"foo\nsplit\nbaz\nsplitsplit",
            &["foo\n", "split\nbaz\n", "split", "split"],
        );
    }
}

#[cfg(test)]
mod tests;
