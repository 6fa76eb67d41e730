//! Bodies that a server has compressed because it was asked to, as clients in Go ask and read them.

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderValue, RANGE,
};
use http::{Method, Request, Response};
use millrace_formats::compression::{Algorithm, DecompressError, decompress};

const GZIP: &str = "gzip";

/// Stands among the extensions of a response whose body is to be decompressed.
#[derive(Clone, Copy, Debug)]
pub struct Gzipped;

/// Asks for compression, unless the request says itself what it takes, or is for a part or the head
/// alone. Whether it asks.
pub(crate) fn ask<B>(request: &mut Request<B>) -> bool {
    let is_head = *request.method() == Method::HEAD;
    let headers = request.headers_mut();
    let asks = !is_head
        && ![ACCEPT_ENCODING, RANGE]
            .iter()
            .any(|it| headers.contains_key(it));
    if asks {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(GZIP));
    }
    asks
}

/// Marks the response to a request that has asked when it is compressed. Its headers then tell what
/// comes out.
pub(crate) fn mark<B: http_body::Body>(response: &mut Response<B>) {
    if response.body().is_end_stream() || !is_gzip(response.headers()) {
        return;
    }
    response.headers_mut().remove(CONTENT_ENCODING);
    response.headers_mut().remove(CONTENT_LENGTH);
    response.extensions_mut().insert(Gzipped);
}

fn is_gzip(headers: &HeaderMap) -> bool {
    let encoding = headers.get(CONTENT_ENCODING);
    encoding.is_some_and(|it| it.as_bytes().eq_ignore_ascii_case(GZIP.as_bytes()))
}

/// What a body holds, if that is no more than `limit` bytes.
///
/// # Errors
/// It holds more, or is damaged.
pub(crate) fn unpack(body: &Bytes, limit: usize) -> Result<Bytes, DecompressError> {
    match body.is_empty() {
        true => Ok(Bytes::new()),
        false => decompress(Algorithm::Gzip, body, limit).map(Bytes::from),
    }
}
