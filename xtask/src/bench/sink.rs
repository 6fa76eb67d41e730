//! The server behind the HTTP workload: it answers 200 to every request and keeps the books.

use std::collections::HashSet;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result, bail};
use millrace_testkit::http::wire::{self, first_message};
use rustix::event::{PollFd, PollFlags, poll};
use serde_json::Value;

use super::verify::total;

/// The key that numbers the requests; no order has one of that name.
pub const SEQUENCE_KEY: &str = "seq";

/// One of so many messages is checked in full.
const CHECKED: u64 = 500;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// What has arrived.
#[derive(Debug, Default)]
pub struct Books {
    pub distinct: HashSet<u64>,
    pub received: u64,
    /// The first message that was not what the pipeline must make of its request.
    pub complaint: Option<String>,
}

/// A running sink; it ends with the process.
#[derive(Debug, Clone)]
pub struct Sink(Arc<Mutex<Books>>);

impl Sink {
    /// Listens on `address` and serves in a thread of its own.
    pub fn start(address: &str) -> Result<Self> {
        let listener = TcpListener::bind(address).with_context(|| format!("bind {address}"))?;
        listener.set_nonblocking(true)?;
        let sink = Self(Arc::default());
        let books = Arc::clone(&sink.0);
        thread::Builder::new().name("sink".into()).spawn(move || {
            if let Err(error) = serve(&listener, &books) {
                note(&books, format!("the sink ended: {error:#}"));
            }
        })?;
        Ok(sink)
    }

    /// The books as they are now.
    pub fn with<T>(&self, read: impl FnOnce(&Books) -> T) -> T {
        read(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

fn serve(listener: &TcpListener, books: &Mutex<Books>) -> Result<()> {
    let mut connections: Vec<Connection> = Vec::new();
    loop {
        let mut fds = vec![PollFd::new(listener, PollFlags::IN)];
        fds.extend(
            connections
                .iter()
                .map(|it| PollFd::new(&it.stream, PollFlags::IN)),
        );
        poll(&mut fds, None)?;
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(fds);
        let mut index = 0;
        connections.retain_mut(|connection| {
            index += 1;
            !ready[index]
                || connection.answer(books).unwrap_or_else(|error| {
                    note(books, format!("{error:#}"));
                    false
                })
        });
        if ready[0] {
            match listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(true)?;
                    stream.set_nodelay(true)?;
                    connections.push(Connection {
                        stream,
                        buffer: Vec::new(),
                    });
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error).context("accept"),
            }
        }
    }
}

impl Connection {
    /// Answers what has arrived; false when the other side has closed.
    fn answer(&mut self, books: &Mutex<Books>) -> Result<bool> {
        let mut chunk = [0; 32 * 1024];
        match self.stream.read(&mut chunk) {
            Ok(0) => return Ok(false),
            Ok(count) => self.buffer.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
            // A connection that is no longer needed may end in any way.
            Err(_) => return Ok(false),
        }
        while let Some(message) = first_message(&self.buffer)? {
            let length = message.length;
            enter(&message.body, books)?;
            self.buffer.drain(..length);
            // The answer is smaller than any socket buffer.
            self.stream.write_all(ANSWER).context("answer a request")?;
        }
        Ok(true)
    }
}

fn enter(body: &[u8], books: &Mutex<Books>) -> Result<()> {
    let sequence = sequence(body).context("a message has no sequence number")?;
    let mut books = books.lock().unwrap_or_else(PoisonError::into_inner);
    books.received += 1;
    books.distinct.insert(sequence);
    if books.received % CHECKED == 1 {
        check(body)?;
    }
    Ok(())
}

/// The sequence number, found without parsing the whole message.
fn sequence(body: &[u8]) -> Option<u64> {
    let key = format!("\"{SEQUENCE_KEY}\":");
    let start = wire::find(body, key.as_bytes())? + key.len();
    let digits = body[start..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit());
    let digits: Vec<u8> = digits.copied().collect();
    std::str::from_utf8(&digits).ok()?.parse().ok()
}

fn check(body: &[u8]) -> Result<()> {
    let message: Value = serde_json::from_slice(body).context("a message is no JSON")?;
    let items = message["items"]
        .as_array()
        .context("a message has no items")?;
    if message["total"].as_u64() != Some(total(items)) || !message["seen_at"].is_number() {
        bail!("a message has a wrong `total` or no `seen_at`: {message}");
    }
    Ok(())
}

fn note(books: &Mutex<Books>, complaint: String) {
    let mut books = books.lock().unwrap_or_else(PoisonError::into_inner);
    books.complaint.get_or_insert(complaint);
}

#[cfg(test)]
mod tests {
    use millrace_testkit::{http, port};

    use super::*;

    #[test]
    fn the_sink_counts_distinct_messages_and_checks_what_is_in_them() {
        let address = format!("127.0.0.1:{}", port::free_port());
        let sink = Sink::start(&address).unwrap();
        let url = format!("http://{address}/sink");
        let body = r#"{"items":[{"qty":2,"price_cents":5}],"seen_at":1,"seq":7,"total":10}"#;
        for body in [body, body, &body.replace("\"seq\":7", "\"seq\":8")] {
            assert_eq!(http::post(&url, body.as_bytes()).unwrap().status, 200);
        }
        sink.with(|books| {
            assert_eq!((books.distinct.len(), books.received), (2, 3));
            assert_eq!(books.complaint, None);
        });
    }

    #[test]
    fn a_wrong_message_is_reported() {
        let address = format!("127.0.0.1:{}", port::free_port());
        let sink = Sink::start(&address).unwrap();
        let body = r#"{"items":[{"qty":2,"price_cents":5}],"seen_at":1,"seq":7,"total":11}"#;
        let _ = http::post(&format!("http://{address}/sink"), body.as_bytes());
        millrace_testkit::poll::until("a complaint", millrace_testkit::poll::PATIENCE, || {
            sink.with(|books| books.complaint.clone())
        })
        .unwrap();
    }
}
