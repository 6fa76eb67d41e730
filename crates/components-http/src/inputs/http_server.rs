//! The `http_server` input.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use millrace_component::{
    BuildContext, BuiltInput, BuiltRateLimit, Descriptor, Incoming, Input, InputConfig, InputPart,
    LeafInput, RateLimitRef, ReplayPolicy,
};
use millrace_message::{Context, Error, MessageBatch, Outcome, Replies};
use millrace_spec::{ByteSize, Node, ReadContext, Spec};
use smallvec::SmallVec;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::Body;
use crate::server::{Cors, Handler, Params, Peer, RequestBody, reply};
use crate::service::{self, Place, check_endpoints};
use read::{BodyError, ReadLimits};
use respond::{Responder, SyncResponse};
use socket::SocketEndpoint;

mod read;
mod respond;
mod socket;

/// Requests that may wait for the pipeline; the ones behind them wait on their connections.
const QUEUE_CAPACITY: usize = 64;
/// How long connections may take to close after the last answer.
const CLOSE_GRACE: Duration = Duration::from_secs(2);

/// Receives messages as the bodies of HTTP requests.
///
/// Without an `address` the paths are served by the HTTP server of the service. The body of a
/// request is one message; a multipart body is a batch with one message for each part.
///
/// The request is answered with 200 when every message was delivered or filtered: the answer is
/// the acknowledgement. Otherwise the answer is 408 `Request timed out`, with the reason behind it,
/// after `timeout` (the message may still be delivered) or when the body stalls, 502 with the error
/// when a message failed, 503 while the input closes, 405 for a verb that is not allowed, 429 with
/// `Retry-After` when the rate limit is reached, 400 for a body that cannot be read, and 413 for one
/// above `max_body_size`.
/// A message that failed is not kept: the client decides whether to send it again. One on which only a
/// processor has failed goes on to the output and is answered as that says, with 200 when it took it;
/// `reject_errored` around the output makes it a 502.
///
/// What a `sync_response` processor or output leaves is the body of the answer, several messages
/// as multipart; `sync_response` sets its status and headers.
///
/// Metadata: `http_server_user_agent`, `http_server_request_path`, `http_server_verb`,
/// `http_server_remote_ip`, with TLS `http_server_tls_version` and
/// `http_server_tls_cipher_suite`, then all headers under their canonical names (first values
/// only), query parameters, parameters of the path, and cookies; a later one replaces an earlier
/// one of the same name. A `traceparent` header continues the trace of the client.
///
/// Bounds: a body is at most `max_body_size`; bodies above 64 KiB are charged to
/// `memory_limit` while they are read; a body that stalls for 30 seconds is given up.
/// Answers are not compressed, whatever `Accept-Encoding` says.
///
/// ```yaml
/// input:
///   http_server:
///     address: localhost:8080
///     path: /ask
///     allowed_verbs: [ POST ]
/// pipeline:
///   processors:
///     - mapping: root.answer = "you said " + content().string()
///     - sync_response: {}
/// output:
///   drop: {}
/// ```
#[derive(Clone, Debug, Spec)]
#[spec(input = "http_server", category = "Network", check = check)]
pub struct Config {
    /// Where to listen, such as `0.0.0.0:8080`; empty for the HTTP server of the service.
    #[spec(default = "")]
    address: String,
    /// The path to which messages are sent. It may hold parameters such as `/{name}`; one that
    /// ends in `/` stands for everything below it.
    #[spec(default = "/post")]
    path: String,
    /// The path of websocket connections, each frame a message.
    #[spec(default = "/post/ws")]
    ws_path: String,
    /// What a new websocket connection is sent.
    #[spec(default = "", advanced)]
    ws_welcome_message: String,
    /// What a websocket connection is sent when the rate limit holds a message back.
    #[spec(default = "", advanced)]
    ws_rate_limit_message: String,
    /// The verbs that `path` accepts.
    #[spec(default = ["POST"])]
    allowed_verbs: Vec<String>,
    /// How long a request waits for its message to be delivered; 0 for as long as it takes.
    #[spec(default = "5s")]
    timeout: millrace_spec::Duration,
    /// A rate limit that every request takes a place of.
    #[spec(default = "")]
    rate_limit: Option<RateLimitRef>,
    /// A certificate in PEM; with `key_file` it enables TLS and HTTP/2. Needs an `address`.
    #[spec(default = "", advanced)]
    cert_file: String,
    /// The key of the certificate, in PEM.
    #[spec(default = "", advanced)]
    key_file: String,
    /// Pages of other origins. Needs an `address`.
    #[spec(advanced)]
    cors: Cors,
    /// How requests are answered for which a synchronous response was left.
    #[spec(advanced)]
    sync_response: SyncResponse,
    /// The largest body that is accepted. It also bounds the parts of a multipart body, each of which
    /// counts as 256 bytes.
    #[spec(default = "100MiB", advanced)]
    max_body_size: ByteSize,
}

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    let paths = [("path", &*config.path), ("ws_path", &*config.ws_path)];
    check_endpoints(
        &config.endpoint(""),
        &paths,
        &config.allowed_verbs,
        node,
        cx,
    );
}

impl Config {
    fn endpoint(&self, field: &str) -> service::Endpoint {
        service::Endpoint {
            field: field.to_owned(),
            address: self.address.clone(),
            cert_file: self.cert_file.clone(),
            key_file: self.key_file.clone(),
            cors: self.cors.clone(),
        }
    }
}

impl InputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<InputPart, Error> {
        let (queue, requests) = mpsc::channel(QUEUE_CAPACITY);
        let closing = CancellationToken::new();
        let closed = CancellationToken::new();
        let sessions = TaskTracker::new();
        let verbs = self.allowed_verbs.iter();
        let rate_limit = self.rate_limit.as_deref().map(|it| cx.rate_limit(it));
        let timeout = self.timeout.get();
        let endpoint = Arc::new(Endpoint {
            queue,
            closing: closing.clone(),
            closed: closed.clone(),
            sessions: sessions.clone(),
            verbs: verbs
                .filter_map(|it| Method::from_bytes(it.as_bytes()).ok())
                .collect(),
            timeout: (!timeout.is_zero()).then_some(timeout),
            rate_limit: rate_limit.transpose()?,
            responder: Responder::new(&self.sync_response, cx),
            limits: ReadLimits {
                body_bytes: usize::try_from(self.max_body_size.0).unwrap_or(usize::MAX),
                budget: cx.flow().budget().clone(),
            },
            component: cx.component().into(),
            config_path: cx.path().into(),
        });
        let socket = SocketEndpoint {
            endpoint: Arc::clone(&endpoint),
            welcome: self.ws_welcome_message.clone(),
            rate_limited: self.ws_rate_limit_message.clone(),
        };
        let handlers: [(&str, &str, Arc<dyn Handler>); 2] = [
            (&self.path, "Takes messages.", endpoint),
            (
                &self.ws_path,
                "Takes messages over a websocket.",
                Arc::new(socket),
            ),
        ];
        let field = format!("{}.{}.address", cx.path(), cx.component());
        let place = Place::new(self.endpoint(&field), &handlers, cx)?;
        Ok(InputPart::Leaf(LeafInput {
            input: BuiltInput::Async(Box::new(HttpServer {
                requests,
                closing,
                closed,
                sessions,
                place,
            })),
            auto_replay: None,
            replay: ReplayPolicy::default(),
        }))
    }

    fn forgets_acknowledged(&self) -> bool {
        true
    }
}

pub const COMPONENT: Descriptor = Descriptor::input::<Config>();

struct HttpServer {
    requests: mpsc::Receiver<Incoming>,
    closing: CancellationToken,
    /// Ends the websockets that are left.
    closed: CancellationToken,
    sessions: TaskTracker,
    place: Place,
}

#[async_trait]
impl Input for HttpServer {
    async fn connect(&mut self) -> Result<(), Error> {
        self.place.listen().await
    }

    async fn read(&mut self) -> Result<Incoming, Error> {
        self.requests.recv().await.ok_or_else(Error::end_of_input)
    }

    async fn stop(&mut self) {
        self.closing.cancel();
        // Requests that wait in the queue are answered with 503 when they are dropped.
        self.requests.close();
        while self.requests.try_recv().is_ok() {}
    }

    async fn close(&mut self) -> Result<(), Error> {
        self.sessions.close();
        let sessions = tokio::time::timeout(CLOSE_GRACE, self.sessions.wait());
        let (ended, ()) = tokio::join!(sessions, self.place.close(CLOSE_GRACE));
        if ended.is_err() {
            let sessions = self.sessions.len();
            debug!(sessions, "websockets are ended at the end of their time");
        }
        self.closed.cancel();
        Ok(())
    }
}

/// Answers the requests of `path`.
struct Endpoint {
    queue: mpsc::Sender<Incoming>,
    closing: CancellationToken,
    closed: CancellationToken,
    /// Those of websockets.
    sessions: TaskTracker,
    verbs: Vec<Method>,
    timeout: Option<Duration>,
    rate_limit: Option<BuiltRateLimit>,
    responder: Responder,
    limits: ReadLimits,
    component: Box<str>,
    config_path: Box<str>,
}

/// Why a request gets no answer from the pipeline.
enum Refusal {
    Closing,
    /// It had so long.
    TimedOut(Duration),
    Failed(Error),
}

#[async_trait]
impl Handler for Endpoint {
    fn is_of_stream(&self) -> bool {
        true
    }

    async fn handle(
        &self,
        request: Request<RequestBody>,
        params: Params,
        peer: &Arc<Peer>,
    ) -> Response<Body> {
        if let Some(refused) = self.refused(request.method()).await {
            return refused;
        }
        let (head, body) = request.into_parts();
        let context = Arc::new(Context {
            replies: Some(Replies::default()),
            trace_parent: read::trace_parent(&head.headers),
            ..Context::default()
        });
        let batch = match read::batch(&head, body, &params, peer, &context, &self.limits).await {
            Ok(batch) => batch,
            Err(error) => return self.unreadable(&error),
        };
        if batch.is_empty() {
            return Response::new(Body::EMPTY);
        }
        match self.deliver(batch).await {
            Ok(()) => {
                let replies = context.replies.as_ref().map(Replies::take);
                self.responder.respond(replies.unwrap_or_default())
            }
            Err(refusal) => refuse(refusal),
        }
    }
}

impl Endpoint {
    /// Why a request is not even read.
    async fn refused(&self, method: &Method) -> Option<Response<Body>> {
        if self.closing.is_cancelled() {
            return Some(refuse(Refusal::Closing));
        }
        if !self.verbs.contains(method) {
            let status = StatusCode::METHOD_NOT_ALLOWED;
            return Some(reply::error(status, "Incorrect method"));
        }
        match &self.rate_limit {
            Some(rate_limit) => self.limited(rate_limit).await,
            None => None,
        }
    }

    /// As [`Endpoint::hand_over`], within the time of a request.
    async fn deliver(&self, batch: MessageBatch) -> Result<(), Refusal> {
        match self.timeout {
            None => self.hand_over(batch).await,
            Some(timeout) => {
                let deadline = Instant::now() + timeout;
                tokio::time::timeout_at(deadline, self.hand_over(batch))
                    .await
                    .unwrap_or(Err(Refusal::TimedOut(timeout)))
            }
        }
    }

    /// Hands the batch to the pipeline and waits for its acknowledgement.
    async fn hand_over(&self, batch: MessageBatch) -> Result<(), Refusal> {
        let (settled, outcomes) = oneshot::channel();
        let incoming = Incoming::acknowledged(batch, move |outcomes: SmallVec<[Outcome; 1]>| {
            // The client may be gone, or its time over: then nobody waits for this.
            let _nobody = settled.send(outcomes);
        });
        if self.queue.send(incoming).await.is_err() {
            return Err(Refusal::Closing);
        }
        let outcomes = outcomes.await.map_err(|_dropped| Refusal::Closing)?;
        match outcomes.iter().find_map(Outcome::error) {
            Some(error) => Err(Refusal::Failed(error.clone())),
            None => Ok(()),
        }
    }

    /// The refusal of a request that the rate limit does not let pass.
    async fn limited(&self, rate_limit: &BuiltRateLimit) -> Option<Response<Body>> {
        match rate_limit.acquire(0).await {
            Ok(None) => None,
            Ok(Some(wait)) => {
                let mut response = reply::error(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests");
                // Rounded up: who comes back earlier is refused again.
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                let headers = response.headers_mut();
                headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
                Some(response)
            }
            Err(error) => {
                warn!(
                    component = &*self.component,
                    path = &*self.config_path,
                    "ask the rate limit: {error}"
                );
                Some(reply::error(StatusCode::BAD_GATEWAY, "Server error"))
            }
        }
    }

    fn unreadable(&self, error: &BodyError) -> Response<Body> {
        warn!(
            component = &*self.component,
            path = &*self.config_path,
            "read a request: {error}"
        );
        let (status, text) = match error {
            BodyError::TooLarge { .. } | BodyError::TooMany(_) => {
                (StatusCode::PAYLOAD_TOO_LARGE, error.to_string())
            }
            BodyError::Stalled => (StatusCode::REQUEST_TIMEOUT, timed_out(error)),
            BodyError::NoMemory => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
            BodyError::Broken(_) => (StatusCode::BAD_REQUEST, "Bad request".to_owned()),
        };
        let mut response = reply::error(status, &text);
        if matches!(error, BodyError::NoMemory) {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

fn refuse(refusal: Refusal) -> Response<Body> {
    match refusal {
        Refusal::Closing => reply::error(StatusCode::SERVICE_UNAVAILABLE, "Server closing"),
        Refusal::TimedOut(limit) => {
            let reason = format!("not delivered within {limit:?}, it may still be");
            reply::error(StatusCode::REQUEST_TIMEOUT, &timed_out(reason))
        }
        Refusal::Failed(error) => reply::error(StatusCode::BAD_GATEWAY, error.text()),
    }
}

/// Bento's text, and whose the time was.
fn timed_out(reason: impl Display) -> String {
    format!("Request timed out: {reason}")
}

#[cfg(test)]
mod tests;
