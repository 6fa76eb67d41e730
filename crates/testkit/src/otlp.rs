//! A collector of traces: it takes OTLP over HTTP as protobuf and keeps the spans to look at.
//!
//! The decoder is its own reading of the protocol, shared with nothing that the product sends.
//!
//! # Source
//! `opentelemetry/proto/collector/trace/v1/trace_service.proto` and `trace/v1/trace.proto`, 1.x.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::http_server::{HttpServer, Reply, Request};
use crate::poll;

/// A span as it was received. Ids are in lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Span {
    /// 32 digits.
    pub trace_id: String,
    /// 16 digits.
    pub span_id: String,
    /// 16 digits, or empty for a root.
    pub parent_id: String,
    /// Name.
    pub name: String,
    /// 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    pub kind: u64,
    /// Nanoseconds since 1970.
    pub start: u64,
    /// Nanoseconds since 1970.
    pub end: u64,
    /// Attributes; numbers and booleans as text.
    pub attributes: BTreeMap<String, String>,
    /// 0 unset, 1 ok, 2 error.
    pub status: u64,
    /// What came with the error status.
    pub status_message: String,
    /// Attributes of the resource: `service.name` and the like.
    pub resource: BTreeMap<String, String>,
}

/// A running collector.
pub struct Collector {
    server: HttpServer,
    books: Arc<Mutex<Books>>,
}

#[derive(Default)]
struct Books {
    spans: Vec<Span>,
    complaints: Vec<String>,
}

impl Collector {
    /// Starts a collector on a free port. It answers 200 to what it can read and 400 to the rest.
    ///
    /// # Errors
    /// When no port is to be had.
    pub fn start() -> Result<Self> {
        let books: Arc<Mutex<Books>> = Arc::default();
        let entries = Arc::clone(&books);
        let server = HttpServer::start(move |request| {
            let mut books = entries.lock().unwrap_or_else(PoisonError::into_inner);
            Some(match read(request) {
                Ok(spans) => {
                    books.spans.extend(spans);
                    Reply::new(200, "").with_header("content-type", "application/x-protobuf")
                }
                Err(error) => {
                    books.complaints.push(format!("{error:#}"));
                    Reply::new(400, format!("{error:#}"))
                }
            })
        })?;
        Ok(Self { server, books })
    }

    /// `http://127.0.0.1:PORT/v1/traces`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}/v1/traces", self.server.url())
    }

    /// `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> String {
        self.server.address()
    }

    /// The spans that have arrived so far.
    ///
    /// # Errors
    /// When something arrived that was no export of traces.
    pub fn spans(&self) -> Result<Vec<Span>> {
        let books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        match books.complaints.first() {
            None => Ok(books.spans.clone()),
            Some(complaint) => bail!("the collector could not read an export: {complaint}"),
        }
    }

    /// Waits until the spans satisfy `wanted`, and returns them.
    ///
    /// # Errors
    /// As [`spans`](Self::spans), or when they do not within `within`; the text names the spans.
    pub fn wait_for(
        &self,
        what: &str,
        within: Duration,
        wanted: impl Fn(&[Span]) -> bool,
    ) -> Result<Vec<Span>> {
        let mut spans = Vec::new();
        poll::until_ok(what, within, || {
            spans = self.spans()?;
            Ok(wanted(&spans))
        })
        .with_context(|| {
            let names: Vec<String> = self
                .spans()
                .unwrap_or_default()
                .into_iter()
                .map(|it| it.name)
                .collect();
            format!("the collector has {names:?}")
        })?;
        Ok(spans)
    }
}

fn read(request: &Request) -> Result<Vec<Span>> {
    if (request.method.as_str(), request.path.as_str()) != ("POST", "/v1/traces") {
        bail!(
            "`{} {}` is no export of traces",
            request.method,
            request.path
        );
    }
    match request.header("content-type") {
        Some("application/x-protobuf") => {}
        other => bail!("the content type is {other:?}"),
    }
    let mut spans = Vec::new();
    for (_, resource_spans) in messages(&request.body, 1)? {
        let mut resource = BTreeMap::new();
        for (_, body) in messages(resource_spans, 1)? {
            resource.extend(attributes(body, 1)?);
        }
        for (_, scope_spans) in messages(resource_spans, 2)? {
            for (_, span) in messages(scope_spans, 2)? {
                spans.push(Span {
                    resource: resource.clone(),
                    ..read_span(span)?
                });
            }
        }
    }
    Ok(spans)
}

fn read_span(body: &[u8]) -> Result<Span> {
    let mut span = Span {
        attributes: attributes(body, 9)?,
        ..Span::default()
    };
    for field in fields(body) {
        match field? {
            (1, Value::Bytes(id)) => span.trace_id = id_text(id, 16)?,
            (2, Value::Bytes(id)) => span.span_id = id_text(id, 8)?,
            (4, Value::Bytes([])) => {}
            (4, Value::Bytes(id)) => span.parent_id = id_text(id, 8)?,
            (5, Value::Bytes(name)) => span.name = text(name)?,
            (6, Value::Number(kind)) => span.kind = kind,
            (7, Value::Number(start)) => span.start = start,
            (8, Value::Number(end)) => span.end = end,
            (15, Value::Bytes(status)) => {
                for field in fields(status) {
                    match field? {
                        (2, Value::Bytes(message)) => span.status_message = text(message)?,
                        (3, Value::Number(code)) => span.status = code,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    if span.trace_id.is_empty() || span.span_id.is_empty() || span.end < span.start {
        bail!("a span without ids, or one that ends before it starts: {span:?}");
    }
    Ok(span)
}

/// The attributes in the repeated field of that number.
fn attributes(body: &[u8], number: u64) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for (_, attribute) in messages(body, number)? {
        let (mut key, mut value) = (String::new(), String::new());
        for field in fields(attribute) {
            match field? {
                (1, Value::Bytes(name)) => key = text(name)?,
                (2, Value::Bytes(any)) => value = any_value(any)?,
                _ => {}
            }
        }
        found.insert(key, value);
    }
    Ok(found)
}

fn any_value(body: &[u8]) -> Result<String> {
    match fields(body).next() {
        Some(field) => Ok(match field? {
            (1, Value::Bytes(bytes)) => text(bytes)?,
            (2, Value::Number(flag)) => (flag != 0).to_string(),
            (3, Value::Number(number)) => number.cast_signed().to_string(),
            (4, Value::Number(bits)) => f64::from_bits(bits).to_string(),
            (number, _) => bail!("an attribute's value is field {number}"),
        }),
        None => Ok(String::new()),
    }
}

fn text(bytes: &[u8]) -> Result<String> {
    String::from_utf8(bytes.to_vec()).context("a text is not UTF-8")
}

fn id_text(bytes: &[u8], length: usize) -> Result<String> {
    if bytes.len() != length || bytes.iter().all(|byte| *byte == 0) {
        bail!("an id is {bytes:?}, expected {length} bytes that are not all zero");
    }
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// One value of protobuf's wire format.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of that number that hold messages.
fn messages(body: &[u8], wanted: u64) -> Result<Vec<(u64, &[u8])>> {
    let mut found = Vec::new();
    for field in fields(body) {
        if let (number, Value::Bytes(bytes)) = field?
            && number == wanted
        {
            found.push((number, bytes));
        }
    }
    Ok(found)
}

fn fields(body: &[u8]) -> impl Iterator<Item = Result<(u64, Value<'_>)>> {
    let mut rest = body;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let field = next_field(&mut rest);
        if field.is_err() {
            rest = &[];
        }
        Some(field)
    })
}

fn next_field<'a>(rest: &mut &'a [u8]) -> Result<(u64, Value<'a>)> {
    let tag = varint(rest)?;
    let value = match tag & 7 {
        0 => Value::Number(varint(rest)?),
        1 => Value::Number(u64::from_le_bytes(take(rest, 8)?.try_into()?)),
        2 => {
            let length = usize::try_from(varint(rest)?)?;
            Value::Bytes(take(rest, length)?)
        }
        5 => Value::Number(u64::from(u32::from_le_bytes(take(rest, 4)?.try_into()?))),
        other => bail!("wire type {other} is not in use"),
    };
    Ok((tag >> 3, value))
}

fn varint(rest: &mut &[u8]) -> Result<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(rest, 1)?[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    bail!("a varint of more than ten bytes")
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(count).context("the message is cut")?;
    *rest = left;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http;
    use crate::poll::PATIENCE;

    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![number << 3 | 2, u8::try_from(content.len()).unwrap()];
        bytes.extend_from_slice(content);
        bytes
    }

    fn export() -> Vec<u8> {
        let attribute =
            |key: &str, value: &[u8]| [field(1, key.as_bytes()), field(2, value)].concat();
        let span = [
            field(1, &[1; 16]),
            field(2, &[2; 8]),
            field(5, b"work"),
            vec![6 << 3, 2],
            [&[7 << 3 | 1][..], &5_u64.to_le_bytes()].concat(),
            [&[8 << 3 | 1][..], &9_u64.to_le_bytes()].concat(),
            field(9, &attribute("retries", &[3 << 3, 0x96, 0x01])),
            field(15, &[field(2, b"no"), vec![3 << 3, 2]].concat()),
        ]
        .concat();
        let resource = field(
            1,
            &field(1, &attribute("service.name", &field(1, b"millrace"))),
        );
        field(1, &[resource, field(2, &field(2, &span))].concat())
    }

    #[test]
    fn an_export_is_read_in_full() {
        let collector = Collector::start().unwrap();
        let headers = [("content-type", "application/x-protobuf")];
        let answer = http::request("POST", &collector.url(), &headers, &export()).unwrap();
        assert_eq!(answer.status, 200);
        let spans = collector
            .wait_for("a span", PATIENCE, |it| it.len() == 1)
            .unwrap();
        let expected = Span {
            trace_id: "01".repeat(16),
            span_id: "02".repeat(8),
            name: "work".into(),
            kind: 2,
            start: 5,
            end: 9,
            attributes: [("retries".into(), "150".into())].into(),
            status: 2,
            status_message: "no".into(),
            resource: [("service.name".into(), "millrace".into())].into(),
            ..Span::default()
        };
        assert_eq!(spans, [expected]);
    }

    #[test]
    fn what_is_no_export_is_refused_and_reported() {
        let collector = Collector::start().unwrap();
        let cut = &export()[..20];
        let headers = [("content-type", "application/x-protobuf")];
        assert_eq!(
            http::request("POST", &collector.url(), &headers, cut)
                .unwrap()
                .status,
            400
        );
        assert!(collector.spans().is_err());
    }
}
