//! Writes the fields of a message into one frame.

use bytes::Bytes;

use crate::error::{STRING_MAX, WriteError, WriteReason};
use crate::segment::{Frame, Segment};
use crate::text::Str;
use crate::uuid::Uuid;

/// From this size bytes become a segment of their own; smaller ones are copied.
const SEGMENT_MIN: usize = 1024;

/// Collects a frame: small parts in one buffer, large ones beside it, uncopied.
///
/// Methods that can fail take the name of the field, which their errors tell.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    buffer: Vec<u8>,
    /// Each stands before the byte of the buffer with this index.
    segments: Vec<(usize, Segment)>,
    /// How many bytes the segments have.
    beside: usize,
    is_framed: bool,
    message: (&'static str, i16),
}

/// Where the count of the tagged fields of a struct stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tags(usize);

impl Writer {
    /// Writes a message alone.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes what a connection sends: four bytes of size come first.
    pub fn framed() -> Self {
        Self {
            buffer: vec![0; 4],
            is_framed: true,
            ..Self::default()
        }
    }

    /// What was written.
    ///
    /// # Errors
    /// It has more bytes than a frame can have.
    pub fn finish(mut self) -> Result<Frame, WriteError> {
        let size = self.buffer.len() + self.beside;
        if self.is_framed {
            let length = i32::try_from(size - 4).map_err(|_| self.long("frame", size))?;
            self.buffer[..4].copy_from_slice(&length.to_be_bytes());
        }
        let mut frame = Frame {
            size,
            ..Frame::default()
        };
        let buffer = Bytes::from(self.buffer);
        let mut start = 0;
        for (at, segment) in self.segments {
            if start < at {
                let part = buffer.slice(start..at);
                frame.segments.push_back(Segment::Bytes(part));
                start = at;
            }
            frame.segments.push_back(segment);
        }
        if start < buffer.len() {
            let part = buffer.slice(start..);
            frame.segments.push_back(Segment::Bytes(part));
        }
        Ok(frame)
    }

    /// Begins a message: errors from here on name it.
    pub(crate) fn begin(
        &mut self,
        name: &'static str,
        (first, last): (i16, i16),
        version: i16,
    ) -> Result<(), WriteError> {
        self.message = (name, version);
        match (first..=last).contains(&version) {
            true => Ok(()),
            false => Err(self.error("it", WriteReason::Version { first, last })),
        }
    }

    #[cold]
    fn error(&self, field: &'static str, reason: WriteReason) -> WriteError {
        let (message, version) = self.message;
        WriteError {
            message,
            version,
            field,
            reason,
        }
    }

    #[cold]
    fn long(&self, field: &'static str, length: usize) -> WriteError {
        self.error(field, WriteReason::Long(length))
    }

    /// A field that the version does not have must say nothing.
    pub(crate) fn absent(&self, field: &'static str, is_default: bool) -> Result<(), WriteError> {
        match is_default {
            true => Ok(()),
            false => Err(self.error(field, WriteReason::Absent)),
        }
    }

    pub(crate) fn bool(&mut self, value: bool) {
        self.buffer.push(u8::from(value));
    }

    pub(crate) fn int8(&mut self, value: i8) {
        self.buffer.push(value.cast_unsigned());
    }

    pub(crate) fn int16(&mut self, value: i16) {
        self.buffer.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn uint16(&mut self, value: u16) {
        self.buffer.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn int32(&mut self, value: i32) {
        self.buffer.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn uint32(&mut self, value: u32) {
        self.buffer.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn int64(&mut self, value: i64) {
        self.buffer.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn float64(&mut self, value: f64) {
        self.buffer.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn uuid(&mut self, value: Uuid) {
        self.buffer.extend_from_slice(&value.0);
    }

    pub(crate) fn varint(&mut self, value: u32) {
        let mut left = value;
        while left >= 0x80 {
            self.buffer.push(left as u8 | 0x80);
            left >>= 7;
        }
        self.buffer.push(left as u8);
    }

    /// A length or count of four bytes or a compact one; `None` stands for null.
    fn length(
        &mut self,
        field: &'static str,
        length: Option<usize>,
        compact: bool,
    ) -> Result<(), WriteError> {
        let length = match length {
            None => -1,
            Some(length) => i32::try_from(length).map_err(|_| self.long(field, length))?,
        };
        match compact {
            true => self.varint(length.cast_unsigned().wrapping_add(1)),
            false => self.int32(length),
        }
        Ok(())
    }

    pub(crate) fn string(
        &mut self,
        field: &'static str,
        value: &Str,
        compact: bool,
    ) -> Result<(), WriteError> {
        let Some(length) = i16::try_from(value.len()).ok() else {
            debug_assert!(value.len() > STRING_MAX);
            return Err(self.long(field, value.len()));
        };
        match compact {
            true => self.varint(u32::from(length.cast_unsigned()) + 1),
            false => self.int16(length),
        }
        self.buffer.extend_from_slice(value.as_bytes());
        Ok(())
    }

    pub(crate) fn string_or_null(
        &mut self,
        field: &'static str,
        value: Option<&Str>,
        compact: bool,
        null: bool,
    ) -> Result<(), WriteError> {
        match value {
            Some(value) => return self.string(field, value, compact),
            None if !null => return Err(self.error(field, WriteReason::Null)),
            None if compact => self.varint(0),
            None => self.int16(-1),
        }
        Ok(())
    }

    pub(crate) fn bytes(
        &mut self,
        field: &'static str,
        value: &Bytes,
        compact: bool,
    ) -> Result<(), WriteError> {
        self.length(field, Some(value.len()), compact)?;
        self.put(value);
        Ok(())
    }

    pub(crate) fn bytes_or_null(
        &mut self,
        field: &'static str,
        value: Option<&Bytes>,
        compact: bool,
        null: bool,
    ) -> Result<(), WriteError> {
        match value {
            Some(value) => self.bytes(field, value, compact),
            None if null => self.length(field, None, compact),
            None => Err(self.error(field, WriteReason::Null)),
        }
    }

    /// What the log sends; nothing is empty, never null, which clients take for an error.
    pub(crate) fn segment(
        &mut self,
        field: &'static str,
        value: &Segment,
        compact: bool,
    ) -> Result<(), WriteError> {
        self.length(field, Some(value.len()), compact)?;
        match value {
            Segment::Bytes(bytes) => self.put(bytes),
        }
        Ok(())
    }

    fn put(&mut self, bytes: &Bytes) {
        if bytes.len() < SEGMENT_MIN {
            self.buffer.extend_from_slice(bytes);
            return;
        }
        self.beside += bytes.len();
        let segment = Segment::Bytes(bytes.clone());
        self.segments.push((self.buffer.len(), segment));
    }

    pub(crate) fn array<T>(
        &mut self,
        field: &'static str,
        elements: &[T],
        compact: bool,
        mut write: impl FnMut(&mut Self, &T) -> Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        self.length(field, Some(elements.len()), compact)?;
        for element in elements {
            write(self, element)?;
        }
        Ok(())
    }

    pub(crate) fn array_or_null<T>(
        &mut self,
        field: &'static str,
        elements: Option<&[T]>,
        compact: bool,
        null: bool,
        write: impl FnMut(&mut Self, &T) -> Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        match elements {
            Some(elements) => self.array(field, elements, compact, write),
            None if null => self.length(field, None, compact),
            None => Err(self.error(field, WriteReason::Null)),
        }
    }

    /// Says that a struct that may be null is null.
    pub(crate) fn not_there(&mut self, field: &'static str, null: bool) -> Result<(), WriteError> {
        match null {
            true => {
                self.int8(-1);
                Ok(())
            }
            false => Err(self.error(field, WriteReason::Null)),
        }
    }

    /// Begins the tagged fields of a struct: none, until [`Writer::tag`] adds one.
    pub(crate) fn tags(&mut self) -> Tags {
        let tags = Tags(self.buffer.len());
        self.buffer.push(0);
        tags
    }

    /// Adds a tagged field; a struct has fewer than a hundred, and their order is that of the calls.
    pub(crate) fn tag(
        &mut self,
        tags: Tags,
        tag: u32,
        write: impl FnOnce(&mut Self) -> Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        self.buffer[tags.0] += 1;
        self.varint(tag);
        // The size comes before the value and is known after it.
        let start = self.buffer.len();
        let beside = self.beside;
        write(self)?;
        let size = self.buffer.len() - start + self.beside - beside;
        let size = u32::try_from(size).map_err(|_| self.long("tagged field", size))?;
        let value = self.buffer.split_off(start);
        self.varint(size);
        let shift = self.buffer.len() - start;
        self.buffer.extend_from_slice(&value);
        // What stands beside the value stands where it stood, after the size.
        for (at, _) in self.segments.iter_mut().rev() {
            match *at >= start {
                true => *at += shift,
                false => break,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_bytes_within_a_tagged_field_stand_after_its_size() {
        let large = Bytes::from(vec![7; 2 * SEGMENT_MIN]);
        let mut writer = Writer::new();
        writer.bytes("before", &large, true).unwrap();
        let tags = writer.tags();
        let write = |writer: &mut Writer| {
            writer.int8(1);
            writer.bytes("large", &large, true)?;
            writer.int8(2);
            Ok(())
        };
        writer.tag(tags, 5, write).unwrap();
        let written = writer.finish().unwrap().into_bytes();
        // The length 2049 in two bytes, before the bytes and within the field; the size 2052 too.
        let mut expected = vec![0x81, 0x10];
        expected.extend_from_slice(&large);
        expected.extend_from_slice(&[1, 5, 0x84, 0x10, 1, 0x81, 0x10]);
        expected.extend_from_slice(&large);
        expected.push(2);
        assert_eq!(written, expected);
    }
}
