//! Reads the fields of a message from one frame.

mod sequences;
mod tags;

use bytes::Bytes;

use crate::error::{ReadError, ReadReason};
use crate::uuid::Uuid;

/// What is read may take this many times the bytes of its frame, unless it is told otherwise.
const GROWTH: usize = 32;
/// What a small frame may take all the same.
const GROWTH_MIN: usize = 4096;

/// A place in a frame.
///
/// Text, bytes and records that it gives are slices of the frame. No length is believed: it is
/// compared with the bytes that are left before anything is allocated, and all that is allocated
/// comes from an allowance.
///
/// Every method takes the name of the field, which its errors tell.
#[derive(Clone, Debug)]
pub struct Reader {
    frame: Bytes,
    at: usize,
    /// Where what may be read ends: the frame, or the tagged field.
    end: usize,
    /// How many bytes may still be allocated.
    allowance: usize,
    message: (&'static str, i16),
}

impl Reader {
    /// Reads `frame` from its first byte. It may allocate 32 times the size of the frame.
    pub fn new(frame: Bytes) -> Self {
        let size = frame.len();
        Self {
            frame,
            at: 0,
            end: size,
            allowance: size.saturating_mul(GROWTH).saturating_add(GROWTH_MIN),
            message: ("frame", 0),
        }
    }

    /// Bounds what the values that are read may allocate beside the frame, in bytes.
    #[must_use]
    pub fn with_allowance(mut self, bytes: usize) -> Self {
        self.allowance = bytes;
        self
    }

    /// How many bytes have been read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.end - self.at
    }

    /// Begins a message: errors from here on name it.
    pub(crate) fn begin(
        &mut self,
        name: &'static str,
        (first, last): (i16, i16),
        version: i16,
    ) -> Result<(), ReadError> {
        self.message = (name, version);
        match (first..=last).contains(&version) {
            true => Ok(()),
            false => Err(self.error("it", ReadReason::Version { first, last })),
        }
    }

    #[cold]
    fn error(&self, field: &'static str, reason: ReadReason) -> ReadError {
        ReadError::new(self.message, field, self.at, reason)
    }

    #[cold]
    fn short(&self, field: &'static str, needed: usize) -> ReadError {
        let left = self.left();
        self.error(field, ReadReason::Short { needed, left })
    }

    #[inline]
    fn fixed<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], ReadError> {
        match self.frame[self.at..self.end].first_chunk() {
            Some(bytes) => {
                self.at += N;
                Ok(*bytes)
            }
            None => Err(self.short(field, N)),
        }
    }

    /// A byte that is not 0.
    #[inline]
    pub(crate) fn bool(&mut self, field: &'static str) -> Result<bool, ReadError> {
        Ok(self.fixed(field)? != [0])
    }

    #[inline]
    pub(crate) fn int8(&mut self, field: &'static str) -> Result<i8, ReadError> {
        self.fixed(field).map(i8::from_be_bytes)
    }

    #[inline]
    pub(crate) fn int16(&mut self, field: &'static str) -> Result<i16, ReadError> {
        self.fixed(field).map(i16::from_be_bytes)
    }

    #[inline]
    pub(crate) fn uint16(&mut self, field: &'static str) -> Result<u16, ReadError> {
        self.fixed(field).map(u16::from_be_bytes)
    }

    #[inline]
    pub(crate) fn int32(&mut self, field: &'static str) -> Result<i32, ReadError> {
        self.fixed(field).map(i32::from_be_bytes)
    }

    #[inline]
    pub(crate) fn uint32(&mut self, field: &'static str) -> Result<u32, ReadError> {
        self.fixed(field).map(u32::from_be_bytes)
    }

    #[inline]
    pub(crate) fn int64(&mut self, field: &'static str) -> Result<i64, ReadError> {
        self.fixed(field).map(i64::from_be_bytes)
    }

    #[inline]
    pub(crate) fn float64(&mut self, field: &'static str) -> Result<f64, ReadError> {
        self.fixed(field).map(f64::from_be_bytes)
    }

    #[inline]
    pub(crate) fn uuid(&mut self, field: &'static str) -> Result<Uuid, ReadError> {
        self.fixed(field).map(Uuid)
    }

    /// An unsigned integer of variable length, at most 32 bits.
    #[inline]
    pub(crate) fn varint(&mut self, field: &'static str) -> Result<u32, ReadError> {
        match self.frame[self.at..self.end].first() {
            Some(&byte) if byte < 0x80 => {
                self.at += 1;
                Ok(u32::from(byte))
            }
            _ => self.long_varint(field),
        }
    }

    /// One that is longer than a byte, or not there.
    fn long_varint(&mut self, field: &'static str) -> Result<u32, ReadError> {
        let mut value = 0_u64;
        for shift in 0..5 {
            let [byte] = self.fixed(field)?;
            value |= u64::from(byte & 0x7f) << (7 * shift);
            if byte < 0x80 {
                let value = u32::try_from(value);
                return value.map_err(|_| self.error(field, ReadReason::Varint));
            }
        }
        Err(self.error(field, ReadReason::Varint))
    }

    /// Whether a struct that may be null is there.
    pub(crate) fn is_there(&mut self, field: &'static str, null: bool) -> Result<bool, ReadError> {
        match self.int8(field)? >= 0 {
            true => Ok(true),
            false if null => Ok(false),
            false => Err(self.error(field, ReadReason::Null)),
        }
    }

    /// The first four bytes of a request, which tell what the rest is: key and version.
    pub(crate) fn peek_request(&self) -> Option<(i16, i16)> {
        let bytes = self.frame.get(self.at..self.end)?.first_chunk::<4>()?;
        let [a, b, c, d] = *bytes;
        Some((i16::from_be_bytes([a, b]), i16::from_be_bytes([c, d])))
    }
}
