//! The `json_documents` scanner.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use millrace_component::{
    BuildContext, Descriptor, Scanner, ScannerConfig, ScannerFactory, SourceDetails,
};
use millrace_message::json::Reason;
use millrace_message::{Error, Message, MessageBatch, Value};
use millrace_spec::{ByteSize, Spec};

use super::window::Window;

/// Makes one message of each JSON document of the stream.
///
/// Documents follow each other with or without white space between them; they may span lines. The
/// stream is read piece by piece: what is held is one document, of `max_size` bytes at most.
///
/// A document that is larger, or nested deeper than 1,000 levels, is skipped with an error that
/// names its place and counts as dropped, by the reason `unreadable`; the ones after it are read. Text
/// that is not JSON ends the stream with an error, since nobody can tell where the next document
/// begins.
#[derive(Clone, Debug, Spec)]
#[spec(scanner = "json_documents")]
pub struct Config {
    /// The most bytes that a document may have.
    #[spec(default = "64MiB", advanced)]
    max_size: ByteSize,
}

impl ScannerConfig for Config {
    fn build(&self, _: &BuildContext) -> Result<Arc<dyn ScannerFactory>, Error> {
        Ok(Arc::new(Factory {
            max: usize::try_from(self.max_size.0)
                .unwrap_or(usize::MAX)
                .max(1),
        }))
    }
}

pub const COMPONENT: Descriptor = Descriptor::scanner::<Config>();

struct Factory {
    max: usize,
}

impl ScannerFactory for Factory {
    fn open(
        &self,
        stream: Box<dyn Read + Send>,
        details: &SourceDetails,
    ) -> Result<Box<dyn Scanner>, Error> {
        Ok(Box::new(Documents {
            window: Window::new(stream, &details.name),
            max: self.max,
            searched: 0,
            edge: Edge::default(),
        }))
    }
}

/// Finds the end of one document without understanding it: what is within is the parser's matter.
#[derive(Clone, Copy, Default)]
enum Edge {
    /// Before the first byte.
    #[default]
    Begin,
    /// Within a number or a word.
    Scalar,
    /// Within a string, so many containers deep.
    Text { depth: usize, escaped: bool },
    /// Between the values of a container.
    Container { depth: usize },
}

impl Edge {
    /// Passes over bytes; the length up to the end of the document, when it is among them.
    fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            let byte = bytes[at];
            match self {
                Self::Begin => match byte {
                    b'{' | b'[' => *self = Self::Container { depth: 1 },
                    b'"' => *self = Self::text(0),
                    _ => *self = Self::Scalar,
                },
                Self::Scalar => {
                    if is_edge_of_scalar(byte) {
                        return Some(at);
                    }
                }
                Self::Text {
                    escaped: true,
                    depth,
                } => *self = Self::text(*depth),
                Self::Text { escaped, depth } => {
                    match memchr::memchr2(b'"', b'\\', &bytes[at..]) {
                        None => return None,
                        Some(skip) => at += skip,
                    }
                    match (bytes[at], *depth) {
                        (b'\\', _) => *escaped = true,
                        (_, 0) => return Some(at + 1),
                        (_, depth) => *self = Self::Container { depth },
                    }
                }
                Self::Container { depth } => match byte {
                    b'"' => *self = Self::text(*depth),
                    b'{' | b'[' => *depth += 1,
                    b'}' | b']' if *depth == 1 => return Some(at + 1),
                    b'}' | b']' => *depth -= 1,
                    _ => {}
                },
            }
            at += 1;
        }
        None
    }

    fn text(depth: usize) -> Self {
        Self::Text {
            depth,
            escaped: false,
        }
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Whether a number or word ends before this byte. Brackets that close and commas belong to it, so
/// that the error shows them.
fn is_edge_of_scalar(byte: u8) -> bool {
    is_space(byte) || matches!(byte, b'{' | b'[' | b'"')
}

struct Documents {
    window: Window,
    max: usize,
    /// How many of the bytes held `edge` has passed.
    searched: usize,
    edge: Edge,
}

impl Documents {
    /// Goes to the next byte that is no white space; false at the end of the stream.
    fn skip_space(&mut self) -> Result<bool, Error> {
        loop {
            let space = self
                .window
                .held
                .iter()
                .take_while(|byte| is_space(**byte))
                .count();
            self.window.skip(space);
            if !self.window.held.is_empty() {
                return Ok(true);
            }
            if self.window.ended {
                return Ok(false);
            }
            self.window.fill()?;
        }
    }

    /// The length of the document that `held` begins with, reading until its end is there.
    /// `None`: it is larger than `max`.
    fn find_end(&mut self) -> Result<Option<usize>, Error> {
        (self.edge, self.searched) = (Edge::default(), 0);
        loop {
            if let Some(length) = self.search() {
                return Ok((length <= self.max).then_some(length));
            }
            if self.window.held.len() > self.max {
                return Ok(None);
            }
            if self.window.ended {
                // A scalar ends with the stream; anything else is cut, as the parser will say.
                return Ok(Some(self.window.held.len()));
            }
            self.window.fill()?;
        }
    }

    fn search(&mut self) -> Option<usize> {
        let found = self.edge.find(&self.window.held[self.searched..]);
        let before = self.searched;
        self.searched = self.window.held.len();
        found.map(|length| before + length)
    }

    /// Passes over the rest of a document that is too large, holding none of it.
    fn skip_document(&mut self, start: u64) -> Result<Error, Error> {
        // It may have been found already, as a whole.
        (self.edge, self.searched) = (Edge::default(), 0);
        loop {
            if let Some(length) = self.search() {
                self.window.skip(length);
                break;
            }
            self.window.skip(self.window.held.len());
            self.searched = 0;
            if self.window.ended {
                break;
            }
            self.window.fill()?;
        }
        Ok(Error::rejected(format!(
            "the JSON document at byte {start} of {} is larger than `max_size`, {} bytes; it is \
             skipped",
            self.window.name, self.max
        )))
    }

    fn parse(&mut self, start: u64, text: Bytes) -> Result<Value, Error> {
        Value::parse_json(text).map_err(|error| {
            let place = format!("the JSON document at byte {start} of {}", self.window.name);
            if error.reason() == Reason::TooDeep {
                return Error::rejected(format!("{place}: {error}; it is skipped"));
            }
            self.window.leave();
            Error::retry(format!("{place}: {error}; the rest is not read"))
        })
    }
}

impl Scanner for Documents {
    fn next(&mut self) -> Result<Option<MessageBatch>, Error> {
        if !self.skip_space()? {
            return Ok(None);
        }
        let start = self.window.offset;
        let Some(length) = self.find_end()? else {
            return Err(self.skip_document(start)?);
        };
        let text = self.window.take(length);
        let message = Message::from_value(self.parse(start, text)?);
        // The form that goes out, so that the message is counted with its size.
        let _printed = message.bytes();
        Ok(Some(message.into()))
    }

    fn is_ready(&self) -> bool {
        let space = self
            .window
            .held
            .iter()
            .take_while(|byte| is_space(**byte))
            .count();
        Edge::default().find(&self.window.held[space..]).is_some()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A stream that hands out so many bytes at a time.
    struct Slow(Vec<u8>, usize);

    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0.drain(..count);
            Ok(count)
        }
    }

    fn scan(max: usize, stream: impl Read + Send + 'static) -> (Vec<String>, Vec<Error>) {
        crate::testing::scan(&Factory { max }, stream)
    }

    fn scan_text(text: &str) -> (Vec<String>, Vec<Error>) {
        scan(1000, std::io::Cursor::new(text.as_bytes().to_vec()))
    }

    #[test]
    fn documents_need_nothing_between_them_and_may_span_lines() {
        let text = "{\"b\":1,\n \"a\":[\"}\\\"\"]}{}\n[1]2 \"x\"null\"\\\\\" 3";
        let (documents, errors) = scan_text(text);
        assert!(errors.is_empty(), "{errors:?}");
        let expected = [
            r#"{"a":["}\""],"b":1}"#,
            "{}",
            "[1]",
            "2",
            r#""x""#,
            "null",
            r#""\\""#,
            "3",
        ];
        assert_eq!(documents, expected);
    }

    #[test]
    fn an_empty_stream_has_no_documents() {
        assert_eq!(scan_text(" \n").0.len(), 0);
        assert_eq!(scan_text("").0.len(), 0);
    }

    #[test]
    fn text_that_is_no_json_ends_the_stream_and_is_named() {
        for (text, place, read) in [
            ("{\"a\":1} {\"a\":nope} {}", "byte 8 of input", 1),
            ("[1] }", "byte 4", 1),
            ("{\"a\":", "byte 0", 0),
            ("\"cut", "byte 0", 0),
            ("1 \u{1} 2", "byte 2", 1),
        ] {
            let (documents, errors) = scan_text(text);
            assert_eq!((documents.len(), errors.len()), (read, 1), "{text}");
            assert!(errors[0].text().contains(place), "{}", errors[0]);
        }
    }

    #[test]
    fn a_document_that_is_too_deep_or_too_large_is_skipped_and_the_next_one_is_read() {
        let deep = format!("{}{} {{}}", "[".repeat(20_000), "]".repeat(20_000));
        let (documents, errors) = scan(1 << 20, std::io::Cursor::new(deep.into_bytes()));
        assert_eq!(documents, ["{}"]);
        assert!(errors[0].text().contains("skipped"), "{}", errors[0]);

        let large = format!("1 {{\"a\":\"{}\"}} {{}}", "x".repeat(300_000));
        let (documents, errors) = scan(1000, std::io::Cursor::new(large.into_bytes()));
        assert_eq!(documents, ["1", "{}"]);
        assert!(errors[0].text().contains("byte 2 of"), "{}", errors[0]);
        assert_eq!(errors.len(), 1);
    }

    #[test]
    fn a_document_without_an_end_costs_bounded_memory() {
        let (documents, errors) = scan(1000, std::io::repeat(b'[').take(5_000_000));
        assert_eq!((documents.len(), errors.len()), (0, 1));
    }

    proptest! {
        #[test]
        fn documents_are_the_same_however_the_stream_is_cut(
            values in proptest::collection::vec("[a-z\"\\\\{}\\[\\] ]{0,12}", 0..6),
            step in 1_usize..7,
        ) {
            let objects: Vec<Bytes> = values
                .iter()
                .map(|text| {
                    let mut object = millrace_message::Object::new();
                    object.insert("k", Value::from(text.as_str()));
                    Value::Object(object).to_json()
                })
                .collect();
            let (documents, errors) = scan(1000, Slow(objects.concat(), step));
            prop_assert!(errors.is_empty());
            prop_assert_eq!(documents, objects.iter().map(|it| String::from_utf8_lossy(it).into_owned()).collect::<Vec<_>>());
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            scan(100, std::io::Cursor::new(bytes));
        }
    }
}

#[cfg(test)]
mod contract {
    use millrace_component::conformance::{self, Workbench};

    #[test]
    fn it_keeps_the_promises_of_a_scanner() {
        let factory = Workbench::new([crate::SCANNERS]).scanner("json_documents: {}");
        conformance::scanner(
            &*factory,
            b"{\"a\": [1]}{}\n[2] 3",
            &[r#"{"a":[1]}"#, "{}", "[2]", "3"],
        );
    }
}
