//! A blocking HTTP/1.1 client for tests: one request per connection, nothing hidden.

pub mod wire;

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, Result, bail};

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

    read_answer(&mut stream).context("read the answer")
}

/// Reads one answer, whether or not the server closes the connection after it.
fn read_answer(stream: &mut impl Read) -> Result<Response> {
    let mut buffer = Vec::new();
    let mut chunk = [0; 16 * 1024];
    loop {
        let count = stream.read(&mut chunk)?;
        buffer.extend_from_slice(&chunk[..count]);
        let Some(message) = wire::first_message(&buffer)? else {
            if count == 0 {
                bail!("the answer ends after {} bytes", buffer.len());
            }
            continue;
        };
        let sized = ["content-length", "transfer-encoding"].map(|name| message.header(name));
        let status = message.status()?;
        let endless = sized == [None, None] && status != 204;
        if endless && count > 0 {
            continue;
        }
        let headers = message
            .headers()
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        let headers = headers.collect();
        let body = if endless {
            buffer[message.length..].to_vec()
        } else {
            message.body.into_owned()
        };
        return Ok(Response {
            status,
            headers,
            body,
        });
    }
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
    fn an_answer_is_read_to_its_end_and_no_further() {
        for (answer, body) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabcHTTP", "abc"),
            (
                "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nuntil the end",
                "until the end",
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
                "abc",
            ),
        ] {
            let response = read_answer(&mut answer.as_bytes()).unwrap();
            assert_eq!((response.status, response.text().as_str()), (200, body));
        }
    }

    #[test]
    fn a_cut_answer_is_an_error() {
        for answer in [
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nabc",
            "HTTP/1.1 200 OK\r\n",
            "",
        ] {
            assert!(read_answer(&mut answer.as_bytes()).is_err(), "{answer}");
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
