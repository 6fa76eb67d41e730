//! The connection below a websocket: counts what has come of a message that is not whole yet, which
//! the websocket holds, and charges it to the budget of the process.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::growing_charge::GrowingCharge;

pub(crate) struct Metered {
    connection: TokioIo<Upgraded>,
    unfinished: usize,
    charge: Option<GrowingCharge>,
}

impl Metered {
    /// `charge`: what large messages are charged to; none where they are bounded to a small size.
    pub(super) fn new(connection: TokioIo<Upgraded>, charge: Option<GrowingCharge>) -> Self {
        Self {
            connection,
            unfinished: 0,
            charge,
        }
    }

    /// How many bytes have come since the last message.
    pub(crate) fn unfinished(&self) -> usize {
        self.unfinished
    }

    /// A message has been taken from the websocket.
    pub(crate) fn message_taken(&mut self) {
        self.unfinished = 0;
        if let Some(charge) = &mut self.charge {
            charge.clear();
        }
    }

    /// A ping or pong of so many bytes has been taken, perhaps in the middle of a message. A header
    /// of two bytes and a mask of four come with it (RFC 6455, section 5.2).
    pub(crate) fn control_taken(&mut self, payload: usize) {
        self.unfinished = self.unfinished.saturating_sub(payload + 6);
    }

    fn has_come(&mut self, more: usize) -> io::Result<()> {
        self.unfinished += more;
        let has_room = match &mut self.charge {
            Some(charge) => charge.grow_to(self.unfinished),
            None => true,
        };
        has_room.then_some(()).ok_or_else(|| {
            let reason = "`memory_limit` leaves no room for a message of this size";
            io::Error::new(io::ErrorKind::OutOfMemory, reason)
        })
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.connection).poll_read(cx, buf);
        if matches!(read, Poll::Ready(Ok(()))) {
            self.has_come(buf.filled().len() - before)?;
        }
        read
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(cx)
    }
}
