//! The connection below a websocket: counts what has come of a message that is not whole yet, which
//! the websocket holds, and charges it to the budget of the process.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use millrace_component::{Budget, Charge};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Messages up to this size are read without being charged.
const UNCHARGED_BYTES: usize = 64 * 1024;

pub(crate) struct Metered {
    connection: TokioIo<Upgraded>,
    budget: Option<Budget>,
    unfinished: usize,
    charged: usize,
    charges: Vec<Charge>,
}

impl Metered {
    /// `budget`: what large messages are charged to; none where they are bounded to a small size.
    pub(super) fn new(connection: TokioIo<Upgraded>, budget: Option<Budget>) -> Self {
        Self {
            connection,
            budget,
            unfinished: 0,
            charged: UNCHARGED_BYTES,
            charges: Vec::new(),
        }
    }

    /// How many bytes have come since the last message.
    pub(crate) fn unfinished(&self) -> usize {
        self.unfinished
    }

    /// A message has been taken from the websocket.
    pub(crate) fn message_taken(&mut self) {
        self.unfinished = 0;
        self.charged = UNCHARGED_BYTES;
        self.charges.clear();
    }

    /// A ping or pong of so many bytes has been taken, perhaps in the middle of a message. A header
    /// of two bytes and a mask of four come with it (RFC 6455, section 5.2).
    pub(crate) fn control_taken(&mut self, payload: usize) {
        self.unfinished = self.unfinished.saturating_sub(payload + 6);
    }

    /// Charges what has come. It does not wait while it holds some, or two could wait for each
    /// other.
    fn charge(&mut self, more: usize) -> io::Result<()> {
        self.unfinished += more;
        let Some(budget) = self
            .budget
            .as_ref()
            .filter(|_| self.unfinished > self.charged)
        else {
            return Ok(());
        };
        let wanted = (self.charged * 2).max(self.unfinished);
        let charge = budget.try_charge(wanted - self.charged).ok_or_else(|| {
            let reason = "`memory_limit` leaves no room for a message of this size";
            io::Error::new(io::ErrorKind::OutOfMemory, reason)
        })?;
        self.charges.push(charge);
        self.charged = wanted;
        Ok(())
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
            self.charge(buf.filled().len() - before)?;
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
