//! The `http_server` output.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use millrace_component::{
    BuildContext, BuiltOutput, Descriptor, LeafOutput, Output, OutputConfig, OutputPart, WriteError,
};
use millrace_message::{Error, Message, MessageBatch};
use millrace_spec::{Node, ReadContext, Spec, codes};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::server::{Cors, Handler, Params, Peer, RequestBody, reply};
use crate::service::{Endpoint, Place, check_endpoints};
use crate::websocket::Timing;
use crate::{Body, Chunk, multipart};

mod socket;

/// How long connections may take to close after the last message.
const CLOSE_GRACE: Duration = Duration::from_secs(2);
/// Batches that wait for a client at a time.
const IN_FLIGHT: usize = 64;

/// Gives messages to the clients that ask for them.
///
/// Without an `address` the paths are served by the HTTP server of the service. A request of
/// `path` takes one batch, several messages as multipart, and waits for it for at most `timeout`
/// (then it is answered with 408). A request of `stream_path` takes one after the other, each
/// followed by a line break, or as server-sent events. A connection of `ws_path` takes each
/// message as a frame. Each batch goes to one client.
///
/// A message is delivered when the connection of a client has taken it. A client that goes away
/// before that leaves the message to the next one; one that goes away after that may have lost
/// it: there is no acknowledgement over HTTP.
#[derive(Clone, Debug, Spec)]
#[spec(output = "http_server", category = "Network", check = check)]
pub struct Config {
    /// Where to listen, such as `0.0.0.0:8080`; empty for the HTTP server of the service.
    #[spec(default = "")]
    address: String,
    /// The path of single batches; empty for none.
    #[spec(default = "/get")]
    path: String,
    /// The path of streams; empty for none.
    #[spec(default = "/get/stream")]
    stream_path: String,
    /// How a stream is written.
    #[spec(
        default = "raw_bytes",
        options(
            "raw_bytes" = "messages as they are, each batch followed by a line break",
            "event_source" = "server-sent events, for `EventSource` in browsers"
        )
    )]
    stream_format: String,
    /// How often a stream of events that has nothing to say says so; 0 for never.
    #[spec(default = "0s", advanced)]
    heartbeat: millrace_spec::Duration,
    /// The path of websocket connections; empty for none.
    #[spec(default = "/get/ws")]
    ws_path: String,
    /// The kind of websocket frames.
    #[spec(default = "binary", options("binary", "text"), since = "1.6.0")]
    ws_message_type: String,
    /// The verbs that `path` and `stream_path` accept.
    #[spec(default = ["GET"])]
    allowed_verbs: Vec<String>,
    /// How long a request of `path` waits for a message; 0 for ever.
    #[spec(default = "5s", advanced)]
    timeout: millrace_spec::Duration,
    /// A certificate in PEM; with `key_file` it enables TLS and HTTP/2. Needs an `address`.
    #[spec(default = "", advanced)]
    cert_file: String,
    /// The key of the certificate, in PEM.
    #[spec(default = "", advanced)]
    key_file: String,
    /// Pages of other origins. Needs an `address`.
    #[spec(advanced)]
    cors: Cors,
    /// How long writing a websocket frame may take.
    #[spec(default = "10s", advanced)]
    write_wait: millrace_spec::Duration,
    /// How long a websocket client may leave a ping unanswered.
    #[spec(default = "60s", advanced)]
    pong_wait: millrace_spec::Duration,
    /// The pause between pings; less than `pong_wait`.
    #[spec(default = "54s", advanced)]
    ping_period: millrace_spec::Duration,
    /// How long a message waits for the server to listen before it fails.
    #[spec(advanced)]
    connect_timeout: Option<millrace_spec::Duration>,
}

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    let paths = [
        ("path", &*config.path),
        ("stream_path", &*config.stream_path),
        ("ws_path", &*config.ws_path),
    ];
    check_endpoints(
        &config.endpoint(""),
        &paths,
        &config.allowed_verbs,
        node,
        cx,
    );
    let (period, wait) = (&config.ping_period, &config.pong_wait);
    if period.is_zero() || period.get() >= wait.get() {
        let span = node.field_span("ping_period");
        let message = "ping_period has to be above 0 and less than pong_wait";
        cx.error(codes::INVALID_VALUE, span, message);
    }
}

impl Config {
    fn endpoint(&self, field: &str) -> Endpoint {
        Endpoint {
            field: field.to_owned(),
            address: self.address.clone(),
            cert_file: self.cert_file.clone(),
            key_file: self.key_file.clone(),
            cors: self.cors.clone(),
        }
    }
}

impl OutputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<OutputPart, Error> {
        let (queue, offers) = mpsc::channel(1);
        let verbs = self.allowed_verbs.iter();
        let verbs: Vec<Method> = verbs
            .filter_map(|it| Method::from_bytes(it.as_bytes()).ok())
            .collect();
        let shelf = Arc::new(Shelf {
            offers: Mutex::new(offers),
            closing: CancellationToken::new(),
        });
        let timeout = self.timeout.get();
        let get = Get {
            shelf: Arc::clone(&shelf),
            verbs: verbs.clone(),
            timeout: (!timeout.is_zero()).then_some(timeout),
        };
        let heartbeat = self.heartbeat.get();
        let is_events = self.stream_format == "event_source";
        let stream = GetStream {
            shelf: Arc::clone(&shelf),
            verbs,
            is_events,
            heartbeat: (is_events && !heartbeat.is_zero()).then_some(heartbeat),
        };
        let socket = socket::GetSocket {
            shelf: Arc::clone(&shelf),
            is_text: self.ws_message_type == "text",
            cors: self.cors.active(),
            timing: Timing {
                write: self.write_wait.get(),
                pong: self.pong_wait.get(),
                ping: self.ping_period.get(),
            },
        };
        let handlers: [(&str, &str, Arc<dyn Handler>); 3] = [
            (&self.path, "Gives a batch of messages.", Arc::new(get)),
            (
                &self.stream_path,
                "Gives a stream of messages.",
                Arc::new(stream),
            ),
            (
                &self.ws_path,
                "Gives messages over a websocket.",
                Arc::new(socket),
            ),
        ];
        let field = format!("{}.{}.address", cx.path(), cx.component());
        let place = Place::new(self.endpoint(&field), &handlers, cx)?;
        let output = HttpServer {
            queue,
            shelf,
            place: Mutex::new(place),
        };
        Ok(OutputPart::Leaf(LeafOutput {
            output: BuiltOutput::Async(Arc::new(output)),
            max_in_flight: IN_FLIGHT,
            connect_timeout: self.connect_timeout.as_ref().map(|it| it.get()),
            batching: None,
        }))
    }
}

pub const COMPONENT: Descriptor = Descriptor::output::<Config>();

struct HttpServer {
    queue: mpsc::Sender<Offer>,
    shelf: Arc<Shelf>,
    place: Mutex<Place>,
}

/// A batch that waits for a client.
struct Offer {
    batch: MessageBatch,
    taken: oneshot::Sender<()>,
}

/// Where clients find batches.
struct Shelf {
    offers: Mutex<mpsc::Receiver<Offer>>,
    closing: CancellationToken,
}

impl Shelf {
    /// The next batch that somebody still wants to be rid of; `None` while closing.
    ///
    /// # Cancel safety
    /// No batch is taken when the future is dropped.
    async fn take(&self) -> Option<Offer> {
        let next = async {
            let mut offers = self.offers.lock().await;
            loop {
                let offer = offers.recv().await?;
                if !offer.taken.is_closed() {
                    return Some(offer);
                }
            }
        };
        tokio::select! {
            biased;
            () = self.closing.cancelled() => None,
            offer = next => offer,
        }
    }
}

#[async_trait]
impl Output for HttpServer {
    async fn connect(&self) -> Result<(), Error> {
        self.place.lock().await.listen().await
    }

    async fn write(&self, batch: &MessageBatch) -> Result<(), WriteError> {
        let (taken, heard) = oneshot::channel();
        let offer = Offer {
            batch: batch.detached(),
            taken,
        };
        let closed = || Error::retry("the output closes");
        self.queue.send(offer).await.map_err(|_| closed())?;
        heard.await.map_err(|_dropped| {
            Error::retry("the client went away before it had taken the message")
        })?;
        Ok(())
    }

    async fn close(&self) -> Result<(), Error> {
        self.shelf.closing.cancel();
        self.place.lock().await.close(CLOSE_GRACE).await;
        Ok(())
    }
}

fn server_closed() -> Response<Body> {
    reply::error(StatusCode::SERVICE_UNAVAILABLE, "Server closed")
}

/// Answers requests of `path`.
struct Get {
    shelf: Arc<Shelf>,
    verbs: Vec<Method>,
    timeout: Option<Duration>,
}

#[async_trait]
impl Handler for Get {
    async fn handle(
        &self,
        request: Request<RequestBody>,
        _: Params,
        _: &Arc<Peer>,
    ) -> Response<Body> {
        if !self.verbs.contains(request.method()) {
            return reply::error(StatusCode::METHOD_NOT_ALLOWED, "Incorrect method");
        }
        let taken = match self.timeout {
            None => self.shelf.take().await,
            Some(limit) => match tokio::time::timeout(limit, self.shelf.take()).await {
                Ok(taken) => taken,
                Err(_elapsed) => {
                    let text = "Timed out waiting for message";
                    return reply::error(StatusCode::REQUEST_TIMEOUT, text);
                }
            },
        };
        let Some(Offer { batch, taken }) = taken else {
            return server_closed();
        };
        let (bytes, content_type) = match &*batch {
            [message] => (
                message.bytes().clone(),
                HeaderValue::from_static("application/octet-stream"),
            ),
            messages => joined(messages),
        };
        let mut response = Response::new(Body::announced(bytes, taken));
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        response
    }
}

/// Several messages as one multipart body.
fn joined(messages: &[Message]) -> (Bytes, HeaderValue) {
    let mut writer = multipart::Writer::new();
    for message in messages {
        let content_type = ("Content-Type", "application/octet-stream");
        writer.part([content_type], message.bytes());
    }
    let (body, content_type) = writer.finish();
    let content_type = HeaderValue::try_from(content_type)
        .unwrap_or(HeaderValue::from_static("multipart/form-data"));
    (body, content_type)
}

/// Answers requests of `stream_path`.
struct GetStream {
    shelf: Arc<Shelf>,
    verbs: Vec<Method>,
    is_events: bool,
    heartbeat: Option<Duration>,
}

#[async_trait]
impl Handler for GetStream {
    async fn handle(
        &self,
        request: Request<RequestBody>,
        _: Params,
        _: &Arc<Peer>,
    ) -> Response<Body> {
        if !self.verbs.contains(request.method()) {
            return reply::error(StatusCode::METHOD_NOT_ALLOWED, "Incorrect method");
        }
        if self.shelf.closing.is_cancelled() {
            return server_closed();
        }
        let (chunks, body) = mpsc::channel(1);
        let feed = Feed {
            shelf: Arc::clone(&self.shelf),
            is_events: self.is_events,
            heartbeat: self.heartbeat,
            chunks,
        };
        tokio::spawn(feed.run());
        let mut response = Response::new(Body::stream(body));
        if self.is_events {
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        }
        response
    }
}

/// Writes batches into one stream until its client goes away.
struct Feed {
    shelf: Arc<Shelf>,
    is_events: bool,
    heartbeat: Option<Duration>,
    chunks: mpsc::Sender<Chunk>,
}

impl Feed {
    async fn run(self) {
        loop {
            let idle = async {
                match self.heartbeat {
                    Some(period) => tokio::time::sleep(period).await,
                    None => std::future::pending().await,
                }
            };
            let chunk = tokio::select! {
                biased;
                () = self.chunks.closed() => return,
                offer = self.shelf.take() => match offer {
                    None => return,
                    Some(offer) => Chunk {
                        bytes: self.written(&offer.batch),
                        taken: Some(offer.taken),
                    },
                },
                () = idle => Chunk {
                    bytes: Bytes::from_static(b": heartbeat\n\n"),
                    taken: None,
                },
            };
            // A batch whose client is gone fails by being dropped.
            if self.chunks.send(chunk).await.is_err() {
                return;
            }
        }
    }

    fn written(&self, batch: &[Message]) -> Bytes {
        let mut out = Vec::new();
        for message in batch {
            if self.is_events {
                for line in message.bytes().split(|&byte| byte == b'\n') {
                    out.extend_from_slice(b"data: ");
                    out.extend_from_slice(line);
                    out.push(b'\n');
                }
            } else {
                out.extend_from_slice(message.bytes());
            }
            out.push(b'\n');
        }
        // An empty line ends a batch of several messages.
        if !self.is_events && batch.len() > 1 {
            out.push(b'\n');
        }
        out.into()
    }
}

#[cfg(test)]
mod tests;
