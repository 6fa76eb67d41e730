//! Requests that are answered although nobody reads their body: what is left of it is in the way of
//! the next request of the connection.

use std::time::Duration;

use http::header::{CONNECTION, EXPECT, HeaderValue};
use http::{Request, Response, Version};
use http_body::Body as _;
use hyper::body::Incoming;

use super::discard_body;
use crate::Body;

/// A longer body is not read away: servers in Go have this limit.
const READ_MAX: usize = 256 << 10;
/// How long that may take.
const READ_TIME: Duration = Duration::from_secs(5);

/// The response to a request whose body is not wanted. A short body is read away, so that the client
/// can go on with its connection; otherwise the response says that the connection ends.
pub(crate) async fn refuse(
    request: Request<Incoming>,
    mut response: Response<Body>,
) -> Response<Body> {
    let version = request.version();
    // A client that asks before it sends its body has sent none.
    let is_asking = request.headers().contains_key(EXPECT);
    let body = request.into_body();
    let is_short = body.size_hint().lower() <= READ_MAX as u64;
    let is_read = is_short && !is_asking && {
        let read = discard_body(body, READ_MAX);
        tokio::time::timeout(READ_TIME, read).await.unwrap_or(false)
    };
    if !is_read {
        close(version, &mut response);
    }
    response
}

/// Says that the connection ends with this response; streams of HTTP/2 end by themselves.
pub(crate) fn close(version: Version, response: &mut Response<Body>) {
    if version < Version::HTTP_2 {
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
}
