//! Requests that are answered although nobody has read their body to its end: what is left of it is in
//! the way of the next request of the connection.
//!
//! A short rest is read away, so that the client can go on with its connection. Otherwise the response
//! says that the connection ends. With HTTP/2 it is the stream that ends, without an error (RFC 9113,
//! 8.1), a while after the response.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, EXPECT, HeaderValue};
use http::{Request, Response, Version};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;

use super::lingering::{LINGER_MAX, SILENCE_MAX};
use super::request_body::{Left, RequestBody, Rest, next_chunk};
use crate::Body;

/// A longer rest is not read away: servers in Go have this limit.
const READ_MAX: usize = 256 << 10;
/// How long that may take.
const READ_TIME: Duration = Duration::from_secs(5);

/// What there is to know of a request when it was answered.
pub(super) struct Unread {
    version: Version,
    /// The client waits for a word before it sends its body.
    is_asking: bool,
    rest: Rest,
}

impl Unread {
    /// A request whose body is watched.
    pub(super) fn watch(request: Request<Incoming>) -> (Request<RequestBody>, Self) {
        let rest = Rest::default();
        let unread = Self {
            version: request.version(),
            is_asking: request.headers().contains_key(EXPECT),
            rest: rest.clone(),
        };
        let request = request.map(|it| RequestBody::new(it, rest));
        (request, unread)
    }

    /// The answer as the connection sends it, and whether a part of the request is then still in its way.
    pub(super) async fn settle(self, mut response: Response<Body>) -> (Response<Answer>, bool) {
        let mut unread = None;
        if let Some(mut left) = self.rest.take()
            && !self.read_away(&mut left).await
        {
            unread = Some(left.incoming);
        }
        let is_cut = unread.is_some() && self.version < Version::HTTP_2;
        if is_cut {
            let headers = response.headers_mut();
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
            unread = None;
        }
        let answer = response.map(|body| Answer { body, unread });
        (answer, is_cut)
    }

    /// Reads the rest of a body if it is short. Whether that was all of it.
    async fn read_away(&self, left: &mut Left) -> bool {
        // A client that asks has sent nothing until somebody reads.
        let has_sent = left.is_begun || !self.is_asking;
        let is_short = left.incoming.size_hint().lower() <= READ_MAX as u64;
        has_sent && is_short && {
            let read = discard(&mut left.incoming);
            tokio::time::timeout(READ_TIME, read).await.unwrap_or(false)
        }
    }
}

/// Whether a body ends within [`READ_MAX`] bytes.
async fn discard(body: &mut Incoming) -> bool {
    let mut left = READ_MAX;
    loop {
        match next_chunk(body).await {
            Ok(None) => return true,
            Ok(Some(chunk)) if chunk.len() <= left => left -= chunk.len(),
            // One that breaks off has no end to wait for.
            Ok(Some(_)) | Err(_) => return false,
        }
    }
}

/// The body of a response, with the rest of a request of HTTP/2. Some clients look at no answer whose
/// stream is reset in the same moment, so the rest is read away for a while when the answer is out.
pub(super) struct Answer {
    body: Body,
    unread: Option<Incoming>,
}

impl Drop for Answer {
    fn drop(&mut self) {
        let Some(mut unread) = self.unread.take() else {
            return;
        };
        // Without a runtime the connection is gone, too.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let _whole = tokio::time::timeout(LINGER_MAX, linger(&mut unread)).await;
            });
        }
    }
}

/// Reads until the end of a body, or a silence.
async fn linger(body: &mut Incoming) {
    while let Ok(Ok(Some(_))) = tokio::time::timeout(SILENCE_MAX, next_chunk(body)).await {}
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
