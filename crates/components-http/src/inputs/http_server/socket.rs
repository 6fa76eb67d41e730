//! Websocket connections of the `http_server` input: each frame is a message.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::{SinkExt, StreamExt};
use http::{Request, Response};
use millrace_component::Backoff;
use millrace_message::{Context, Metadata, Replies};
use tokio_tungstenite::tungstenite::Error as WebsocketError;
use tracing::{debug, warn};

use super::read::BODY_STALL;
use super::{Endpoint, Refusal, read, refuse};
use crate::Body;
use crate::server::{Handler, Params, Peer, RequestBody};
use crate::websocket::{self, Frame, Socket};

/// The pauses before a message that failed is delivered once more.
const RETRY_INITIAL: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// The pause after a rate limit that could not be asked.
const RATE_LIMIT_PAUSE: Duration = Duration::from_secs(1);

/// Answers the requests of `ws_path`.
pub(super) struct SocketEndpoint {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) welcome: String,
    pub(super) rate_limited: String,
}

#[async_trait]
impl Handler for SocketEndpoint {
    fn is_of_stream(&self) -> bool {
        true
    }

    async fn handle(
        &self,
        request: Request<RequestBody>,
        params: Params,
        peer: &Arc<Peer>,
    ) -> Response<Body> {
        let endpoint = &self.endpoint;
        if endpoint.closing.is_cancelled() {
            return refuse(Refusal::Closing);
        }
        let (head, body) = request.into_parts();
        let metadata = read::metadata(&head, &params, peer);
        let trace_parent = read::trace_parent(&head.headers);
        let request = Request::from_parts(head, body);
        let limits = &endpoint.limits;
        let accepted = websocket::accept(request, limits.body_bytes, Some(limits.budget.clone()));
        let (response, open) = match accepted {
            Ok(accepted) => accepted,
            Err(refusal) => return refusal,
        };
        let session = Session {
            endpoint: Arc::clone(endpoint),
            metadata,
            trace_parent,
            welcome: self.welcome.clone(),
            rate_limited: self.rate_limited.clone(),
        };
        let session = async move {
            if let Some(socket) = open.await {
                session.run(socket).await;
            }
        };
        let closed = endpoint.closed.clone();
        endpoint
            .sessions
            .spawn(closed.run_until_cancelled_owned(session));
        response
    }
}

/// One open websocket.
struct Session {
    endpoint: Arc<Endpoint>,
    metadata: Metadata,
    trace_parent: Option<Box<str>>,
    welcome: String,
    rate_limited: String,
}

impl Session {
    async fn run(self, mut socket: Socket) {
        match self.converse(&mut socket).await {
            Err(WebsocketError::Io(error)) if is_refusal(&error) => warn!(
                component = &*self.endpoint.component,
                path = &*self.endpoint.config_path,
                "websocket closed: {error}"
            ),
            Err(error) => debug!("websocket ends: {error}"),
            Ok(()) => {}
        }
        if let Err(error) = socket.close(None).await {
            debug!("close a websocket: {error}");
        }
    }

    /// Takes frame after frame until the client closes, or the input does: what the pipeline has by
    /// then is answered.
    async fn converse(&self, socket: &mut Socket) -> Result<(), WebsocketError> {
        if !self.welcome.is_empty() {
            socket.send(Frame::binary(self.welcome.clone())).await?;
        }
        while let Some(frame) = self.unless_closing(next_frame(socket)).await.flatten() {
            let content = match frame? {
                Frame::Text(text) => bytes::Bytes::from(text),
                Frame::Binary(content) => content,
                // The answer to it waits to be sent.
                Frame::Close(_) => {
                    return match socket.flush().await {
                        Err(WebsocketError::ConnectionClosed) => Ok(()),
                        flushed => flushed,
                    };
                }
                Frame::Ping(payload) | Frame::Pong(payload) => {
                    socket.get_mut().control_taken(payload.len());
                    continue;
                }
                Frame::Frame(_) => continue,
            };
            socket.get_mut().message_taken();
            self.wait_for_rate_limit(socket).await?;
            let Some(replies) = self.deliver(content).await else {
                return Ok(());
            };
            for reply in replies {
                let frame = match String::from_utf8(reply.to_vec()) {
                    Ok(text) => Frame::text(text),
                    Err(_) => Frame::binary(reply),
                };
                socket.send(frame).await?;
            }
        }
        Ok(())
    }

    /// What becomes of `wait`, or `None` as soon as the input closes.
    async fn unless_closing<F: Future>(&self, wait: F) -> Option<F::Output> {
        self.endpoint.closing.run_until_cancelled(wait).await
    }

    /// Delivers one message, as often as it takes, and gives the replies that were left for it;
    /// `None` where the input closes before it is delivered.
    async fn deliver(&self, content: bytes::Bytes) -> Option<Vec<bytes::Bytes>> {
        let mut backoff = Backoff::new(RETRY_INITIAL, RETRY_MAX);
        loop {
            let context = Arc::new(Context {
                replies: Some(Replies::default()),
                trace_parent: self.trace_parent.clone(),
                ..Context::default()
            });
            let batch = read::frame(content.clone(), &self.metadata, &context);
            match self.endpoint.hand_over(batch).await {
                Ok(()) => {
                    let replies = context.replies.as_ref().map(Replies::take);
                    let messages = replies.into_iter().flatten().flatten();
                    return Some(messages.map(|it| it.bytes().clone()).collect());
                }
                Err(Refusal::Closing) => return None,
                Err(Refusal::Failed(error)) => {
                    warn!(
                        component = &*self.endpoint.component,
                        path = &*self.endpoint.config_path,
                        "message of a websocket: {error}"
                    );
                    let pause = tokio::time::sleep(backoff.pause());
                    self.unless_closing(pause).await?;
                }
                Err(Refusal::TimedOut(_)) => {}
            }
        }
    }

    /// Waits for a place, or until the input closes, and tells the client that it has to.
    async fn wait_for_rate_limit(&self, socket: &mut Socket) -> Result<(), WebsocketError> {
        let Some(rate_limit) = &self.endpoint.rate_limit else {
            return Ok(());
        };
        loop {
            let pause = match rate_limit.acquire(0).await {
                Ok(None) => return Ok(()),
                Ok(Some(pause)) => pause,
                Err(error) => {
                    warn!(
                        component = &*self.endpoint.component,
                        path = &*self.endpoint.config_path,
                        "ask the rate limit: {error}"
                    );
                    RATE_LIMIT_PAUSE
                }
            };
            if !self.rate_limited.is_empty() {
                socket
                    .send(Frame::binary(self.rate_limited.clone()))
                    .await?;
            }
            let pause = tokio::time::sleep(pause);
            if self.unless_closing(pause).await.is_none() {
                return Ok(());
            }
        }
    }
}

/// Waits for the next frame, as long as it takes while none has begun to come.
async fn next_frame(socket: &mut Socket) -> Option<Result<Frame, WebsocketError>> {
    loop {
        let before = socket.get_ref().unfinished();
        if let Ok(frame) = tokio::time::timeout(BODY_STALL, socket.next()).await {
            return frame;
        }
        let now = socket.get_ref().unfinished();
        if now > 0 && now == before {
            let stalled = std::io::Error::new(ErrorKind::TimedOut, "a message does not arrive");
            return Some(Err(stalled.into()));
        }
    }
}

/// Whether this side would not go on.
fn is_refusal(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::OutOfMemory | ErrorKind::TimedOut)
}
