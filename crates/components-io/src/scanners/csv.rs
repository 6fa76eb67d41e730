//! The `csv` scanner.

use std::io::{Cursor, Read};
use std::sync::Arc;

use csv::{ByteRecord, ReaderBuilder, Terminator};
use millrace_component::{
    BuildContext, Descriptor, Identity, Scanner, ScannerConfig, ScannerFactory, SourceDetails,
};
use millrace_message::{Error, Message, MessageBatch, Object, Text, Value};
use millrace_spec::{FieldKind, FieldType, Node, ReadContext, Spec, codes};

use super::line_breaks::{LineBreaks, RowEnd};

/// Makes one message of each row: an object by the names of the header row, or an array of its
/// fields.
///
/// A row with another number of fields than the header is skipped with an error that names its
/// line and counts as dropped, by the reason `unreadable`, unless `continue_on_error` makes a message
/// of it whose error flag is set.
///
/// Metadata: `csv_row`, the number of the row, counted from 0.
#[derive(Clone, Debug, Spec)]
#[spec(scanner = "csv", check = check)]
pub struct Config {
    /// What separates fields, instead of a comma.
    #[spec(optional)]
    custom_delimiter: Option<Delimiter>,
    /// Whether the first row holds names.
    #[spec(default = true)]
    parse_header_row: bool,
    /// Accepted for compatibility: quotes within a field are always taken as they stand.
    #[spec(rename = "lazy_quotes", default = false)]
    _lazy_quotes: bool,
    /// Whether a row that cannot be read becomes a message whose error flag is set.
    #[spec(default = false)]
    continue_on_error: bool,
    /// The names that the header row must hold.
    #[spec(optional)]
    expected_headers: Option<Vec<String>>,
    /// How many fields each row must have.
    #[spec(optional)]
    expected_number_of_fields: Option<u64>,
}

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    let expects = config
        .expected_headers
        .as_ref()
        .is_some_and(|it| !it.is_empty());
    if expects && !config.parse_header_row {
        let span = node.field_span("expected_headers");
        let message = "`expected_headers` cannot be checked without a header row";
        cx.error(codes::CONFLICT, span, message).help =
            Some("set `parse_header_row: true`, or remove it".to_owned());
    }
}

/// A single character of one byte.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delimiter(u8);

impl Delimiter {
    /// A comma.
    pub(crate) const COMMA: Self = Self(b',');
}

impl FieldType for Delimiter {
    fn kind() -> FieldKind {
        FieldKind::String
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        let text = String::read(node, cx)?;
        match text.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Some(Self(*byte)),
            _ => {
                let message = format!("delimiter `{text}` is not one ASCII character");
                cx.error(codes::INVALID_VALUE, node.span, message);
                None
            }
        }
    }
}

impl ScannerConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<Arc<dyn ScannerFactory>, Error> {
        Ok(Arc::new(Rows {
            delimiter: self.custom_delimiter.unwrap_or(Delimiter::COMMA),
            header: self.parse_header_row,
            continue_on_error: self.continue_on_error,
            expected_headers: self.expected_headers.clone().unwrap_or_default(),
            expected_fields: self.expected_number_of_fields.filter(|it| *it > 0),
            batch: 1,
            metadata: Metadata::RowNumber,
            identity: Arc::clone(cx.identity()),
        }))
    }
}

pub const COMPONENT: Descriptor = Descriptor::scanner::<Config>();

/// What is set on the message of each row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metadata {
    /// `csv_row`, the number of the row.
    RowNumber,
    /// `header`, the names of the header row.
    Header,
}

/// How rows are read: what the scanner and the input of this name share.
pub(crate) struct Rows {
    pub delimiter: Delimiter,
    pub header: bool,
    pub continue_on_error: bool,
    pub expected_headers: Vec<String>,
    pub expected_fields: Option<u64>,
    /// Rows in each batch.
    pub batch: usize,
    pub metadata: Metadata,
    pub identity: Arc<Identity>,
}

impl ScannerFactory for Rows {
    fn open(
        &self,
        stream: Box<dyn Read + Send>,
        details: &SourceDetails,
    ) -> Result<Box<dyn Scanner>, Error> {
        let stream = without_mark(stream)
            .map_err(|error| Error::retry(format!("read {}: {error}", details.name)))?;
        let stream = LineBreaks::new(stream);
        let row_end = stream.row_end();
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(self.delimiter.0)
            .terminator(Terminator::Any(b'\n'))
            .from_reader(Uninterrupted(Box::new(stream)));
        let mut header = ByteRecord::new();
        if self.header {
            reader
                .read_byte_record(&mut header)
                .map_err(|error| unreadable(details, &error))?;
            if !self.expected_headers.is_empty()
                && !header
                    .iter()
                    .eq(self.expected_headers.iter().map(String::as_bytes))
            {
                return Err(Error::fatal(format!(
                    "the header row of {} is not the one in `expected_headers`",
                    details.name
                )));
            }
        }
        let names: Vec<Text> = header
            .iter()
            .map(|name| Text::from(&*String::from_utf8_lossy(name)))
            .collect();
        Ok(Box::new(CsvScanner {
            fields: self
                .expected_fields
                .or_else(|| (!names.is_empty()).then_some(names.len() as u64)),
            header: Value::from(names.iter().cloned().map(Value::from).collect::<Vec<_>>()),
            names,
            reader,
            row_end,
            record: ByteRecord::new(),
            row: 0,
            batch: self.batch.max(1),
            continue_on_error: self.continue_on_error,
            metadata: self.metadata,
            name: details.name.clone(),
            identity: Arc::clone(&self.identity),
            held_back: None,
            delimiter: self.delimiter.0,
        }))
    }
}

fn unreadable(details: &SourceDetails, error: &csv::Error) -> Error {
    Error::retry(format!("read {}: {error}", details.name))
}

struct CsvScanner {
    reader: csv::Reader<Uninterrupted>,
    row_end: RowEnd,
    names: Vec<Text>,
    header: Value,
    /// How many fields each row must have; the first row decides when nothing else does.
    fields: Option<u64>,
    record: ByteRecord,
    row: i64,
    batch: usize,
    continue_on_error: bool,
    metadata: Metadata,
    name: String,
    identity: Arc<Identity>,
    /// What ended a batch, to be told after it.
    held_back: Option<Error>,
    delimiter: u8,
}

impl CsvScanner {
    fn value(&self) -> Value {
        let field = |bytes: &[u8]| Value::from(&*String::from_utf8_lossy(bytes));
        if self.names.is_empty() {
            return Value::from(self.record.iter().map(field).collect::<Vec<_>>());
        }
        let mut object = Object::with_capacity(self.names.len());
        for (name, bytes) in self.names.iter().zip(&self.record) {
            object.insert(name.clone(), field(bytes));
        }
        Value::from(object)
    }

    /// The complaint about a row with too few or too many fields.
    fn complaint(&mut self) -> Option<Error> {
        let found = self.record.len() as u64;
        let expected = *self.fields.get_or_insert(found);
        (found != expected).then(|| {
            let line = self.record.position().map_or(0, csv::Position::line);
            let next = self.reader.position().line();
            // A delimiter within a field was in quotes, and so was a line break.
            let last = self.record.iter().next_back().unwrap_or_default();
            let far = match next.saturating_sub(line) {
                0 | 1 if last.contains(&self.delimiter) => {
                    format!("; the quote that begins in line {line} may not be closed")
                }
                0 | 1 => String::new(),
                _ => format!(
                    "; the quote that begins in line {line} is not closed before line {next}"
                ),
            };
            let fields = if found == 1 { "field" } else { "fields" };
            Error::rejected(format!(
                "line {line} of {} has {found} {fields} instead of {expected}{far}",
                self.name
            ))
        })
    }

    fn next_row(&mut self) -> Result<Option<Message>, Error> {
        let read = self.reader.read_byte_record(&mut self.record);
        if !read.map_err(|error| Error::retry(format!("read {}: {error}", self.name)))? {
            return Ok(None);
        }
        let complaint = self.complaint();
        let mut message = Message::from_value(self.value());
        match (complaint, self.continue_on_error) {
            (Some(error), true) => message.set_fault(self.identity.fault(error)),
            (Some(error), false) => return Err(error.context("the row is skipped")),
            (None, _) => {}
        }
        match self.metadata {
            Metadata::RowNumber => message.metadata.set("csv_row", self.row),
            Metadata::Header if self.names.is_empty() => {}
            Metadata::Header => message.metadata.set("header", self.header.clone()),
        }
        self.row += 1;
        Ok(Some(message))
    }
}

impl Scanner for CsvScanner {
    fn next(&mut self) -> Result<Option<MessageBatch>, Error> {
        if let Some(error) = self.held_back.take() {
            return Err(error);
        }
        let mut batch = MessageBatch::new();
        while batch.len() < self.batch {
            match self.next_row() {
                Ok(Some(message)) => batch.push(message),
                Ok(None) => break,
                Err(error) if batch.is_empty() => return Err(error),
                Err(error) => {
                    // The rows before it are good.
                    self.held_back = Some(error);
                    break;
                }
            }
        }
        Ok((!batch.is_empty()).then_some(batch))
    }

    fn is_ready(&self) -> bool {
        // But for a row over several lines of which the last ones are still to come.
        self.held_back.is_some() || self.reader.position().byte() < self.row_end.get()
    }
}

/// A stream whose interrupted reads are tried again.
struct Uninterrupted(Box<dyn Read + Send>);

impl Read for Uninterrupted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            match self.0.read(buffer) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

/// The stream without a byte order mark of UTF-8 at its beginning, however its bytes arrive: the
/// library only sees one that arrives as a whole.
fn without_mark(mut stream: Box<dyn Read + Send>) -> std::io::Result<Box<dyn Read + Send>> {
    const MARK: &[u8] = b"\xef\xbb\xbf";
    // With one byte more, what follows a mark does not arrive as another one.
    let length = MARK.len() as u64 + 1;
    let mut head = Vec::new();
    stream.by_ref().take(length).read_to_end(&mut head)?;
    if head.starts_with(MARK) {
        head.drain(..MARK.len());
    }
    Ok(Box::new(Cursor::new(head).chain(stream)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Rows {
        Rows {
            delimiter: Delimiter::COMMA,
            header: true,
            continue_on_error: false,
            expected_headers: Vec::new(),
            expected_fields: None,
            batch: 1,
            metadata: Metadata::Header,
            identity: Arc::new(Identity::new("csv", "root.input", "")),
        }
    }

    fn scan(rows: &Rows, text: &str) -> (Vec<String>, Vec<String>) {
        let stream = std::io::Cursor::new(text.to_owned().into_bytes());
        let (lines, errors) = crate::testing::scan(rows, stream);
        (lines, errors.iter().map(Error::to_string).collect())
    }

    #[test]
    fn quotes_commas_and_line_breaks_belong_to_the_field() {
        let (lines, errors) = scan(&rows(), "id,name\n1,\"a, \"\"b\"\"\nc\"\n2,東京\n");
        assert_eq!(
            lines,
            [
                r#"{"id":"1","name":"a, \"b\"\nc"}"#,
                r#"{"id":"2","name":"東京"}"#
            ]
        );
        assert!(errors.is_empty());
    }

    #[test]
    fn only_a_line_feed_ends_a_row() {
        let (lines, errors) = scan(&rows(), "a,b\r\n1,x\ry\r\n\r\n2,\"p\r\nq\"\r\n");
        let expected = [r#"{"a":"1","b":"x\ry"}"#, r#"{"a":"2","b":"p\nq"}"#];
        assert_eq!(
            (lines, errors.len()),
            (expected.map(str::to_owned).to_vec(), 0)
        );
    }

    #[test]
    fn a_row_with_too_few_fields_is_skipped_and_its_line_named() {
        let (lines, errors) = scan(&rows(), "id,name\n1,a\n2\n3,c\n");
        assert_eq!(lines.len(), 2);
        assert_eq!(
            errors,
            ["the row is skipped: line 3 of input has 1 field instead of 2"]
        );
    }

    #[test]
    fn a_bad_row_within_a_batch_is_named_after_the_rows_before_it() {
        let rows = Rows {
            batch: 10,
            ..rows()
        };
        let stream = std::io::Cursor::new(b"id,name\n1,a\n2\n3,c\n4\n".to_vec());
        let details = SourceDetails::default();
        let mut scanner = rows
            .open(Box::new(stream), &details)
            .expect("it opens nothing");
        let mut step = || match scanner.next() {
            Ok(batch) => batch.map_or("the end".to_owned(), |it| format!("{} good", it.len())),
            Err(error) => error.class().name().to_owned(),
        };
        let steps: Vec<_> = std::iter::repeat_with(&mut step).take(5).collect();
        assert_eq!(
            steps,
            ["1 good", "rejected", "1 good", "rejected", "the end"]
        );
    }

    #[test]
    fn a_quote_without_an_end_takes_the_rest_and_the_error_says_so() {
        let (lines, errors) = scan(&rows(), "id,name\n1,a\n\"2,b\n3,c\n4,d\n");
        assert_eq!(lines, [r#"{"id":"1","name":"a"}"#]);
        assert_eq!(
            errors,
            [
                "the row is skipped: line 3 of input has 1 field instead of 2; the quote that \
                 begins in line 3 is not closed before line 6"
            ]
        );
    }

    #[test]
    fn a_row_that_cannot_be_read_may_become_a_flagged_message() {
        let rows = Rows {
            continue_on_error: true,
            ..rows()
        };
        let (lines, errors) = scan(&rows, "id,name\n1\n");
        assert_eq!(
            (lines.as_slice(), errors.len()),
            ([r#"{"id":"1"}"#.to_owned()].as_slice(), 0)
        );
    }
}

#[cfg(test)]
mod contract {
    use millrace_component::conformance::{self, Workbench};

    #[test]
    fn it_keeps_the_promises_of_a_scanner() {
        let factory = Workbench::new([crate::SCANNERS]).scanner("csv: {}");
        conformance::scanner(
            &*factory,
            b"a,b\n1,\"x\ny\"\n2,z\n",
            &[r#"{"a":"1","b":"x\ny"}"#, r#"{"a":"2","b":"z"}"#],
        );
    }
}
