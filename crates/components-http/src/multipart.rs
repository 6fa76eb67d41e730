//! Multipart bodies (RFC 2046): a batch of messages as one request or response.

use std::fmt;

use bytes::Bytes;
use memchr::memmem;
use millrace_component::{PartRoom, TooManyParts};
use rand::Rng;

/// The longest boundary that the standard allows, in bytes.
const BOUNDARY_MAX: usize = 70;

/// The boundary of a `Content-Type` value when it is a multipart type; an error when it is one
/// without a usable boundary.
pub(crate) fn boundary_of(content_type: &str) -> Option<Result<String, &'static str>> {
    let mut parts = content_type.split(';');
    let media_type = parts.next().unwrap_or_default().trim();
    let is_multipart = media_type
        .get(..10)
        .is_some_and(|it| it.eq_ignore_ascii_case("multipart/"));
    if !is_multipart {
        return None;
    }
    let boundary = parts.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("boundary")
            .then(|| value.trim().trim_matches('"').to_owned())
    });
    Some(match boundary {
        Some(boundary) if (1..=BOUNDARY_MAX).contains(&boundary.len()) => Ok(boundary),
        Some(_) => Err("the boundary is empty or longer than 70 bytes"),
        None => Err("the multipart type names no boundary"),
    })
}

/// Why a body is not split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SplitError {
    /// It is not as its type says.
    Broken(&'static str),
    /// There is no room for its parts.
    TooMany(TooManyParts),
}

impl fmt::Display for SplitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(reason) => f.write_str(reason),
            Self::TooMany(over) => over.fmt(f),
        }
    }
}

impl From<&'static str> for SplitError {
    fn from(reason: &'static str) -> Self {
        Self::Broken(reason)
    }
}

/// The contents of the parts, as slices of the body. `limit` bounds, in bytes, what they take beside
/// their content.
///
/// # Errors
/// The body does not end with a closing boundary, a part has no end of headers, or there are too many
/// parts.
pub(crate) fn split(body: &Bytes, boundary: &str, limit: usize) -> Result<Vec<Bytes>, SplitError> {
    let mut room = PartRoom::new(limit);
    let delimiter = format!("--{boundary}");
    let finder = memmem::Finder::new(delimiter.as_bytes());
    let mut parts = Vec::new();
    // A delimiter stands at the start of a line; the line break before it belongs to it.
    let mut at = first_delimiter(body, &finder).ok_or("no boundary in the body")?;
    loop {
        let after = at + delimiter.len();
        if body[after..].starts_with(b"--") {
            return Ok(parts);
        }
        let line_end = memchr::memchr(b'\n', &body[after..]).ok_or("a boundary line has no end")?;
        let start = after + line_end + 1;
        let next = next_delimiter(body, start, &finder).ok_or("the last boundary is missing")?;
        let content_start = headers_end(body, start, next)?;
        // An empty part may share its line break with the end of its headers.
        let content_end = line_break_before(body, next).max(content_start);
        room.take(0).map_err(SplitError::TooMany)?;
        parts.push(body.slice(content_start..content_end));
        at = next;
    }
}

fn first_delimiter(body: &[u8], finder: &memmem::Finder<'_>) -> Option<usize> {
    finder
        .find_iter(body)
        .find(|&at| at == 0 || body[at - 1] == b'\n')
}

fn next_delimiter(body: &[u8], from: usize, finder: &memmem::Finder<'_>) -> Option<usize> {
    finder
        .find_iter(&body[from..])
        .map(|at| at + from)
        .find(|&at| body[at - 1] == b'\n')
}

/// Where the content of a part begins: after its headers and an empty line.
fn headers_end(body: &[u8], start: usize, end: usize) -> Result<usize, &'static str> {
    let mut line = start;
    while line < end {
        let length =
            memchr::memchr(b'\n', &body[line..end]).ok_or("a part has no end of headers")?;
        let next = line + length + 1;
        if length == 0 || &body[line..line + length] == b"\r" {
            return Ok(next);
        }
        line = next;
    }
    Err("a part has no end of headers")
}

fn line_break_before(body: &[u8], at: usize) -> usize {
    match &body[..at] {
        [.., b'\r', b'\n'] => at - 2,
        [.., b'\n'] => at - 1,
        _ => at,
    }
}

/// Writes a multipart body part by part.
pub(crate) struct Writer {
    boundary: String,
    body: Vec<u8>,
}

impl Writer {
    /// An empty body with a boundary of 120 random bits.
    pub(crate) fn new() -> Self {
        let mut rng = rand::rng();
        let boundary = (0..30)
            .map(|_| char::from(b"0123456789abcdef"[usize::from(rng.random::<u8>() & 15)]))
            .collect();
        Self {
            boundary,
            body: Vec::new(),
        }
    }

    /// Adds a part; header values must not contain line breaks, see [`is_header_safe`].
    pub(crate) fn part<'a>(
        &mut self,
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
        content: &[u8],
    ) {
        let lead: &[u8] = if self.body.is_empty() {
            b"--"
        } else {
            b"\r\n--"
        };
        self.body.extend_from_slice(lead);
        self.body.extend_from_slice(self.boundary.as_bytes());
        self.body.extend_from_slice(b"\r\n");
        for (name, value) in headers {
            for piece in [name, ": ", value, "\r\n"] {
                self.body.extend_from_slice(piece.as_bytes());
            }
        }
        self.body.extend_from_slice(b"\r\n");
        self.body.extend_from_slice(content);
    }

    /// The body and its `Content-Type`.
    pub(crate) fn finish(mut self) -> (Bytes, String) {
        let lead: &[u8] = if self.body.is_empty() {
            b"--"
        } else {
            b"\r\n--"
        };
        self.body.extend_from_slice(lead);
        self.body.extend_from_slice(self.boundary.as_bytes());
        self.body.extend_from_slice(b"--\r\n");
        let content_type = format!("multipart/form-data; boundary={}", self.boundary);
        (self.body.into(), content_type)
    }
}

/// Whether a text can stand in a header of a part without starting another line.
pub(crate) fn is_header_safe(text: &str) -> bool {
    !text.contains(['\r', '\n', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(body: &str, boundary: &str) -> Result<Vec<String>, SplitError> {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let parts = split(&body, boundary, usize::MAX)?;
        Ok(parts
            .iter()
            .map(|it| String::from_utf8_lossy(it).into_owned())
            .collect())
    }

    #[test]
    fn what_is_written_reads_back() {
        let contents = ["", "a", "line\r\nline\r\n", "--looks like one", "\n", "--"];
        let mut writer = Writer::new();
        for content in contents {
            writer.part([("Content-Type", "text/plain")], content.as_bytes());
        }
        let (body, content_type) = writer.finish();
        let boundary = boundary_of(&content_type).unwrap().unwrap();
        let read: Vec<_> = split(&body, &boundary, usize::MAX).unwrap();
        assert_eq!(read, contents);
    }

    #[test]
    fn preamble_plain_line_breaks_and_parts_without_headers_are_accepted() {
        let body = "preamble\r\n--b\r\n\r\none\r\n--b  \nA: 1\n\ntwo\n--b--\r\nepilogue";
        assert_eq!(parts(body, "b").unwrap(), ["one", "two"]);
        assert_eq!(parts("--b--\r\n", "b").unwrap(), Vec::<String>::new());
        assert_eq!(parts("--b\r\n\r\n--b--", "b").unwrap(), [""]);
    }

    #[test]
    fn a_broken_body_is_an_error() {
        for body in [
            "",
            "x",
            "--b",
            "--b\r\n\r\none",
            "--b\r\nA: 1\r\n--b--",
            "--b\r\n\r\none\r\n--c--",
        ] {
            assert!(parts(body, "b").is_err(), "{body:?}");
        }
    }

    #[test]
    fn no_more_parts_are_made_than_there_is_room_for() {
        let body = Bytes::from(format!("{}--b--", "--b\n\n".repeat(5)));
        assert_eq!(split(&body, "b", 5 * 256).unwrap(), [""; 5]);
        let error = split(&body, "b", 5 * 256 - 1).unwrap_err();
        assert!(matches!(error, SplitError::TooMany(_)), "{error}");
    }

    #[test]
    fn only_multipart_types_have_a_boundary() {
        assert!(boundary_of("application/json").is_none());
        assert!(boundary_of("multipart/form-data").unwrap().is_err());
        assert!(boundary_of("multipart/mixed; boundary=").unwrap().is_err());
        assert!(boundary_of("multip\u{e9}\u{e9}\u{e9}").is_none());
        let found = boundary_of("Multipart/Mixed; charset=x; Boundary=\"a b\"");
        assert_eq!(found.unwrap().unwrap(), "a b");
    }
}
