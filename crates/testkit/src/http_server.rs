//! An HTTP/1.1 server that answers as a test tells it and remembers what it was asked.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::http::wire::first_message;
use crate::poll;

/// What a client has asked.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Header names in lower case with their values, in the order of the wire.
    pub headers: Vec<(String, String)>,
    /// Body without transfer encoding.
    pub body: Vec<u8>,
}

impl Request {
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

/// What the server answers.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// Headers beside `content-length`.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Reply {
    /// A reply without headers of its own.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    /// The reply with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

type Handler = dyn Fn(&Request) -> Option<Reply> + Send + Sync;

/// A running server on 127.0.0.1. Each connection has a thread and is kept alive between requests;
/// dropping the server closes all of them.
pub struct HttpServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    handler: Box<Handler>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stopped: bool,
    requests: Vec<Request>,
    connections: HashMap<u64, TcpStream>,
}

impl HttpServer {
    /// Starts a server on a free port. `handler` runs on the thread of the connection, so it may
    /// block; `None` closes the connection without an answer.
    ///
    /// # Errors
    /// When no port or thread is to be had.
    pub fn start(
        handler: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static,
    ) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("bind a free port")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            handler: Box::new(handler),
            state: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        let acceptor = thread::Builder::new()
            .name("http-accept".into())
            .spawn(move || accept(&accepting, &listener))?;
        Ok(Self {
            address,
            shared,
            acceptor: Some(acceptor),
        })
    }

    /// `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that was asked so far, answered or not.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.lock().requests.clone()
    }

    /// Waits until there are `count` requests and returns them.
    ///
    /// # Errors
    /// When there are fewer after `within`.
    pub fn wait_for_requests(&self, count: usize, within: Duration) -> Result<Vec<Request>> {
        poll::until(&format!("{count} HTTP requests"), within, || {
            Some(self.requests()).filter(|it| it.len() >= count)
        })
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        for stream in self.shared.lock().connections.values() {
            // It may be closed already; then there is nothing to close.
            let _ = stream.shutdown(Shutdown::Both);
        }
        // Wakes the accepting thread, which then sees the end.
        drop(TcpStream::connect(self.address));
        if let Some(acceptor) = self.acceptor.take() {
            let ended = acceptor
                .join()
                .map_err(|_| anyhow::anyhow!("its thread died"));
            crate::report("stop an HTTP server", ended);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn accept(shared: &Arc<Shared>, listener: &TcpListener) {
    for number in 0.. {
        let Ok((stream, _)) = listener.accept() else {
            continue;
        };
        if shared.lock().stopped {
            return;
        }
        let serving = Arc::clone(shared);
        let started = stream.try_clone().and_then(|handle| {
            shared.lock().connections.insert(number, handle);
            thread::Builder::new()
                .name("http-serve".into())
                .spawn(move || {
                    let ended = serve(&serving, &stream);
                    serving.lock().connections.remove(&number);
                    // The handle in the table was a second one: the close needs to be said.
                    let _ = stream.shutdown(Shutdown::Both);
                    crate::report("serve an HTTP connection", ended);
                })
        });
        crate::report(
            "serve an HTTP connection",
            started.map(drop).map_err(Into::into),
        );
    }
}

fn serve(shared: &Shared, mut stream: &TcpStream) -> Result<()> {
    let mut buffer = Vec::new();
    let mut chunk = [0; 16 * 1024];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(count) => buffer.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        while let Some(message) = first_message(&buffer)? {
            let mut words = message.first_line.split(' ').map(str::to_owned);
            let headers = message.headers();
            let request = Request {
                method: words.next().unwrap_or_default(),
                path: words.next().unwrap_or_default(),
                headers: headers
                    .map(|(name, it)| (name.to_lowercase(), it.to_owned()))
                    .collect(),
                body: message.body.to_vec(),
            };
            let length = message.length;
            buffer.drain(..length);
            shared.lock().requests.push(request.clone());
            let Some(reply) = (shared.handler)(&request) else {
                return Ok(());
            };
            let mut text = format!(
                "HTTP/1.1 {} Test\r\ncontent-length: {}\r\n",
                reply.status,
                reply.body.len()
            );
            for (name, value) in &reply.headers {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
            text.push_str("\r\n");
            let mut answer = text.into_bytes();
            answer.extend_from_slice(&reply.body);
            if stream.write_all(&answer).is_err() {
                // The client did not wait for its answer.
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http;
    use crate::poll::PATIENCE;

    #[test]
    fn requests_are_answered_and_remembered() {
        let server = HttpServer::start(|request| {
            let body = format!("{} {}", request.method, request.text());
            Some(Reply::new(201, body).with_header("x-kind", "test"))
        })
        .unwrap();
        let url = format!("{}/a?b=c", server.url());
        let answer = http::request("PUT", &url, &[("X-Token", "t")], b"hello").unwrap();
        assert_eq!((answer.status, answer.text().as_str()), (201, "PUT hello"));
        assert_eq!(answer.header("x-kind"), Some("test"));
        let requests = server.wait_for_requests(1, PATIENCE).unwrap();
        assert_eq!(
            (requests[0].path.as_str(), requests[0].header("x-token")),
            ("/a?b=c", Some("t"))
        );
    }

    #[test]
    fn one_connection_carries_several_requests() {
        let server =
            HttpServer::start(|request| Some(Reply::new(200, request.path.clone()))).unwrap();
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream
            .write_all(b"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n")
            .unwrap();
        let mut answers = String::new();
        while !answers.ends_with("/2") {
            let mut chunk = [0; 100];
            let count = stream.read(&mut chunk).unwrap();
            assert!(count > 0, "{answers}");
            answers.push_str(std::str::from_utf8(&chunk[..count]).unwrap());
        }
        assert!(answers.contains("/1"));
    }

    #[test]
    fn a_handler_may_refuse_to_answer() {
        let server = HttpServer::start(|_| None).unwrap();
        assert!(http::get(&server.url()).is_err());
        assert_eq!(server.requests().len(), 1);
    }

    #[test]
    fn dropping_the_server_closes_its_connections_and_its_port() {
        let server = HttpServer::start(|_| Some(Reply::new(200, ""))).unwrap();
        let address = server.address();
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        server.wait_for_requests(1, PATIENCE).unwrap();
        drop(server);
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert!(TcpStream::connect(&address).is_err());
    }
}
