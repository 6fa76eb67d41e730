//! A response that is cut into messages while it arrives.
//!
//! ```text
//! connection --(task: chunks)--> bounded queue --(thread: scanner)--> bounded queue --> input
//! ```
//!
//! Scanners read in a blocking way, hence the thread. Both queues are short: a slow pipeline
//! stops the connection.

use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use flate2::read::MultiGzDecoder;
use http_body::Body as _;
use hyper::body::Incoming;
use millrace_component::{ScannerFactory, SourceDetails};
use millrace_message::{Error, ErrorClass, MessageBatch};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// Chunks of the connection that wait for the scanner.
const CHUNKS_WAITING: usize = 4;
/// Batches of the scanner that wait for the pipeline.
const BATCHES_WAITING: usize = 16;

/// An open stream; dropping it closes the connection.
pub(super) struct Streamed {
    batches: mpsc::Receiver<Result<MessageBatch, Error>>,
    pump: AbortHandle,
}

impl Streamed {
    /// Reads a body, which is compressed or not.
    pub(super) fn start(
        body: Incoming,
        is_gzipped: bool,
        scanner: Arc<dyn ScannerFactory>,
    ) -> Self {
        let (chunk_sender, chunks) = mpsc::channel(CHUNKS_WAITING);
        let (batch_sender, batches) = mpsc::channel(BATCHES_WAITING);
        let pump = tokio::spawn(pump(body, chunk_sender)).abort_handle();
        let chunks = ChunkReader {
            chunks,
            chunk: Bytes::new(),
        };
        tokio::task::spawn_blocking(move || {
            // The decoder reads as soon as it is there.
            let reader: Box<dyn Read + Send> = match is_gzipped {
                true => Box::new(MultiGzDecoder::new(chunks)),
                false => Box::new(chunks),
            };
            scan(reader, &*scanner, &batch_sender);
        });
        Self { batches, pump }
    }

    /// The next batch; `None` at the end of the stream.
    ///
    /// # Cancel safety
    /// No batch is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> Option<Result<MessageBatch, Error>> {
        self.batches.recv().await
    }
}

impl Drop for Streamed {
    fn drop(&mut self) {
        // The thread sees the end of its chunks and finishes.
        self.pump.abort();
    }
}

async fn pump(mut body: Incoming, chunks: mpsc::Sender<io::Result<Bytes>>) {
    loop {
        let frame = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx));
        let chunk = match frame.await {
            None => return,
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => Ok(data),
                Err(_trailers) => continue,
            },
            Some(Err(error)) => Err(io::Error::other(error)),
        };
        if chunks.send(chunk).await.is_err() {
            return;
        }
    }
}

fn scan(
    reader: Box<dyn Read + Send>,
    scanner: &dyn ScannerFactory,
    batches: &mpsc::Sender<Result<MessageBatch, Error>>,
) {
    let details = SourceDetails {
        name: "the response".to_owned(),
    };
    let mut scanner = match scanner.open(reader, &details) {
        Ok(scanner) => scanner,
        Err(error) => {
            // A receiver that is gone has no use for the error.
            let _gone = batches.blocking_send(Err(error));
            return;
        }
    };
    loop {
        let next = match scanner.next() {
            Ok(None) => return,
            Ok(Some(batch)) => Ok(batch),
            Err(error) => Err(error),
        };
        let refused = |error: &Error| error.class() == ErrorClass::Rejected;
        let is_end = next.as_ref().is_err_and(|error| !refused(error));
        if batches.blocking_send(next).is_err() || is_end {
            return;
        }
    }
}

/// The chunks of a connection as something to read from.
struct ChunkReader {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    chunk: Bytes,
}

impl Read for ChunkReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.chunk.has_remaining() {
            match self.chunks.blocking_recv() {
                None => return Ok(0),
                Some(chunk) => self.chunk = chunk?,
            }
        }
        let count = self.chunk.len().min(buffer.len());
        self.chunk.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}
