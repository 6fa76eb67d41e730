//! Frames of one socket: requests go out in their order, responses come back in the same.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use millrace_kafka_wire::Frame;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot, watch};

use crate::error::Reason;

/// How many requests may wait to be written.
const QUEUE: usize = 64;
/// How much is reserved for a response before its bytes have come.
const CHUNK: usize = 64 << 10;

struct Outgoing {
    correlation: i32,
    frame: Frame,
    answer: oneshot::Sender<Bytes>,
    /// Whether a response follows; else the sender is told when the frame is written.
    is_answered: bool,
}

struct Waiting {
    correlation: i32,
    answer: oneshot::Sender<Bytes>,
}

/// What the task of the socket and its users share.
struct Shared {
    waiting: Mutex<VecDeque<Waiting>>,
    failure: OnceLock<Reason>,
    closed: watch::Sender<bool>,
}

impl Shared {
    /// Ends the link; who waits learns why.
    fn fail(&self, reason: Reason) {
        let _first = self.failure.set(reason);
        self.closed.send_replace(true);
        self.waiting.lock().clear();
    }
}

/// The bytes of a connection, encrypted or not.
pub trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// One socket.
pub struct Link {
    outgoing: mpsc::Sender<Outgoing>,
    next: AtomicI32,
    shared: Arc<Shared>,
}

/// A request that was handed over.
pub struct Ticket {
    pub answer: oneshot::Receiver<Bytes>,
}

impl Link {
    /// Serves a socket until it breaks or the link is dropped.
    pub fn start(stream: Box<dyn Transport>, max_response_bytes: usize) -> Self {
        let (outgoing, queue) = mpsc::channel(QUEUE);
        let shared = Arc::new(Shared {
            waiting: Mutex::default(),
            failure: OnceLock::new(),
            closed: watch::Sender::new(false),
        });
        tokio::spawn(serve(
            stream,
            queue,
            Arc::clone(&shared),
            max_response_bytes,
        ));
        Self {
            outgoing,
            next: AtomicI32::new(1),
            shared,
        }
    }

    pub fn next_correlation(&self) -> i32 {
        // The numbers may begin again: there are never so many open requests.
        self.next.fetch_add(1, Ordering::Relaxed) & i32::MAX
    }

    /// Hands a frame over. Cancel safe: it is handed over as a whole or not at all.
    pub async fn send(
        &self,
        correlation: i32,
        frame: Frame,
        is_answered: bool,
    ) -> Result<Ticket, Reason> {
        let (sender, answer) = oneshot::channel();
        let outgoing = Outgoing {
            correlation,
            frame,
            answer: sender,
            is_answered,
        };
        let sent = self.outgoing.send(outgoing).await;
        sent.map_err(|_| self.failure())?;
        Ok(Ticket { answer })
    }

    /// Waits for a response, at most as long as said; the link is over when none comes, since those
    /// to later requests would be late too.
    pub async fn wait(&self, ticket: Ticket, within: Duration) -> Result<Bytes, Reason> {
        match tokio::time::timeout(within, ticket.answer).await {
            Ok(Ok(frame)) => Ok(frame),
            Ok(Err(_)) => Err(self.failure()),
            Err(_) => {
                self.shared.fail(Reason::Timeout(within));
                Err(self.failure())
            }
        }
    }

    pub fn is_open(&self) -> bool {
        self.shared.failure.get().is_none()
    }

    /// Waits until it has failed. Cancel safe.
    pub async fn closed(&self) {
        // What is returned is a lock.
        drop(self.shared.closed.subscribe().wait_for(|it| *it).await);
    }

    /// Ends the link for a reason that its user found.
    pub fn fail(&self, reason: Reason) {
        self.shared.fail(reason);
    }

    fn failure(&self) -> Reason {
        let closed = || Reason::Broken(Arc::new(io::ErrorKind::ConnectionAborted.into()));
        self.shared.failure.get().cloned().unwrap_or_else(closed)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.shared.closed.send_replace(true);
    }
}

async fn serve(
    stream: Box<dyn Transport>,
    mut queue: mpsc::Receiver<Outgoing>,
    shared: Arc<Shared>,
    limit: usize,
) {
    let mut closed = shared.closed.subscribe();
    let (reader, writer) = tokio::io::split(stream);
    // Why it ends is said before the requests go that wait in these futures: who sent them asks then.
    let end = |ended: Result<(), Reason>| {
        let aborted = || Reason::Broken(Arc::new(io::ErrorKind::ConnectionAborted.into()));
        shared.fail(ended.err().unwrap_or_else(aborted));
    };
    tokio::select! {
        () = async { end(read(reader, &shared, limit).await) } => {}
        () = async { end(write(writer, &mut queue, &shared).await) } => {}
        _ = closed.wait_for(|it| *it) => {}
    }
    // Its users have gone; else the first reason stays. (What the last branch returned is a lock.)
    end(Ok(()));
}

async fn write(
    mut writer: impl AsyncWrite + Unpin,
    queue: &mut mpsc::Receiver<Outgoing>,
    shared: &Shared,
) -> Result<(), Reason> {
    while let Some(outgoing) = queue.recv().await {
        let Outgoing {
            correlation,
            mut frame,
            answer,
            is_answered,
        } = outgoing;
        let told = match is_answered {
            true => {
                let waiting = Waiting {
                    correlation,
                    answer,
                };
                shared.waiting.lock().push_back(waiting);
                None
            }
            false => Some(answer),
        };
        let sent = async {
            writer.write_all_buf(&mut frame).await?;
            writer.flush().await
        };
        if let Err(error) = sent.await {
            let reason = Reason::Broken(Arc::new(error));
            // Before `told` goes: who waits for it asks why.
            shared.fail(reason.clone());
            return Err(reason);
        }
        if let Some(told) = told {
            // Who sent it may have gone.
            let _gone = told.send(Bytes::new());
        }
    }
    Ok(())
}

async fn read(
    mut reader: impl AsyncRead + Unpin,
    shared: &Shared,
    limit: usize,
) -> Result<(), Reason> {
    loop {
        let frame = read_frame(&mut reader, limit).await?;
        let found = frame.first_chunk().map_or(0, |it| i32::from_be_bytes(*it));
        let waiting = shared.waiting.lock().pop_front();
        let expected = waiting.as_ref().map_or(-1, |it| it.correlation);
        match waiting {
            Some(waiting) if found == expected => {
                // Who asked may no longer wait.
                let _gone = waiting.answer.send(frame);
            }
            waiting => {
                // It learns why with the others.
                shared.waiting.lock().extend(waiting);
                return Err(Reason::Correlation { expected, found });
            }
        }
    }
}

/// The next frame without its size. Memory grows with the bytes that come, not with those that are
/// announced.
async fn read_frame(reader: &mut (impl AsyncRead + Unpin), limit: usize) -> Result<Bytes, Reason> {
    let broken = |error| Reason::Broken(Arc::new(error));
    let size = reader.read_i32().await.map_err(broken)?;
    let fits = usize::try_from(size).ok();
    let fits = fits.filter(|it| (size_of::<i32>()..=limit).contains(it));
    let size = fits.ok_or(Reason::Size {
        size: size.into(),
        limit,
    })?;
    let mut frame = BytesMut::with_capacity(size.min(CHUNK));
    let mut rest = reader.take(size as u64);
    while frame.len() < size {
        frame.reserve((size - frame.len()).min(frame.len().max(CHUNK)));
        if rest.read_buf(&mut frame).await.map_err(broken)? == 0 {
            return Err(broken(io::ErrorKind::UnexpectedEof.into()));
        }
    }
    Ok(frame.freeze())
}
