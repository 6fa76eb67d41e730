//! The body of a message on the wire: whole, streamed, or with a word when it was written.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http_body::{Frame, SizeHint};
use tokio::sync::{mpsc, oneshot};

/// The body of a response that the server sends, or of a request that the client sends.
#[derive(Debug, Default)]
pub struct Body {
    content: Content,
}

#[derive(Debug, Default)]
enum Content {
    #[default]
    Empty,
    Whole(Bytes),
    Announced {
        bytes: Option<Bytes>,
        written: Option<oneshot::Sender<()>>,
    },
    Stream(mpsc::Receiver<Chunk>),
}

/// A piece of a streamed body.
#[derive(Debug)]
pub struct Chunk {
    /// Its bytes.
    pub bytes: Bytes,
    /// Who hears that the connection has taken it.
    pub taken: Option<oneshot::Sender<()>>,
}

impl Body {
    /// A body without bytes.
    pub const EMPTY: Self = Self {
        content: Content::Empty,
    };

    /// A body that is streamed as it arrives; it ends when the sender is dropped.
    pub fn stream(chunks: mpsc::Receiver<Chunk>) -> Self {
        Self {
            content: Content::Stream(chunks),
        }
    }

    /// A body whose `written` hears when the connection has taken it, and is dropped when the
    /// connection breaks before that.
    pub fn announced(bytes: Bytes, written: oneshot::Sender<()>) -> Self {
        let content = Content::Announced {
            bytes: Some(bytes),
            written: Some(written),
        };
        Self { content }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        let content = if bytes.has_remaining() {
            Content::Whole(bytes)
        } else {
            Content::Empty
        };
        Self { content }
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.content {
            Content::Empty => Poll::Ready(None),
            Content::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                self.content = Content::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Content::Announced { bytes, .. } => {
                Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes))))
            }
            Content::Stream(chunks) => chunks.poll_recv(cx).map(|chunk| {
                let chunk = chunk?;
                if let Some(taken) = chunk.taken {
                    // Whoever waited may have given up; there is nobody else to tell.
                    let _nobody = taken.send(());
                }
                Some(Ok(Frame::data(chunk.bytes)))
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Empty => true,
            Content::Whole(_) | Content::Stream(_) => false,
            Content::Announced { bytes, .. } => bytes.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Empty => SizeHint::with_exact(0),
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Announced { bytes, .. } => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64)
            }
            Content::Stream(_) => SizeHint::new(),
        }
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if let Content::Announced {
            bytes: None,
            written,
        } = &mut self.content
            && let Some(written) = written.take()
        {
            // Whoever waited may have given up; there is nobody else to tell.
            let _nobody = written.send(());
        }
    }
}
