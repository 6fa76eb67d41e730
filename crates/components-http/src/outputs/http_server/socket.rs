//! Websocket connections of the `http_server` output: each message is a frame.

use std::sync::Arc;

use async_trait::async_trait;
use futures::{SinkExt, StreamExt};
use http::{Request, Response, StatusCode, header};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Error as SocketError;
use tracing::debug;

use super::{Offer, Shelf, server_closed};
use crate::Body;
use crate::server::{Cors, Handler, Params, Peer, RequestBody, reply};
use crate::websocket::{self, Frame, Socket, Timing};

/// Clients send control frames only.
const INCOMING_BYTES_MAX: usize = 512;

/// Answers the requests of `ws_path`.
pub(super) struct GetSocket {
    pub(super) shelf: Arc<Shelf>,
    pub(super) is_text: bool,
    pub(super) cors: Option<Cors>,
    pub(super) timing: Timing,
}

#[async_trait]
impl Handler for GetSocket {
    async fn handle(
        &self,
        request: Request<RequestBody>,
        _: Params,
        _: &Arc<Peer>,
    ) -> Response<Body> {
        if self.shelf.closing.is_cancelled() {
            return server_closed();
        }
        // Browsers let any page open websockets: the server has to look at the origin.
        if let (Some(cors), Some(origin)) = (&self.cors, request.headers().get(header::ORIGIN))
            && !cors.allows_origin(origin.as_bytes())
        {
            return reply::error(StatusCode::FORBIDDEN, "Forbidden");
        }
        let (response, open) = match websocket::accept(request, INCOMING_BYTES_MAX, None) {
            Ok(accepted) => accepted,
            Err(refusal) => return refusal,
        };
        let session = Session {
            shelf: Arc::clone(&self.shelf),
            is_text: self.is_text,
            timing: self.timing,
        };
        tokio::spawn(async move {
            if let Some(socket) = open.await {
                session.run(socket).await;
            }
        });
        response
    }
}

/// One open websocket.
struct Session {
    shelf: Arc<Shelf>,
    is_text: bool,
    timing: Timing,
}

impl Session {
    async fn run(self, mut socket: Socket) {
        if let Err(error) = self.feed(&mut socket).await {
            debug!("websocket ends: {error}");
        }
        if let Err(error) = socket.close(None).await {
            debug!("close a websocket: {error}");
        }
    }

    /// Sends message after message until the client goes away or the output closes.
    async fn feed(&self, socket: &mut Socket) -> Result<(), SocketError> {
        let mut heard = Instant::now();
        let mut pings = tokio::time::interval(self.timing.ping);
        pings.reset();
        loop {
            tokio::select! {
                frame = socket.next() => match frame {
                    None | Some(Ok(Frame::Close(_))) => return Ok(()),
                    Some(Ok(_)) => heard = Instant::now(),
                    Some(Err(error)) => return Err(error),
                },
                () = tokio::time::sleep_until(heard + self.timing.pong) => {
                    debug!("a websocket client does not answer pings");
                    return Ok(());
                }
                _ = pings.tick() => self.send(socket, Frame::Ping(bytes::Bytes::new())).await?,
                offer = self.shelf.take() => match offer {
                    None => return Ok(()),
                    Some(offer) => self.send_batch(socket, offer).await?,
                },
            }
        }
    }

    /// Sends a batch; when that fails, the batch fails by being dropped.
    async fn send_batch(&self, socket: &mut Socket, offer: Offer) -> Result<(), SocketError> {
        for message in offer.batch.iter() {
            let content = message.bytes().clone();
            let frame = if self.is_text {
                Frame::text(String::from_utf8_lossy(&content).into_owned())
            } else {
                Frame::binary(content)
            };
            self.send(socket, frame).await?;
        }
        // Whoever waited may have given up: the message arrived all the same.
        let _nobody = offer.taken.send(());
        Ok(())
    }

    async fn send(&self, socket: &mut Socket, frame: Frame) -> Result<(), SocketError> {
        match tokio::time::timeout(self.timing.write, socket.send(frame)).await {
            Ok(sent) => sent,
            Err(_elapsed) => Err(SocketError::Io(std::io::ErrorKind::TimedOut.into())),
        }
    }
}
