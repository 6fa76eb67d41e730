//! Cuts what a client sends into frames: four bytes of size, and a request.

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Small requests are read together; a larger one has memory of its own.
const TOGETHER: usize = 16 << 10;

/// Reads frames of one connection.
pub struct Frames {
    /// What was read and is not returned yet.
    buffer: BytesMut,
    /// The frame that is being read: how many bytes it has.
    size: Option<usize>,
    largest: usize,
}

impl Frames {
    /// Refuses frames with more bytes than `largest`.
    pub fn new(largest: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            size: None,
            largest,
        }
    }

    /// The next frame, without its size; `None` when the client has closed the connection.
    ///
    /// # Errors
    /// The connection broke, in the middle of a frame or otherwise; or a size is not one.
    ///
    /// # Cancel safety
    /// What was read is kept; call it again.
    pub async fn next(&mut self, from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Bytes>> {
        loop {
            if let Some(frame) = self.take()? {
                return Ok(Some(frame));
            }
            let read = match self.size {
                // Exactly the frame, so that it can be kept without copying.
                Some(size) if size > TOGETHER => {
                    let missing = size - self.buffer.len();
                    let mut room = (&mut self.buffer).limit(missing);
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

    fn take(&mut self) -> io::Result<Option<Bytes>> {
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
                    let mut own = BytesMut::with_capacity(size);
                    let there = self.buffer.len().min(size);
                    own.extend_from_slice(&self.buffer[..there]);
                    self.buffer.advance(there);
                    // What is behind it can only be there when all of it is.
                    if there == size {
                        return Ok(Some(own.freeze()));
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
        Ok(Some(self.buffer.split_to(size).freeze()))
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
        let mut frames = Frames::new(largest);
        let mut found = Vec::new();
        let ended_well = loop {
            match frames.next(&mut server).await {
                Ok(Some(frame)) => found.push(frame),
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

    #[tokio::test]
    async fn a_frame_that_ends_early_is_an_error() {
        let bytes = framed(&[10]);
        let (found, ended_well) = frames(&bytes[..9], 64, 1000).await;
        assert!(found.is_empty() && !ended_well);
    }
}
