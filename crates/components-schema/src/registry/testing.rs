//! A registry for tests: it answers paths as it is told, counts, hangs, and goes away.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use millrace_component::BuiltProcessor;
use millrace_component::conformance::Workbench;
use millrace_message::{Message, Value};
use parking_lot::Mutex;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

mod authority;

pub(crate) use authority::Authority;

/// What the registry does when it is asked for a path.
#[derive(Clone)]
pub(crate) enum Answer {
    /// A status, headers with their line ends, and a body.
    Status(u16, &'static str, String),
    /// A body of the type `application/proto`.
    Protobuf(Vec<u8>),
    /// Closes the connection without a word.
    Cut,
    /// Never answers.
    Hang,
}

#[derive(Default)]
struct State {
    answers: HashMap<String, Answer>,
    requests: Vec<String>,
    bodies: Vec<Vec<u8>>,
}

/// A registry on a port of its own. What it does not know is not found.
pub(crate) struct Registry {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl Registry {
    pub(crate) async fn start() -> Self {
        Self::start_at("127.0.0.1:0").await
    }

    /// One at an address, as after a restart.
    pub(crate) async fn start_at(address: &str) -> Self {
        Self::serve(TcpListener::bind(address).await.unwrap(), None)
    }

    /// One that is asked over TLS.
    pub(crate) async fn start_tls(config: ServerConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::serve(listener, Some(TlsAcceptor::from(Arc::new(config))))
    }

    fn serve(listener: TcpListener, tls: Option<TlsAcceptor>) -> Self {
        let address = listener.local_addr().unwrap();
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (tls, state) = (tls.clone(), Arc::clone(&shared));
                connections.spawn(async move {
                    match tls {
                        None => serve(stream, state).await,
                        // Clients that are not let in are what some tests are about.
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, state).await;
                            }
                        }
                    }
                });
            }
        });
        Self {
            address,
            state,
            task,
        }
    }

    pub(crate) fn answer(&self, path: &str, answer: Answer) {
        self.state.lock().answers.insert(path.to_owned(), answer);
    }

    /// A schema under a path, such as `/schemas/ids/1`.
    pub(crate) fn schema(&self, path: &str, id: u32, kind: &str, schema: &str, references: &str) {
        let schema = Value::from(schema).to_json();
        let schema = std::str::from_utf8(&schema).unwrap();
        let body = format!(
            r#"{{"id":{id},"schemaType":"{kind}","schema":{schema},"references":[{references}]}}"#
        );
        self.answer(path, Answer::Status(200, "", body));
    }

    /// An Avro schema as number and as the latest one of a subject.
    pub(crate) fn avro(&self, id: u32, subject: &str, schema: &str) {
        for path in [format!("/schemas/ids/{id}"), latest(subject)] {
            self.schema(&path, id, "AVRO", schema, "");
        }
    }

    /// The heads of all requests.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.state.lock().requests.clone()
    }

    /// The bodies of all requests.
    pub(crate) fn bodies(&self) -> Vec<Vec<u8>> {
        self.state.lock().bodies.clone()
    }

    /// Goes away, and closes its connections.
    pub(crate) async fn stop(mut self) {
        self.task.abort();
        let _aborted = (&mut self.task).await;
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn latest(subject: &str) -> String {
    format!("/subjects/{subject}/versions/latest")
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, state: Arc<Mutex<State>>) {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let length = head
            .lines()
            .find_map(|it| it.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |it| it.parse().unwrap())];
        if stream.read_exact(&mut body).await.is_err() {
            return;
        }
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let answer = {
            let mut state = state.lock();
            state.requests.push(head);
            state.bodies.push(body);
            state.answers.get(&path).cloned()
        };
        let unknown = r#"{"error_code":40403,"message":"Schema not found"}"#.to_owned();
        let (status, headers, body) = match answer {
            Some(Answer::Status(status, headers, body)) => (status, headers, body.into_bytes()),
            Some(Answer::Protobuf(body)) => (200, "content-type: application/proto\r\n", body),
            None => (404, "", unknown.into_bytes()),
            Some(Answer::Cut) => return,
            Some(Answer::Hang) => std::future::pending().await,
        };
        let head = format!(
            "HTTP/1.1 {status} x\r\n{headers}content-length: {}\r\n\r\n",
            body.len()
        );
        let answer = [head.into_bytes(), body].concat();
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

/// A processor of this crate, or what is wrong with its config.
pub(crate) fn build(yaml: &str) -> Result<BuiltProcessor, String> {
    Workbench::new([crate::PROCESSORS]).processor(yaml)
}

/// Runs one message; its payload, or the text of its error flag.
pub(crate) async fn run(
    processor: &BuiltProcessor,
    payload: impl AsRef<[u8]>,
) -> Result<Vec<u8>, String> {
    let payload = payload.as_ref().to_vec();
    let batches = processor
        .process(Message::from_bytes(payload.clone()).into())
        .await;
    let messages: Vec<_> = batches.into_iter().flatten().collect();
    assert_eq!(messages.len(), 1);
    match messages[0].fault() {
        None => Ok(messages[0].bytes().to_vec()),
        Some(fault) => {
            assert_eq!(&messages[0].bytes()[..], payload, "it is unchanged");
            Err(fault.cause.to_string())
        }
    }
}

/// A message with the number of its schema before it.
pub(crate) fn framed(id: u32, body: impl AsRef<[u8]>) -> Vec<u8> {
    [&[0][..], &id.to_be_bytes(), body.as_ref()].concat()
}

/// Two schemas that refer to others, by the types of them.
pub(crate) fn serve_references(registry: &Registry) {
    let reference = |name: &str, subject: &str, version: u32| {
        format!(r#"{{"name":"{name}","subject":"{subject}","version":{version}}}"#)
    };
    let user = r#"{"type":"record","name":"User","namespace":"com.example","fields":[
        {"name":"name","type":"string"},{"name":"address","type":"Address"}]}"#;
    let address = r#"{"type":"record","name":"Address","namespace":"com.example","fields":[
        {"name":"city","type":"string"},{"name":"state","type":["null","com.example.State"]}]}"#;
    let state = r#"{"type":"record","name":"State","namespace":"com.example","fields":[
        {"name":"code","type":"string"}]}"#;
    for path in ["/schemas/ids/1".to_owned(), latest("user")] {
        let to = reference("com.example.Address", "address", 3);
        registry.schema(&path, 1, "AVRO", user, &to);
    }
    let to = reference("com.example.State", "state", 4);
    registry.schema("/subjects/address/versions/3", 2, "AVRO", address, &to);
    registry.schema("/subjects/state/versions/4", 3, "AVRO", state, "");
    let both = format!(
        "{},{}",
        reference("com.example.State", "state", 4),
        reference("com.example.Address", "address", 3)
    );
    let union = r#"["com.example.State","com.example.Address"]"#;
    for path in ["/schemas/ids/4".to_owned(), latest("union")] {
        registry.schema(&path, 4, "AVRO", union, &both);
    }
    let root = r#"{"type":"object","oneOf":[{"$ref":"foo.json"},{"$ref":"bar.json"}]}"#;
    let to = format!(
        "{},{}",
        reference("foo.json", "foo", 1),
        reference("bar.json", "bar", 1)
    );
    for path in ["/schemas/ids/5".to_owned(), latest("json")] {
        registry.schema(&path, 5, "JSON", root, &to);
    }
    // One that is known by its `$id`, and one by the name of the reference alone.
    let foo = r##"{"$id":"foo.json","required":["woof"],"properties":{"woof":{"$ref":"#/definitions/sound"}},
        "definitions":{"sound":{"type":"string"}}}"##;
    let bar = r#"{"required":["moo"],"properties":{"moo":{"type":"string"}}}"#;
    registry.schema("/subjects/foo/versions/1", 6, "JSON", foo, "");
    registry.schema("/subjects/bar/versions/1", 7, "JSON", bar, "");
}
