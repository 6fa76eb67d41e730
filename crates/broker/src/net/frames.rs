//! Cuts what a client sends into frames: four bytes of size, and a request.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Small requests are read together; a larger one has memory of its own.
const TOGETHER: usize = 16 << 10;

/// A larger request gets its memory as its bytes come: its size is only what the client says.
const AT_ONCE: usize = 1 << 20;
/// What is counted of the budget.
const UNIT: usize = 1 << 10;

/// A request that finds no memory for so long is given up: two that each have a part of what the
/// other needs would wait for ever.
const PATIENCE: Duration = Duration::from_secs(30);

/// The bytes of large requests that a process reads and works on.
#[derive(Clone)]
pub struct Budget(Arc<Semaphore>);

impl Budget {
    /// Of so many bytes.
    pub fn new(bytes: usize) -> Self {
        let units = (bytes / UNIT).clamp(1, Semaphore::MAX_PERMITS);
        Self(Arc::new(Semaphore::new(units)))
    }

    async fn take(&self, bytes: usize) -> io::Result<OwnedSemaphorePermit> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        let taken = timeout(PATIENCE, Arc::clone(&self.0).acquire_many_owned(units)).await;
        let taken = taken.map_err(|_| {
            io::Error::other(
                "requests of other connections have all the memory that `queued.max.request.bytes` \
                 allows",
            )
        })?;
        taken.map_err(io::Error::other)
    }
}

/// A request as it came.
pub struct Framed {
    /// Without its size.
    pub bytes: Bytes,
    /// Its share of the budget, until it is answered.
    pub share: Option<OwnedSemaphorePermit>,
}

impl Framed {
    fn small(bytes: Bytes) -> Self {
        Self { bytes, share: None }
    }
}

/// Reads frames of one connection.
pub struct Frames {
    /// What was read and is not returned yet.
    buffer: BytesMut,
    /// The frame that is being read: how many bytes it has.
    size: Option<usize>,
    /// Its share of the budget, when it needs one.
    share: Option<OwnedSemaphorePermit>,
    largest: usize,
    budget: Budget,
}

impl Frames {
    /// Refuses frames with more bytes than `largest`, and waits until the budget has room for those
    /// that have memory of their own.
    pub fn new(largest: usize, budget: Budget) -> Self {
        Self {
            buffer: BytesMut::new(),
            size: None,
            share: None,
            largest,
            budget,
        }
    }

    /// From the next frame on another size is the largest.
    pub fn set_largest(&mut self, largest: usize) {
        self.largest = largest;
    }

    /// The next frame, without its size; `None` when the client has closed the connection.
    ///
    /// # Errors
    /// The connection broke, in the middle of a frame or otherwise; or a size is not one.
    ///
    /// # Cancel safety
    /// What was read is kept; call it again.
    pub async fn next(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
    ) -> io::Result<Option<Framed>> {
        loop {
            if let Some(frame) = self.take()? {
                return Ok(Some(frame));
            }
            let read = match self.size {
                // Exactly the frame, so that it can be kept without copying.
                Some(size) if size > TOGETHER => {
                    let room = self.make_room(size).await?;
                    let mut room = (&mut self.buffer).limit(room);
                    from.read_buf(&mut room).await?
                }
                _ => {
                    self.buffer.reserve(TOGETHER);
                    from.read_buf(&mut self.buffer).await?
                }
            };
            match read {
                0 if self.buffer.is_empty() && self.size.is_none() => return Ok(None),
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                _ => {}
            }
        }
    }

    /// Makes room for more of the frame: as much as there is, so that who claims a size and sends
    /// nothing takes nothing.
    async fn make_room(&mut self, size: usize) -> io::Result<usize> {
        let missing = size - self.buffer.len();
        let free = self.buffer.capacity() - self.buffer.len();
        if free == 0 || self.share.is_none() {
            let more = missing.min(self.buffer.len().max(AT_ONCE));
            let more_share = self.budget.take(more).await?;
            match &mut self.share {
                Some(share) => share.merge(more_share),
                None => self.share = Some(more_share),
            }
            self.buffer.reserve(more);
        }
        Ok(missing.min(self.buffer.capacity() - self.buffer.len()))
    }

    fn take(&mut self) -> io::Result<Option<Framed>> {
        let size = match self.size {
            Some(size) => size,
            None if self.buffer.len() < 4 => return Ok(None),
            None => {
                let size = self.buffer.get_i32();
                let checked = usize::try_from(size).ok().filter(|it| *it <= self.largest);
                let size = checked.ok_or_else(|| {
                    let largest = self.largest;
                    io::Error::other(format!(
                        "a request of {size} bytes; at most {largest} are allowed \
                         (`socket.request.max.bytes`)"
                    ))
                })?;
                if size > TOGETHER {
                    let mut own = BytesMut::new();
                    let there = self.buffer.len().min(size);
                    own.extend_from_slice(&self.buffer[..there]);
                    self.buffer.advance(there);
                    // What is behind it can only be there when all of it is.
                    if there == size {
                        return Ok(Some(Framed::small(own.freeze())));
                    }
                    self.buffer = own;
                }
                self.size = Some(size);
                size
            }
        };
        if self.buffer.len() < size {
            return Ok(None);
        }
        self.size = None;
        Ok(Some(Framed {
            bytes: self.buffer.split_to(size).freeze(),
            share: self.share.take(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn frames(bytes: &[u8], piece: usize, largest: usize) -> (Vec<Bytes>, bool) {
        let (mut client, mut server) = tokio::io::duplex(piece);
        let bytes = bytes.to_vec();
        let writing = tokio::spawn(async move {
            // The reader may refuse what follows.
            let _ = tokio::io::AsyncWriteExt::write_all(&mut client, &bytes).await;
        });
        let mut frames = Frames::new(largest, Budget::new(1 << 20));
        let mut found = Vec::new();
        let ended_well = loop {
            match frames.next(&mut server).await {
                Ok(Some(frame)) => found.push(frame.bytes),
                Ok(None) => break true,
                Err(_) => break false,
            }
        };
        drop(server);
        writing.await.unwrap();
        (found, ended_well)
    }

    fn framed(sizes: &[usize]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (index, size) in sizes.iter().enumerate() {
            bytes.extend_from_slice(&(*size as u32).to_be_bytes());
            bytes.resize(bytes.len() + size, index as u8);
        }
        bytes
    }

    #[tokio::test]
    async fn frames_of_any_size_come_out_as_they_went_in() {
        let sizes = [
            0,
            5,
            TOGETHER,
            TOGETHER + 1,
            3,
            100_000,
            1,
            20_000,
            20_000,
            7,
        ];
        for piece in [1, 3, 4096, 1 << 20] {
            let (found, ended_well) = frames(&framed(&sizes), piece, 1 << 20).await;
            let lengths: Vec<_> = found.iter().map(Bytes::len).collect();
            assert_eq!(lengths, sizes, "pieces of {piece}");
            assert!(ended_well);
            for (index, frame) in found.iter().enumerate() {
                assert!(frame.iter().all(|byte| *byte == index as u8));
            }
        }
    }

    #[tokio::test]
    async fn a_size_that_is_none_ends_the_connection_before_memory_is_taken() {
        for size in [-1_i32, i32::MIN, i32::MAX, 1001] {
            let (found, ended_well) = frames(&size.to_be_bytes(), 64, 1000).await;
            assert!(found.is_empty() && !ended_well, "{size}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_waits_for_the_memory_of_others_and_is_given_up_at_last() {
        let budget = Budget::new(300_000);
        let bytes = framed(&[200_000]);
        let mut first = Frames::new(1 << 20, budget.clone());
        let held = first.next(&mut &bytes[..]).await.unwrap().unwrap();
        let mut second = Frames::new(1 << 20, budget.clone());
        assert!(second.next(&mut &bytes[..]).await.is_err());
        drop(held);
        let mut third = Frames::new(1 << 20, budget);
        let frame = third.next(&mut &bytes[..]).await.unwrap().unwrap();
        assert_eq!(frame.bytes.len(), 200_000);
    }

    #[tokio::test]
    async fn who_claims_a_size_and_sends_nothing_takes_little() {
        let (mut client, mut server) = tokio::io::duplex(64);
        let budget = Budget::new(100 << 20);
        let mut frames = Frames::new(100 << 20, budget.clone());
        let size = (100_u32 << 20).to_be_bytes();
        tokio::io::AsyncWriteExt::write_all(&mut client, &size)
            .await
            .unwrap();
        let reading = tokio::time::timeout(Duration::from_millis(50), frames.next(&mut server));
        assert!(reading.await.is_err());
        assert!(frames.buffer.capacity() <= AT_ONCE);
        assert!(budget.0.available_permits() >= 99 << 10);
    }

    #[tokio::test]
    async fn a_frame_that_ends_early_is_an_error() {
        let bytes = framed(&[10]);
        let (found, ended_well) = frames(&bytes[..9], 64, 1000).await;
        assert!(found.is_empty() && !ended_well);
    }
}
