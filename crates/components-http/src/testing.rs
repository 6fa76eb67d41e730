//! The other side of the tests: a client that writes bytes, and a server that answers by script.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use millrace_component::conformance::Workbench;
use millrace_component::{Ack, Incoming};
use millrace_message::{Error, Message, Outcome};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A workbench with the components of this crate.
pub(crate) fn workbench() -> Workbench {
    let scanners = millrace_components_io::SCANNERS;
    Workbench::new([crate::INPUTS, crate::OUTPUTS, crate::PROCESSORS, scanners])
}

/// An address that nobody listened on a moment ago.
pub(crate) fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// Writes a request and reads everything until the server closes.
pub(crate) async fn send(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// A `POST` on a connection of its own.
pub(crate) fn post(address: &str, path: &str, headers: &str, body: &str) -> JoinHandle<String> {
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\
         Content-Length: {length}\r\n\r\n{body}"
    );
    let address = address.to_owned();
    tokio::spawn(async move { send(&address, &request).await })
}

/// Acknowledges what an input has read.
pub(crate) fn settle(incoming: Incoming, outcome: &Outcome) {
    let Ack::Call(ack) = incoming.ack else {
        panic!("the source does not wait for an answer");
    };
    ack(incoming.batch.iter().map(|_| outcome.clone()).collect());
}

/// A nack.
pub(crate) fn failed(text: &str) -> Outcome {
    Outcome::Failed(Error::retry(text))
}

/// Payloads as text.
pub(crate) fn texts(batch: &[Message]) -> Vec<String> {
    let text = |it: &Message| String::from_utf8_lossy(it.bytes()).into_owned();
    batch.iter().map(text).collect()
}

/// What a scripted server does with one request.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Answers with these bytes and keeps the connection.
    Answer(Vec<u8>),
    /// Reads the request and closes the connection without a word.
    Cut,
    /// Reads the request and never answers.
    Hang,
}

impl Step {
    /// An answer with a status and a body.
    pub(crate) fn status(status: u16, headers: &str, body: &str) -> Self {
        let length = body.len();
        let text =
            format!("HTTP/1.1 {status} x\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
        Self::Answer(text.into())
    }

    /// An answer with a body that is compressed.
    pub(crate) fn gzipped(body: &str) -> Self {
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(body.as_bytes()).unwrap();
        let packed = packed.finish().unwrap();
        let head = format!(
            "HTTP/1.1 200 x\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
            packed.len()
        );
        Self::Answer([head.into_bytes(), packed].concat())
    }
}

/// A server that answers by script; its last step answers all further requests.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(steps: impl IntoIterator<Item = Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let script = Script {
            steps: Arc::new(steps.into_iter().collect()),
            requests: Arc::clone(&requests),
        };
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(script.clone().serve(stream));
            }
        });
        Self {
            address,
            requests,
            task,
        }
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/path", self.address)
    }

    /// The requests so far, head and body as they arrived.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone)]
struct Script {
    steps: Arc<Vec<Step>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Script {
    async fn serve(self, mut stream: TcpStream) {
        while let Some(request) = read_request(&mut stream).await {
            let step = {
                let mut requests = self.requests.lock();
                requests.push(request);
                let index = (requests.len() - 1).min(self.steps.len() - 1);
                self.steps[index].clone()
            };
            match step {
                Step::Answer(answer) => {
                    if stream.write_all(&answer).await.is_err() {
                        return;
                    }
                }
                Step::Cut => return,
                Step::Hang => std::future::pending().await,
            }
        }
    }
}

/// One request of a client that announces the length of its bodies.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        text.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8_lossy(&text).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |it| it.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    text.extend(body);
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// What Millrace adds to the fields of Bento.
const ADDED: [&str; 8] = [
    "backoff:",
    "circuit_breaker:",
    "connect_timeout:",
    "max_body_size:",
    "max_response_size:",
    "replay:",
    // Deprecated there, and not in its list of fields any more.
    "stream.codec:",
    "stream.max_buffer:",
];

#[test]
fn fields_are_those_of_bento_but_for_what_is_added() {
    let families = [crate::INPUTS, crate::OUTPUTS, crate::PROCESSORS];
    for descriptor in families.into_iter().flatten() {
        let found = millrace_spec::known::differences(&descriptor.spec());
        let is_added = |line: &String| ADDED.iter().any(|it| line.starts_with(it));
        let deviations: Vec<_> = found.iter().filter(|it| !is_added(it)).collect();
        assert!(
            deviations.is_empty(),
            "{}: {deviations:?}",
            descriptor.name()
        );
    }
}
