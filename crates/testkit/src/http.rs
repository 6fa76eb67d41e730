//! A blocking HTTP/1.1 client for tests: one request per connection, nothing hidden.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

/// How long one read or write may take before the request is an error.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What came back.
#[derive(Debug, Clone)]
pub struct Response {
    /// Status code, for example 200.
    pub status: u16,
    /// Header names in lower case with their values, in the order of the wire.
    pub headers: Vec<(String, String)>,
    /// Body without transfer encoding.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of that name, in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text; bytes that are not UTF-8 are replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// `GET url`.
///
/// # Errors
/// When no complete answer comes back; a status of 400 or more is an answer.
pub fn get(url: &str) -> Result<Response> {
    request("GET", url, &[], b"")
}

/// `POST url` with `body`.
///
/// # Errors
/// As [`get`].
pub fn post(url: &str, body: &[u8]) -> Result<Response> {
    request("POST", url, &[], body)
}

/// Sends one request and reads the whole answer. `url` is `http://HOST:PORT/PATH`.
///
/// # Errors
/// When no complete answer comes back within 30 seconds of silence.
pub fn request(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Response> {
    exchange(method, url, headers, body).with_context(|| format!("{method} {url}"))
}

fn exchange(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Response> {
    let rest = url
        .strip_prefix("http://")
        .context("the URL does not start with `http://`")?;
    let (authority, path) = match rest.split_once('/') {
        Some((authority, path)) => (authority, format!("/{path}")),
        None => (rest, "/".to_owned()),
    };
    let address = authority
        .to_socket_addrs()?
        .next()
        .context("the host has no address")?;
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT).context("connect")?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;

    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\
         content-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").expect("a String takes all");
    }
    head.push_str("\r\n");
    let mut message = head.into_bytes();
    message.extend_from_slice(body);
    stream.write_all(&message).context("send the request")?;

    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).context("read the answer")?;
    parse(&answer)
}

fn parse(answer: &[u8]) -> Result<Response> {
    let end = find(answer, b"\r\n\r\n").context("the answer has no end of headers")?;
    let head = std::str::from_utf8(&answer[..end]).context("the headers are not text")?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_lowercase(), value.trim().to_owned()))
        .collect();
    let status = status.context("the answer has no status")?;
    let mut response = Response {
        status,
        headers,
        body: Vec::new(),
    };
    let rest = &answer[end + 4..];
    response.body = match (
        response.header("transfer-encoding"),
        response.header("content-length"),
    ) {
        (Some("chunked"), _) => unchunk(rest)?,
        (_, Some(length)) => {
            let length: usize = length.parse().context("the content length is no number")?;
            let body = rest.get(..length);
            body.ok_or_else(|| anyhow!("the body ends after {} of {length} bytes", rest.len()))?
                .to_vec()
        }
        _ => rest.to_vec(),
    };
    Ok(response)
}

fn unchunk(mut rest: &[u8]) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = find(rest, b"\r\n").context("the chunked body is cut")?;
        let size = std::str::from_utf8(&rest[..line])?;
        let size = size.split(';').next().unwrap_or(size).trim();
        let size = usize::from_str_radix(size, 16).context("the chunk size is no number")?;
        if size == 0 {
            return Ok(body);
        }
        let chunk = rest.get(line + 2..line + 2 + size);
        body.extend_from_slice(chunk.context("the chunked body is cut")?);
        let Some(next) = rest.get(line + 4 + size..) else {
            bail!("the chunked body is cut")
        };
        rest = next;
    }
}

pub(crate) fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// `user:password` as the value of an `authorization` header.
#[must_use]
pub fn basic_auth(user: &str, password: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::from("Basic ");
    for chunk in format!("{user}:{password}").as_bytes().chunks(3) {
        let mut bytes = [0; 3];
        bytes[..chunk.len()].copy_from_slice(chunk);
        let [a, b, c] = bytes.map(u32::from);
        let word = a << 16 | b << 8 | c;
        for place in 0..4 {
            let sextet = (word >> (18 - 6 * place) & 63) as usize;
            text.push(if place <= chunk.len() {
                char::from(ALPHABET[sextet])
            } else {
                '='
            });
        }
    }
    text
}

/// `text` with everything but letters, digits, `-`, `_` and `.` percent-encoded.
#[must_use]
pub fn percent_encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("a String takes all");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunked_body_is_put_together() {
        let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
        let response = parse(answer).unwrap();
        assert_eq!((response.status, response.text().as_str()), (200, "abcde"));
    }

    #[test]
    fn a_cut_body_is_an_error() {
        for answer in [
            &b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"[..],
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nabc",
            b"HTTP/1.1 200 OK\r\n",
        ] {
            assert!(
                parse(answer).is_err(),
                "{}",
                String::from_utf8_lossy(answer)
            );
        }
    }

    #[test]
    fn credentials_are_encoded_with_padding() {
        assert_eq!(basic_auth("user", "pass"), "Basic dXNlcjpwYXNz");
        assert_eq!(basic_auth("a", "b"), "Basic YTpi");
        assert_eq!(basic_auth("a", "bc"), "Basic YTpiYw==");
    }

    #[test]
    fn a_virtual_host_is_escaped_for_a_url() {
        assert_eq!(percent_encode("/a b"), "%2Fa%20b");
    }
}
