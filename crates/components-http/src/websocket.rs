//! Websocket connections of the server.

use std::future::Future;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CONNECTION, HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use millrace_component::Budget;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::Body;
use crate::growing_charge::GrowingCharge;
use crate::server::{RequestBody, reply};

mod metered;

use metered::Metered;

pub(crate) use tokio_tungstenite::tungstenite::Message as Frame;

/// What the protocol joins to the key of the client (RFC 6455, section 1.3).
const ACCEPT_SALT: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// An open websocket.
pub(crate) type Socket = WebSocketStream<Metered>;

/// How long a client may take.
#[derive(Clone, Copy)]
pub(crate) struct Timing {
    pub(crate) write: Duration,
    pub(crate) pong: Duration,
    pub(crate) ping: Duration,
}

/// Accepts a websocket: the response to send, and the socket once it is open. Messages of more than
/// 64 KiB are charged to the budget while they are read.
///
/// # Errors
/// The request asks for none: the response that refuses it.
pub(crate) fn accept(
    mut request: Request<RequestBody>,
    message_bytes_max: usize,
    budget: Option<Budget>,
) -> Result<(Response<Body>, impl Future<Output = Option<Socket>>), Response<Body>> {
    let Some(accept) = accept_key(request.method(), request.headers()) else {
        return Err(reply::error(StatusCode::BAD_REQUEST, "Bad Request"));
    };
    let mut response = Response::new(Body::EMPTY);
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    let upgrade = hyper::upgrade::on(&mut request);
    let charge = budget.map(|it| GrowingCharge::new(it, message_bytes_max));
    let open = async move {
        let stream = match upgrade.await {
            Ok(stream) => Metered::new(TokioIo::new(stream), charge),
            Err(error) => {
                tracing::debug!("open a websocket: {error}");
                return None;
            }
        };
        let config = WebSocketConfig::default()
            .max_message_size(Some(message_bytes_max))
            .max_frame_size(Some(message_bytes_max));
        Some(WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await)
    };
    Ok((response, open))
}

/// The answer to the key of a client that asks for a websocket.
fn accept_key(method: &Method, headers: &HeaderMap) -> Option<HeaderValue> {
    let names = |header, word: &str| {
        let value = headers.get(header)?;
        let words = value.to_str().ok()?.split(',');
        Some(words.map(str::trim).any(|it| it.eq_ignore_ascii_case(word)))
    };
    let is_asked = *method == Method::GET
        && names(CONNECTION, "upgrade")?
        && names(UPGRADE, "websocket")?
        && headers.get(SEC_WEBSOCKET_VERSION)? == "13";
    let key = headers.get(SEC_WEBSOCKET_KEY).filter(|_| is_asked)?;
    let salted = [key.as_bytes(), ACCEPT_SALT].concat();
    let hash = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, &salted);
    HeaderValue::try_from(STANDARD.encode(hash)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_answered_as_the_example_of_the_standard() {
        let request = Request::get("/")
            .header(CONNECTION, "keep-alive, Upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ==")
            .body(())
            .unwrap();
        let accept = accept_key(request.method(), request.headers());
        assert_eq!(accept.unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert!(accept_key(&Method::POST, request.headers()).is_none());
        assert!(accept_key(&Method::GET, &HeaderMap::new()).is_none());
    }
}
