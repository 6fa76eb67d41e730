//! The `csv` scanner.

use std::collections::HashSet;
use std::io::{Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use csv::{ByteRecord, ReaderBuilder, Terminator};
use millrace_component::{
    BuildContext, Descriptor, Identity, Scanner, ScannerConfig, ScannerFactory, SourceDetails,
};
use millrace_message::{Error, Message, MessageBatch, Object, Text, Value};
use millrace_spec::{ByteSize, FieldKind, FieldType, Node, ReadContext, Spec, codes};

use super::line_breaks::{LineBreaks, RowEnd};
use super::quotes::{Quotes, Stray};

/// Makes one message of each row: an object by the names of the header row, or an array of its
/// fields.
///
/// A row with another number of fields than the header is skipped with an error that names its
/// line and counts as dropped, by the reason `unreadable`, unless `continue_on_error` makes a message
/// of it whose error flag is set. The same becomes of a row with a quote that nothing closes, which is
/// all the rest of the input. A row of more than 64 MiB ends the reading with an error.
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
    /// Whether a quote that nothing closes may end with the input. Quotes within a field that begins
    /// without one are taken as they stand in any case; behind a closing quote the field goes on.
    #[spec(default = false)]
    lazy_quotes: bool,
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
            lazy_quotes: self.lazy_quotes,
            row_bytes_max: cx.bound(ROW_MAX),
            expected_headers: self.expected_headers.clone().unwrap_or_default(),
            expected_fields: self.expected_number_of_fields.filter(|it| *it > 0),
            batch: 1,
            metadata: Metadata::RowNumber,
            identity: Arc::clone(cx.identity()),
            has_warned: AtomicBool::default(),
        }))
    }
}

pub const COMPONENT: Descriptor = Descriptor::scanner::<Config>();

/// The longest row that is read, however many lines it takes.
pub(crate) const ROW_MAX: ByteSize = ByteSize(64 << 20);

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
    /// Whether the last quote need not be closed.
    pub lazy_quotes: bool,
    /// A longer row ends the reading.
    pub row_bytes_max: usize,
    pub expected_headers: Vec<String>,
    pub expected_fields: Option<u64>,
    /// Rows in each batch.
    pub batch: usize,
    pub metadata: Metadata,
    pub identity: Arc<Identity>,
    /// Whether it was told that a header names a column twice.
    pub has_warned: AtomicBool,
}

impl Rows {
    /// Each file may have the same header: it is told once.
    fn warn_of_duplicate(&self, names: &[Text], file: &str) {
        if let Some(name) = duplicate(names)
            && !self.has_warned.swap(true, Ordering::Relaxed)
        {
            self.identity.log_warning(format_args!(
                "the header row of {file} names `{name}` more than once: the last of these columns \
                 is kept"
            ));
        }
    }
}

/// The first name that stands twice.
fn duplicate(names: &[Text]) -> Option<&Text> {
    let mut seen = HashSet::new();
    names.iter().find(|it| !seen.insert(it.as_str()))
}

impl ScannerFactory for Rows {
    fn open(
        &self,
        stream: Box<dyn Read + Send>,
        details: &SourceDetails,
    ) -> Result<Box<dyn Scanner>, Error> {
        let stream = without_mark(stream)
            .map_err(|error| Error::retry(format!("read {}: {error}", details.name)))?;
        let stream = LineBreaks::new(Uninterrupted(stream));
        let row_end = stream.row_end();
        let stream = Quotes::new(stream, self.delimiter.0, self.row_bytes_max);
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(self.delimiter.0)
            .terminator(Terminator::Any(b'\n'))
            .from_reader(stream);
        let mut header = ByteRecord::new();
        if self.header {
            reader
                .read_byte_record(&mut header)
                .map_err(|error| unreadable(details, &error))?;
            if let Some(error) = misquoted(&mut reader, &details.name)
                && !self.lazy_quotes
            {
                return Err(error);
            }
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
        self.warn_of_duplicate(&names, &details.name);
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
            lazy_quotes: self.lazy_quotes,
            metadata: self.metadata,
            name: details.name.clone(),
            identity: Arc::clone(&self.identity),
            held_back: None,
            delimiter: self.delimiter.0,
        }))
    }
}

/// What rows are read from.
type Reader = csv::Reader<Quotes<LineBreaks<Uninterrupted>>>;

/// What is wrong with the quotes of the row that was read last: other rows may have become a part of
/// it.
fn misquoted(reader: &mut Reader, name: &str) -> Option<Error> {
    let end = reader.position().byte();
    let quotes = reader.get_mut();
    let stray = quotes.stray_before(end);
    let (line, fault) = match (quotes.open_at_end(end), stray) {
        (Some(line), _) => (line, "is not closed".to_owned()),
        (None, Some(Stray { opened, closed, .. })) => {
            (opened, format!("is closed within a value in line {closed}"))
        }
        (None, None) => return None,
    };
    Some(Error::rejected(format!(
        "the quote that begins in line {line} of {name} {fault}"
    )))
}

fn unreadable(details: &SourceDetails, error: &csv::Error) -> Error {
    Error::retry(format!("read {}: {error}", details.name))
}

struct CsvScanner {
    reader: Reader,
    row_end: RowEnd,
    names: Vec<Text>,
    header: Value,
    /// How many fields each row must have; the first row decides when nothing else does.
    fields: Option<u64>,
    record: ByteRecord,
    row: i64,
    batch: usize,
    continue_on_error: bool,
    lazy_quotes: bool,
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
        let members = self.names.iter().cloned().zip(&self.record);
        // They are sorted once: each insertion would move those behind it.
        let members = members.map(|(name, bytes)| (name, field(bytes)));
        Value::from(members.collect::<Object>())
    }

    /// The complaint about a row with a quote that nothing closes, or too few or too many fields.
    fn complaint(&mut self) -> Option<Error> {
        if let Some(error) = misquoted(&mut self.reader, &self.name)
            && !self.lazy_quotes
        {
            return Some(error);
        }
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
            lazy_quotes: false,
            row_bytes_max: 100,
            expected_headers: Vec::new(),
            expected_fields: None,
            batch: 1,
            metadata: Metadata::Header,
            identity: Arc::new(Identity::new("csv", "root.input", "")),
            has_warned: AtomicBool::default(),
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
    fn of_columns_with_one_name_the_last_is_kept_and_it_is_told() {
        let rows = rows();
        let (lines, errors) = scan(&rows, "a,b,a\n1,2,3\n");
        assert_eq!((&*lines[0], errors.len()), (r#"{"a":"3","b":"2"}"#, 0));
        assert!(rows.has_warned.into_inner());
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
            ["the row is skipped: the quote that begins in line 3 of input is not closed"]
        );
    }

    /// The last field, where a row has as many as it should.
    #[test]
    fn a_quote_without_an_end_is_an_error_wherever_it_stands() {
        for (text, line, good) in [
            ("id,name\n1,a\n\n2,\"b\n3,c\n4,d\n", 4, 1),
            ("id,name\n1,a\n\"2\n\",\"\"\"b\n3,c", 4, 1),
            ("id,name\n1,\"", 2, 0),
            ("id,\"name\n1,2\n", 1, 0),
        ] {
            let expected = format!("the quote that begins in line {line} of input is not closed");
            let details = SourceDetails {
                name: "input".to_owned(),
            };
            let opened = rows().open(Box::new(Cursor::new(text)), &details);
            let (lines, errors) = match opened {
                Ok(_) => scan(&rows(), text),
                Err(error) => (Vec::new(), vec![error.to_string()]),
            };
            assert_eq!(lines.len(), good, "{text:?}");
            assert_eq!(errors.len(), 1, "{text:?}");
            assert!(errors[0].ends_with(&expected), "{errors:?}");
            let lazy = Rows {
                lazy_quotes: true,
                ..rows()
            };
            if line > 1 {
                let (lines, errors) = scan(&lazy, text);
                assert_eq!((lines.len(), errors.len()), (good + 1, 0), "{text:?}");
            }
        }
    }

    #[test]
    fn quotes_that_close_or_mean_nothing_are_no_mistake() {
        for text in [
            "a,b\n1,\"\"",
            "a,b\n1,\"x\"\n",
            "a,b\n1,\"x\"\"\"",
            "a,b\n1,x\"",
            "a,b\n1,\"x\"y\"\n",
            "a,b\n1, \"x\n",
        ] {
            let (lines, errors) = scan(&rows(), text);
            assert_eq!((lines.len(), errors.len()), (1, 0), "{text:?}: {errors:?}");
        }
    }

    /// One of two that are not closed would end with the other one, and take the rows between.
    #[test]
    fn a_quote_that_closes_within_a_value_is_an_error_and_the_rows_behind_it_are_read() {
        let text = "id,name\n1,\"Smith\n2,b\n3,\"Jones\n4,d\n5,\"e\nf\"\n6,\"g\"h\n";
        let (lines, errors) = scan(&rows(), text);
        let expected = [
            r#"{"id":"4","name":"d"}"#,
            r#"{"id":"5","name":"e\nf"}"#,
            r#"{"id":"6","name":"gh"}"#,
        ];
        assert_eq!(lines, expected);
        let expected = "the row is skipped: the quote that begins in line 2 of input is closed \
                        within a value in line 4";
        assert_eq!(errors, [expected]);
    }

    #[test]
    fn a_row_without_an_end_is_not_gathered_for_ever() {
        for (start, more) in [("1,\"", "b\n3,c\n"), ("1,", "b")] {
            let text = format!("id,name\n1,a\n{start}{}", more.repeat(10_000));
            let mut scanner = crate::testing::open(&rows(), Cursor::new(text));
            let (lines, error) = crate::testing::until_error(&mut *scanner);
            assert_eq!(lines, [r#"{"id":"1","name":"a"}"#]);
            let error = error.expect("it is too long").to_string();
            assert!(error.ends_with("line 3 has more than 100 bytes"), "{error}");
        }
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
