//! The `xml_documents` scanner.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use millrace_component::{
    BuildContext, Descriptor, Scanner, ScannerConfig, ScannerFactory, SourceDetails,
};
use millrace_formats::xml::{Edge, read};
use millrace_message::{Error, Message, MessageBatch};
use millrace_spec::{ByteSize, Node, ReadContext, Spec, codes};

use super::window::Window;

/// Makes one message of each XML document of the stream, as JSON.
///
/// Documents follow each other with anything between them that is no element; text there is passed
/// over. A document becomes what the method `parse_xml` of Bloblang makes of it: an element is a
/// member of its parent, its attributes are members whose names begin with `-`, and its text beside
/// those is the member `#text`.
///
/// The stream is read piece by piece: what is held is one document, of `max_size` bytes at most. A
/// document that is larger, or nested deeper than 1,000 levels, is skipped with an error that names
/// its place and counts as dropped, by the reason `unreadable`; the ones after it are read. What is
/// no XML ends the stream with an error, since nobody can tell where the next document begins.
#[derive(Clone, Debug, Spec)]
#[spec(scanner = "xml_documents", check = Config::check)]
pub struct Config {
    /// What is done with the documents: `to_json`.
    #[spec(
        default = "",
        options("to_json"),
        example = "to_json",
        sample = "to_json"
    )]
    operator: String,
    /// Whether texts and attributes that are numbers or booleans become such.
    #[spec(default = false)]
    cast: bool,
    /// The most bytes that a document may have.
    #[spec(default = "64MiB", advanced)]
    max_size: ByteSize,
}

impl Config {
    fn check(&mut self, node: &Node, cx: &mut ReadContext) {
        if self.operator.is_empty() {
            let span = node.field_span("operator");
            cx.error(
                codes::INVALID_VALUE,
                span,
                "xml_documents needs an operator",
            )
            .help = Some("write `operator: to_json`".to_owned());
        }
    }
}

impl ScannerConfig for Config {
    fn build(&self, _: &BuildContext) -> Result<Arc<dyn ScannerFactory>, Error> {
        Ok(Arc::new(Factory {
            cast: self.cast,
            max: usize::try_from(self.max_size.0)
                .unwrap_or(usize::MAX)
                .max(1),
        }))
    }
}

pub const COMPONENT: Descriptor = Descriptor::scanner::<Config>();

struct Factory {
    cast: bool,
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
            cast: self.cast,
            max: self.max,
        }))
    }
}

struct Documents {
    window: Window,
    cast: bool,
    max: usize,
}

impl Documents {
    /// Goes to what may be a document; false at the end of the stream.
    fn skip_text(&mut self) -> Result<bool, Error> {
        loop {
            let text = memchr::memchr(b'<', &self.window.held);
            self.window.skip(text.unwrap_or(self.window.held.len()));
            if text.is_some() {
                return Ok(true);
            }
            if self.window.ended {
                return Ok(false);
            }
            self.window.fill()?;
        }
    }

    /// The next document's text, of which as much is held as is allowed; `None` at the end.
    fn next_text(&mut self) -> Result<Option<Bytes>, Error> {
        if !self.skip_text()? {
            return Ok(None);
        }
        let start = self.window.offset;
        let mut edge = Edge::default();
        let mut searched = 0;
        loop {
            let held = self.window.held.len();
            if let Some(length) = edge.find(&self.window.held[searched..]) {
                let length = searched + length;
                if length > self.max {
                    self.window.skip(length);
                    return Err(self.too_large(start));
                }
                return Ok(Some(self.window.take(length)));
            }
            searched = held;
            if held > self.max {
                return Err(self.skip_document(&mut edge, start)?);
            }
            if self.window.ended {
                // Comments and the like are no document; an element is one that is cut.
                let rest = self.window.take(held);
                return Ok(edge.has_begun().then_some(rest));
            }
            self.window.fill()?;
        }
    }

    /// Passes over the rest of a document that is too large, holding none of it.
    fn skip_document(&mut self, edge: &mut Edge, start: u64) -> Result<Error, Error> {
        self.window.skip(self.window.held.len());
        while !self.window.ended {
            self.window.fill()?;
            if let Some(length) = edge.find(&self.window.held) {
                self.window.skip(length);
                break;
            }
            self.window.skip(self.window.held.len());
        }
        Ok(self.too_large(start))
    }

    fn too_large(&self, start: u64) -> Error {
        Error::rejected(format!(
            "the XML document at byte {start} of {} is larger than `max_size`, {} bytes; it is \
             skipped",
            self.window.name, self.max
        ))
    }
}

impl Scanner for Documents {
    fn next(&mut self) -> Result<Option<MessageBatch>, Error> {
        let Some(text) = self.next_text()? else {
            return Ok(None);
        };
        let start = self.window.offset - text.len() as u64;
        let value = read(&text, self.cast).map_err(|error| {
            let place = format!("the XML document at byte {start} of {}", self.window.name);
            if error.is_too_deep() {
                return Error::rejected(format!("{place}: {error}; it is skipped"));
            }
            self.window.leave();
            Error::retry(format!("{place}: {error}; the rest is not read"))
        })?;
        let message = Message::from_value(value);
        // The form that goes out, so that the message is counted with its size.
        let _printed = message.bytes();
        Ok(Some(message.into()))
    }

    fn is_ready(&self) -> bool {
        Edge::default().find(&self.window.held).is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use millrace_component::ScannerChild;
    use millrace_component::conformance::{self, Workbench};
    use proptest::prelude::*;

    use super::*;

    fn scan(fields: &str, text: &str) -> (Vec<String>, Vec<Error>) {
        let yaml = format!("xml_documents: {{ operator: to_json, {fields} }}");
        let factory = Workbench::new([crate::SCANNERS]).scanner(&yaml);
        crate::testing::scan(&*factory, Cursor::new(text.to_owned()))
    }

    #[test]
    fn it_keeps_the_promises_of_a_scanner() {
        let yaml = "xml_documents: { operator: to_json }";
        conformance::scanner(
            &*Workbench::new([crate::SCANNERS]).scanner(yaml),
            b"<?xml version='1.0'?><a>1</a><!-- <x/> -->\n<b c='>'/>",
            &[r#"{"a":"1"}"#, r#"{"b":{"-c":">"}}"#],
        );
    }

    #[test]
    fn documents_need_nothing_between_them_and_text_there_is_passed_over() {
        let (documents, errors) = scan("", "x<a><b>1</b><b>2</b></a><c/>y &amp; z\n<d>\n 3 </d> w");
        assert_eq!(
            documents,
            [r#"{"a":{"b":["1","2"]}}"#, r#"{"c":""}"#, r#"{"d":"3"}"#]
        );
        assert!(errors.is_empty(), "{errors:?}");
    }

    #[test]
    fn numbers_and_booleans_are_cast_on_request() {
        let (documents, _) = scan("cast: true", "<a b='1'>true</a>");
        assert_eq!(documents, [r##"{"a":{"#text":true,"-b":1}}"##]);
    }

    #[test]
    fn what_is_no_xml_ends_the_stream_and_is_named() {
        for (text, place) in [
            ("<a/> <b", "byte 5 of input"),
            ("<a/></b><c/>", "byte 4"),
            ("<a/><b>1 < 2</b><c/>", "byte 4"),
            ("<a/>\n<b><c></b></d><c/>", "byte 15"),
        ] {
            let (documents, errors) = scan("", text);
            assert_eq!(documents[0], r#"{"a":""}"#, "{text}");
            assert_eq!(errors.len(), 1, "{text}: {documents:?}");
            assert!(errors[0].text().contains(place), "{}", errors[0]);
        }
    }

    #[test]
    fn a_document_that_is_too_deep_or_too_large_is_skipped_and_the_next_one_is_read() {
        let deep = format!("{}{}<b/>", "<a>".repeat(2_000), "</a>".repeat(2_000));
        let large = format!("<a>{}</a><b/>", "x".repeat(300_000));
        let longer = format!("<a>{}</a><b/>", "x".repeat(20));
        for (text, fields) in [
            (deep, ""),
            (large, "max_size: 1000"),
            (longer, "max_size: 20"),
        ] {
            let (documents, errors) = scan(fields, &text);
            assert_eq!(documents, [r#"{"b":""}"#]);
            assert_eq!(errors.len(), 1);
            assert!(errors[0].text().contains("skipped"), "{}", errors[0]);
        }
    }

    #[test]
    fn an_operator_is_asked_for() {
        for fields in ["{}", "{ operator: to_csv }"] {
            let read = Workbench::new([crate::SCANNERS])
                .read::<ScannerChild>(&format!("xml_documents: {fields}"));
            let error = read.expect_err("there is no such operator");
            assert!(error.contains("to_json"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            scan("max_size: 100", &String::from_utf8_lossy(&bytes));
        }
    }
}
