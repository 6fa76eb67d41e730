//! The records of a batch that is not compressed, or no longer.

use std::fmt;

use crate::varint;

/// What is wrong with the records of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordError {
    /// Which record of the batch, from 0.
    pub index: usize,
    reason: &'static str,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {} of the batch {}", self.index, self.reason)
    }
}

impl std::error::Error for RecordError {}

/// One record; its bytes are those of the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Milliseconds after the base timestamp of the batch.
    pub timestamp_delta: i64,
    /// Offsets after the base offset of the batch.
    pub offset_delta: i32,
    pub key: Option<&'a [u8]>,
    /// `None` in a tombstone.
    pub value: Option<&'a [u8]>,
    pub headers: Headers<'a>,
}

/// The headers of one record, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers<'a> {
    count: usize,
    bytes: &'a [u8],
}

impl<'a> Headers<'a> {
    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn iter(&self) -> impl Iterator<Item = Header<'a>> {
        let mut left = self.bytes;
        std::iter::from_fn(move || Header::take(&mut left).ok())
    }
}

/// One header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    pub key: &'a [u8],
    pub value: Option<&'a [u8]>,
}

impl<'a> Header<'a> {
    fn take(bytes: &mut &'a [u8]) -> Result<Self, &'static str> {
        let key = take_bytes(bytes)?.ok_or("has a header without a key")?;
        let value = take_bytes(bytes)?;
        Ok(Self { key, value })
    }
}

/// Goes through the records of a batch: those that the header counts, then the error of bytes that
/// are left. After an error there is nothing more.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    left: &'a [u8],
    index: usize,
    count: usize,
    is_over: bool,
}

impl<'a> Records<'a> {
    /// `bytes` are those after the header, decompressed; `count` is the header's.
    pub fn new(bytes: &'a [u8], count: i32) -> Self {
        Self {
            left: bytes,
            index: 0,
            count: usize::try_from(count).unwrap_or(0),
            is_over: false,
        }
    }

    /// The bytes behind the record that was taken last.
    pub fn rest(&self) -> &'a [u8] {
        self.left
    }

    fn next_record(&mut self) -> Result<Option<Record<'a>>, &'static str> {
        if self.index == self.count {
            return match self.left {
                [] => Ok(None),
                _ => Err("is one more than the batch counts"),
            };
        }
        if self.left.is_empty() {
            return Err("is missing, although the batch counts it");
        }
        let length = varint::take_i32(&mut self.left).ok_or("has no length")?;
        let length = usize::try_from(length).map_err(|_| "has a negative length")?;
        let record = self.left.split_at_checked(length);
        let (record, left) = record.ok_or("ends after the batch")?;
        self.left = left;
        read(record).map(Some)
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let index = self.index;
        let next = self.next_record();
        self.index += 1;
        self.is_over = !matches!(next, Ok(Some(_)));
        next.map_err(|reason| RecordError { index, reason })
            .transpose()
    }
}

/// Appends a record to `out` with another time; `record` is one whole record with its length.
///
/// # Panics
/// It is not one that [`Records`] took.
pub fn put_with_time(record: &[u8], timestamp_delta: i64, out: &mut Vec<u8>) {
    let (attributes, rest) = around_time(record).expect("the record was taken from a batch");
    let length = 1 + varint::size(timestamp_delta) + rest.len();
    varint::put_i64(length as i64, out);
    out.push(attributes);
    varint::put_i64(timestamp_delta, out);
    out.extend_from_slice(rest);
}

/// What stands before and behind the time of a record.
fn around_time(mut record: &[u8]) -> Option<(u8, &[u8])> {
    varint::take_i32(&mut record)?;
    let (attributes, mut rest) = record.split_first()?;
    varint::take_i64(&mut rest)?;
    Some((*attributes, rest))
}

fn read(mut bytes: &[u8]) -> Result<Record<'_>, &'static str> {
    // One byte of attributes, of which none is used.
    let (_, rest) = bytes.split_first().ok_or("is empty")?;
    bytes = rest;
    let timestamp_delta = varint::take_i64(&mut bytes).ok_or("has no time")?;
    let offset_delta = varint::take_i32(&mut bytes).ok_or("has no offset")?;
    let key = take_bytes(&mut bytes)?;
    let value = take_bytes(&mut bytes)?;
    let headers = take_headers(&mut bytes)?;
    if !bytes.is_empty() {
        return Err("goes on after its headers");
    }
    Ok(Record {
        timestamp_delta,
        offset_delta,
        key,
        value,
        headers,
    })
}

fn take_headers<'a>(bytes: &mut &'a [u8]) -> Result<Headers<'a>, &'static str> {
    let count = varint::take_i32(bytes).ok_or("does not count its headers")?;
    let count = usize::try_from(count).map_err(|_| "has fewer than no headers")?;
    let start = *bytes;
    for _ in 0..count {
        Header::take(bytes)?;
    }
    let bytes = &start[..start.len() - bytes.len()];
    Ok(Headers { count, bytes })
}

/// Takes bytes with their length before them; −1 stands for none.
fn take_bytes<'a>(bytes: &mut &'a [u8]) -> Result<Option<&'a [u8]>, &'static str> {
    let length = varint::take_i32(bytes).ok_or("has a field without a length")?;
    if length == -1 {
        return Ok(None);
    }
    let length = usize::try_from(length).map_err(|_| "has a field of negative length")?;
    let field = bytes.split_at_checked(length);
    let (field, left) = field.ok_or("has a field that ends after it")?;
    *bytes = left;
    Ok(Some(field))
}
