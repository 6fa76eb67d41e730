//! Enough of HTTP/1.1 to cut messages out of a stream of bytes.

use std::borrow::Cow;

use anyhow::{Context, Result, bail};

/// A message larger than this is a mistake.
const LARGEST: usize = 64 << 20;

/// One whole request or answer at the start of a buffer.
#[derive(Debug, PartialEq)]
pub struct Message<'a> {
    /// `POST /path HTTP/1.1` or `HTTP/1.1 200 OK`.
    pub first_line: &'a str,
    headers: &'a str,
    /// Body without transfer encoding; empty when the headers name no length.
    pub body: Cow<'a, [u8]>,
    /// How many bytes of the buffer it takes.
    pub length: usize,
}

impl<'a> Message<'a> {
    /// The status of an answer.
    ///
    /// # Errors
    /// When the first line has none.
    pub fn status(&self) -> Result<u16> {
        let status = self
            .first_line
            .split(' ')
            .nth(1)
            .and_then(|it| it.parse().ok());
        status.with_context(|| format!("`{}` has no status", self.first_line))
    }

    /// Names and values of the headers, in the order of the wire.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let lines = self
            .headers
            .split("\r\n")
            .filter_map(|line| line.split_once(':'));
        lines.map(|(name, value)| (name.trim(), value.trim()))
    }

    /// The first header of that name; case does not matter.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

/// The first message in `buffer`, or `None` while it is not complete.
///
/// # Errors
/// When the bytes are no HTTP message, or one of more than 64 MiB.
pub fn first_message(buffer: &[u8]) -> Result<Option<Message<'_>>> {
    if buffer.len() > LARGEST {
        bail!("a message of more than {LARGEST} bytes");
    }
    let Some(end) = find(buffer, b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&buffer[..end]).context("the headers are not text")?;
    let (first_line, headers) = head.split_once("\r\n").unwrap_or((head, ""));
    let start = end + 4;
    let mut message = Message {
        first_line,
        headers,
        body: Cow::default(),
        length: start,
    };
    if message
        .header("transfer-encoding")
        .is_some_and(|it| it.eq_ignore_ascii_case("chunked"))
    {
        let Some((body, length)) = unchunk(&buffer[start..])? else {
            return Ok(None);
        };
        message.body = Cow::Owned(body);
        message.length += length;
    } else if let Some(length) = message.header("content-length") {
        let length: usize = length.parse().context("the content length is no number")?;
        let Some(body) = buffer[start..].get(..length) else {
            return Ok(None);
        };
        message.body = Cow::Borrowed(body);
        message.length += length;
    }
    Ok(Some(message))
}

/// The body and how many bytes its chunks take, or `None` while the last one is missing.
fn unchunk(buffer: &[u8]) -> Result<Option<(Vec<u8>, usize)>> {
    let mut body = Vec::new();
    let mut at = 0;
    loop {
        let Some(line) = find(&buffer[at..], b"\r\n") else {
            return Ok(None);
        };
        let size = std::str::from_utf8(&buffer[at..at + line]).context("a chunk has no size")?;
        let size = size.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).context("a chunk size is no number")?;
        let rest = &buffer[at + line + 2..];
        if size > rest.len() || size + 2 > rest.len() {
            return Ok(None);
        }
        at += line + 2 + size + 2;
        if size == 0 {
            return Ok(Some((body, at)));
        }
        body.extend_from_slice(&rest[..size]);
    }
}

/// Where `part` begins in `text`.
#[must_use]
pub fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every prefix is incomplete, the whole is the message, and what follows it is left alone.
    fn check(text: &str, body: &str) {
        for end in 0..text.len() {
            assert_eq!(
                first_message(&text.as_bytes()[..end]).unwrap(),
                None,
                "{end}"
            );
        }
        let longer = format!("{text}POST");
        let message = first_message(longer.as_bytes()).unwrap().unwrap();
        assert_eq!(
            (&*message.body, message.length),
            (body.as_bytes(), text.len())
        );
    }

    #[test]
    fn messages_are_cut_out_of_the_stream() {
        check("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "");
        check(
            "POST / HTTP/1.1\r\ncontent-length: 3\r\nHost: x\r\n\r\nabc",
            "abc",
        );
        check(
            "HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n",
            "abc",
        );
        check("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "");
    }

    #[test]
    fn headers_are_found_in_any_case() {
        let text = b"HTTP/1.1 204 No Content\r\nX-One: 1 \r\nx-two:2\r\n\r\n";
        let message = first_message(text).unwrap().unwrap();
        assert_eq!(message.status().unwrap(), 204);
        assert_eq!(
            (message.header("x-one"), message.header("X-TWO")),
            (Some("1"), Some("2"))
        );
        assert_eq!(message.header("x-three"), None);
    }

    #[test]
    fn nonsense_is_an_error() {
        assert!(
            first_message(b"HTTP/1.1 x\r\n\r\n")
                .unwrap()
                .unwrap()
                .status()
                .is_err()
        );
        for text in [
            &b"POST / HTTP/1.1\r\ncontent-length: many\r\n\r\n"[..],
            b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nmany\r\n",
            b"POST / HTTP/1.1\r\nx: \xff\r\n\r\n",
        ] {
            assert!(
                first_message(text).is_err(),
                "{}",
                String::from_utf8_lossy(text)
            );
        }
        let size = format!(
            "P\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n",
            usize::MAX
        );
        assert_eq!(first_message(size.as_bytes()).unwrap(), None);
    }
}
