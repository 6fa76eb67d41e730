//! The pieces of what is sent.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};

/// A piece of a frame; also what a response says that the log sends.
///
/// There are only bytes as yet. Whoever matches on it leaves room for a range of a file, which the
/// kernel would send without a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Segment {
    /// Bytes in memory.
    Bytes(Bytes),
}

impl Segment {
    /// How many bytes it has.
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Default for Segment {
    fn default() -> Self {
        Self::Bytes(Bytes::new())
    }
}

impl From<Bytes> for Segment {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

/// What was written: small parts together, large ones as they were given.
///
/// It is a [`Buf`] of several chunks, so a vectored write sends it without putting it together.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    pub(crate) segments: VecDeque<Segment>,
    pub(crate) size: usize,
}

impl Frame {
    /// The pieces in their order.
    pub fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter()
    }

    /// How many bytes are left to send.
    pub fn len(&self) -> usize {
        self.size
    }

    /// Whether all was sent.
    pub fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// All bytes in one piece; copies them when there are several.
    pub fn into_bytes(mut self) -> Bytes {
        match self.segments.pop_front() {
            None => Bytes::new(),
            Some(Segment::Bytes(only)) if self.segments.is_empty() => only,
            Some(first) => {
                self.segments.push_front(first);
                let mut whole = BytesMut::with_capacity(self.size);
                for Segment::Bytes(bytes) in &self.segments {
                    whole.extend_from_slice(bytes);
                }
                whole.freeze()
            }
        }
    }
}

impl Buf for Frame {
    fn remaining(&self) -> usize {
        self.size
    }

    fn chunk(&self) -> &[u8] {
        match self.segments.front() {
            Some(Segment::Bytes(bytes)) => bytes,
            None => &[],
        }
    }

    fn advance(&mut self, mut count: usize) {
        assert!(count <= self.size, "it has {} bytes", self.size);
        self.size -= count;
        while let Some(Segment::Bytes(first)) = self.segments.front_mut() {
            if count < first.len() {
                first.advance(count);
                return;
            }
            count -= first.len();
            self.segments.pop_front();
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut count = 0;
        for (slice, Segment::Bytes(bytes)) in slices.iter_mut().zip(&self.segments) {
            *slice = IoSlice::new(bytes);
            count += 1;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_sent_piece_by_piece() {
        let pieces = [&b"abc"[..], b"de", b"f"].map(|it| Segment::Bytes(Bytes::from_static(it)));
        let mut frame = Frame {
            segments: pieces.into(),
            size: 6,
        };
        assert_eq!(&frame.clone().into_bytes()[..], b"abcdef");
        let mut slices = [IoSlice::new(&[]); 2];
        assert_eq!(frame.chunks_vectored(&mut slices), 2);
        assert_eq!(&slices[1][..], b"de");
        frame.advance(4);
        assert_eq!((frame.chunk(), frame.remaining()), (&b"e"[..], 2));
        frame.advance(2);
        assert!(frame.is_empty() && frame.chunk().is_empty());
    }
}
