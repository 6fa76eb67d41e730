//! A connection of HTTP/1 that ends while its client may still be sending.
//!
//! What arrives at a closed socket resets the connection, and the client may lose the answer that it has
//! not read yet. So the side that writes is closed first, and what the client sends is read away until it
//! has closed its own, for a while (nginx calls this a lingering close).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::CancellationToken;

/// How long it lingers while the client goes on sending.
pub(super) const LINGER_MAX: Duration = Duration::from_secs(5);
/// The silence that ends it; servers in Go wait so long.
pub(super) const SILENCE_MAX: Duration = Duration::from_millis(500);

/// Whether a connection ends within a request. Cloning copies a pointer.
#[derive(Clone, Debug, Default)]
pub(super) struct Cut(Arc<AtomicBool>);

impl Cut {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Lingers when it is shut down after it was [`Cut`], while the server serves.
pub(super) struct Lingering<S> {
    stream: S,
    cut: Cut,
    serving: CancellationToken,
    end: Option<End>,
}

/// The time of what is read away.
struct End {
    deadline: Instant,
    silence: Pin<Box<Sleep>>,
}

impl<S> Lingering<S> {
    pub(super) fn new(stream: S, cut: Cut, serving: CancellationToken) -> Self {
        Self {
            stream,
            cut,
            serving,
            end: None,
        }
    }
}

impl End {
    fn begin() -> Self {
        let now = Instant::now();
        Self {
            deadline: now + LINGER_MAX,
            silence: Box::pin(sleep_until(now + SILENCE_MAX)),
        }
    }

    /// Reads away what arrives, until the client has ended or the time is over.
    fn poll(&mut self, stream: Pin<&mut impl AsyncRead>, cx: &mut Context<'_>) -> Poll<()> {
        let mut stream = stream;
        let mut scratch = [0; 8 << 10];
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            match stream.as_mut().poll_read(cx, &mut buffer) {
                Poll::Pending => return self.silence.as_mut().poll(cx),
                // Its client is gone.
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => return Poll::Ready(()),
                Poll::Ready(Ok(())) => {
                    let now = Instant::now();
                    if now >= self.deadline {
                        return Poll::Ready(());
                    }
                    let silent = (now + SILENCE_MAX).min(self.deadline);
                    self.silence.as_mut().reset(silent);
                }
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Lingering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self {
            stream,
            cut,
            serving,
            end,
        } = self.get_mut();
        if end.is_none() {
            ready!(Pin::new(&mut *stream).poll_shutdown(cx))?;
        }
        // The deadline of a silence finds a server that ends, too.
        if !cut.is_set() || serving.is_cancelled() {
            return Poll::Ready(Ok(()));
        }
        let end = end.get_or_insert_with(End::begin);
        end.poll(Pin::new(stream), cx).map(Ok)
    }
}
