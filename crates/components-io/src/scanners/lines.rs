//! The `lines` scanner.

use std::io::Read;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem::Finder;
use millrace_component::{
    BuildContext, Descriptor, Scanner, ScannerConfig, ScannerFactory, SourceDetails,
};
use millrace_message::{Error, Message, MessageBatch};
use millrace_spec::Spec;

/// Makes one message of each line, without its end (`\n` or `\r\n`).
///
/// A line longer than `max_buffer_size` is skipped with an error that names its place and counts as
/// dropped, by the reason `unreadable`; the lines after it are read.
#[derive(Clone, Debug, Spec)]
#[spec(scanner = "lines")]
pub struct Config {
    /// What ends a line, instead of a line feed.
    #[spec(optional)]
    custom_delimiter: Option<String>,
    /// The most bytes that a line may have.
    #[spec(default = 65536)]
    max_buffer_size: u64,
    /// Whether empty lines make no message.
    #[spec(default = false)]
    omit_empty: bool,
}

impl ScannerConfig for Config {
    fn build(&self, _: &BuildContext) -> Result<Arc<dyn ScannerFactory>, Error> {
        Ok(Arc::new(Factory {
            config: self.clone(),
        }))
    }
}

pub const COMPONENT: Descriptor = Descriptor::scanner::<Config>();

/// Bytes read from the stream at a time.
const CHUNK: usize = 64 * 1024;

struct Factory {
    config: Config,
}

impl ScannerFactory for Factory {
    fn open(
        &self,
        stream: Box<dyn Read + Send>,
        details: &SourceDetails,
    ) -> Result<Box<dyn Scanner>, Error> {
        let delimiter = match self.config.custom_delimiter.as_deref() {
            None | Some("") => Delimiter::Line,
            Some(text) => Delimiter::Custom(Finder::new(text.as_bytes()).into_owned()),
        };
        Ok(Box::new(Lines {
            stream,
            name: details.name.clone(),
            delimiter,
            max: usize::try_from(self.config.max_buffer_size)
                .unwrap_or(usize::MAX)
                .max(1),
            omit_empty: self.config.omit_empty,
            held: Bytes::new(),
            searched: 0,
            offset: 0,
            ended: false,
        }))
    }
}

enum Delimiter {
    Line,
    Custom(Finder<'static>),
}

impl Delimiter {
    fn len(&self) -> usize {
        match self {
            Self::Line => 1,
            Self::Custom(finder) => finder.needle().len(),
        }
    }

    fn find(&self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Line => memchr::memchr(b'\n', bytes),
            Self::Custom(finder) => finder.find(bytes),
        }
    }
}

struct Lines {
    stream: Box<dyn Read + Send>,
    name: String,
    delimiter: Delimiter,
    max: usize,
    omit_empty: bool,
    /// Bytes read and not handed out; lines are slices of it.
    held: Bytes,
    /// How many of them are known to hold no delimiter.
    searched: usize,
    /// Where `held` begins in the stream.
    offset: u64,
    ended: bool,
}

impl Lines {
    /// The length of the first line held, without its delimiter.
    fn find(&mut self) -> Option<usize> {
        let found = self.delimiter.find(&self.held[self.searched..]);
        if found.is_none() {
            // The delimiter may be cut in two by the end of what is held.
            self.searched = self.held.len().saturating_sub(self.delimiter.len() - 1);
        }
        found.map(|at| self.searched + at)
    }

    /// Reads more behind what is held.
    fn fill(&mut self) -> Result<(), Error> {
        let mut chunk = BytesMut::with_capacity(self.held.len() + CHUNK);
        chunk.extend_from_slice(&self.held);
        let begin = chunk.len();
        chunk.resize(begin + CHUNK, 0);
        let read = loop {
            match self.stream.read(&mut chunk[begin..]) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        let read = read.map_err(|error| Error::retry(format!("read {}: {error}", self.name)))?;
        chunk.truncate(begin + read);
        self.held = chunk.freeze();
        self.ended = read == 0;
        Ok(())
    }

    fn take(&mut self, length: usize, delimiter: usize) -> Bytes {
        let line = self.held.slice(..length);
        self.advance(length + delimiter);
        line
    }

    fn advance(&mut self, length: usize) {
        self.held.advance(length);
        self.offset += length as u64;
        self.searched = 0;
    }

    /// Passes over a line that is too long, holding none of it.
    fn skip_line(&mut self) -> Result<(), Error> {
        let start = self.offset;
        while !self.ended {
            if let Some(length) = self.find() {
                self.advance(length + self.delimiter.len());
                break;
            }
            self.advance(self.searched);
            self.fill()?;
        }
        if self.ended {
            self.advance(self.held.len());
        }
        Err(Error::rejected(format!(
            "the line at byte {start} of {} is longer than `max_buffer_size`, {} bytes; it is \
             skipped",
            self.name, self.max
        )))
    }

    fn next_line(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            if let Some(length) = self.find() {
                if length > self.max {
                    return self.skip_line().map(|()| None);
                }
                return Ok(Some(self.take(length, self.delimiter.len())));
            }
            if self.held.len() > self.max {
                return self.skip_line().map(|()| None);
            }
            if self.ended {
                let rest = self.held.len();
                return Ok((rest > 0).then(|| self.take(rest, 0)));
            }
            self.fill()?;
        }
    }

    fn without_return(&self, line: Bytes) -> Bytes {
        match (&self.delimiter, line.last()) {
            (Delimiter::Line, Some(b'\r')) => line.slice(..line.len() - 1),
            _ => line,
        }
    }
}

impl Scanner for Lines {
    fn next(&mut self) -> Result<Option<MessageBatch>, Error> {
        while let Some(line) = self.next_line()? {
            let line = self.without_return(line);
            if !(self.omit_empty && line.is_empty()) {
                return Ok(Some(Message::from_bytes(line).into()));
            }
        }
        Ok(None)
    }

    fn is_ready(&self) -> bool {
        self.delimiter.find(&self.held[self.searched..]).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(config: Config, input: Vec<u8>) -> (Vec<String>, Vec<String>) {
        let input = std::io::Cursor::new(input);
        let (lines, errors) = crate::testing::scan(&Factory { config }, input);
        (lines, errors.iter().map(Error::to_string).collect())
    }

    fn config(max_buffer_size: u64) -> Config {
        Config {
            custom_delimiter: None,
            max_buffer_size,
            omit_empty: false,
        }
    }

    #[test]
    fn lines_lose_their_end_and_the_last_one_needs_none() {
        let (lines, _) = scan(config(100), b"a\r\n\nb".to_vec());
        assert_eq!(lines, ["a", "", "b"]);
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_and_named() {
        let mut input = b"first\n".to_vec();
        input.extend(std::iter::repeat_n(b'x', 300_000));
        input.extend(b"\nlast\n");
        let (lines, errors) = scan(config(1000), input);
        assert_eq!(lines, ["first", "last"]);
        assert_eq!(errors.len(), 1);
        assert!(errors[0].contains("byte 6 of input"), "{}", errors[0]);
    }

    #[test]
    fn a_delimiter_may_be_cut_by_the_end_of_a_chunk() {
        let mut input = vec![b'x'; CHUNK - 1];
        input.extend(b"--y");
        let config = Config {
            custom_delimiter: Some("--".to_owned()),
            ..config(1 << 20)
        };
        let (lines, errors) = scan(config, input);
        assert_eq!((lines.len(), lines[1].as_str(), errors.len()), (2, "y", 0));
    }
}

#[cfg(test)]
mod contract {
    use millrace_component::conformance::{self, Workbench};

    #[test]
    fn it_keeps_the_promises_of_a_scanner() {
        let factory = Workbench::new([crate::SCANNERS]).scanner("lines: {}");
        conformance::scanner(
            &*factory,
            b"one\n\ntwo\r\nthree",
            &["one", "", "two", "three"],
        );
    }
}
