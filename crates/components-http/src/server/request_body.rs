//! The body of a request, and reading it whole.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use parking_lot::Mutex;

/// The longest silence within a body.
const BODY_STALL: Duration = Duration::from_secs(30);

/// The body of a request as it arrives. What of it nobody has read goes back to the connection when
/// this is dropped.
#[derive(Debug)]
pub struct RequestBody {
    /// There until it is dropped.
    incoming: Option<Incoming>,
    is_begun: bool,
    is_at_end: bool,
    rest: Rest,
}

/// Where the unread rest of a body is left. Cloning copies a pointer.
#[derive(Clone, Debug, Default)]
pub(super) struct Rest(Arc<Mutex<Option<Left>>>);

/// A body that was not read to its end.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) incoming: Incoming,
    /// Whether somebody has begun to read it.
    pub(super) is_begun: bool,
}

impl Rest {
    pub(super) fn take(&self) -> Option<Left> {
        self.0.lock().take()
    }
}

impl RequestBody {
    pub(super) fn new(incoming: Incoming, rest: Rest) -> Self {
        Self {
            incoming: Some(incoming),
            is_begun: false,
            is_at_end: false,
            rest,
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.is_begun = true;
        let Some(incoming) = &mut self.incoming else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(incoming).poll_frame(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.is_at_end = true;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.is_at_end || self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let hint = self.incoming.as_ref().map(Body::size_hint);
        hint.unwrap_or_else(|| SizeHint::with_exact(0))
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if self.is_end_stream() {
            return;
        }
        if let Some(incoming) = self.incoming.take() {
            *self.rest.0.lock() = Some(Left {
                incoming,
                is_begun: self.is_begun,
            });
        }
    }
}

/// Reads the body of a request whole.
///
/// # Errors
/// It has more than `limit` bytes, stalls, or breaks off; the text says which.
pub async fn read_body(mut body: RequestBody, limit: usize) -> Result<Bytes, String> {
    let mut whole = BytesMut::new();
    while let Some(chunk) = next_chunk(&mut body).await? {
        if whole.len() + chunk.len() > limit {
            return Err(format!("the body is longer than {limit} bytes"));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

/// The next bytes of a body; `None` at its end.
pub(super) async fn next_chunk<B>(body: &mut B) -> Result<Option<Bytes>, String>
where
    B: Body<Data = Bytes, Error = hyper::Error> + Unpin,
{
    let frame = std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx));
    let frame = tokio::time::timeout(BODY_STALL, frame).await;
    match frame.map_err(|_elapsed| "the body does not arrive".to_owned())? {
        None => Ok(None),
        Some(Err(error)) => Err(error.to_string()),
        Some(Ok(frame)) => Ok(Some(frame.into_data().unwrap_or_default())),
    }
}
