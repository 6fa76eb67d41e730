//! Short responses.

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use millrace_telemetry::Redactor;

use crate::Body;

/// A response of plain text.
pub fn text(status: StatusCode, text: impl Into<Body>) -> Response<Body> {
    with_type(status, "text/plain; charset=utf-8", text.into())
}

/// A response of JSON.
pub fn json(status: StatusCode, body: impl Into<Body>) -> Response<Body> {
    with_type(status, "application/json", body.into())
}

/// A response of plain text that says why, with the line break that Go's servers end it with, and
/// without secrets: whoever asks may be a stranger.
pub(crate) fn error(status: StatusCode, reason: &str) -> Response<Body> {
    text(status, format!("{}\n", Redactor::global().redact(reason)))
}

fn with_type(status: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
