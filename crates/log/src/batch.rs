//! A batch on its way into the log.

use bytes::Bytes;
use millrace_kafka_wire::batch::{BatchError, BatchHeader, is_intact};

/// A batch that may be stored: whole, with the checksum that it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    pub(crate) header: BatchHeader,
    pub(crate) bytes: Bytes,
    /// The checksum in the header is no longer that of the batch.
    pub(crate) is_changed: bool,
}

impl Batch {
    pub(crate) fn new(header: BatchHeader, bytes: Bytes) -> Self {
        Self {
            header,
            bytes,
            is_changed: false,
        }
    }

    /// A batch that was not sent by a client: a marker, a record of a coordinator, or what a
    /// leader holds. Only its length and its checksum are looked at.
    ///
    /// # Errors
    /// It is not exactly one sound batch.
    pub fn own(bytes: Bytes) -> Result<Self, BatchError> {
        let header = is_intact(&bytes)?;
        match header.size() == bytes.len() {
            true => Ok(Self::new(header, bytes)),
            false => Err(BatchError::Length(header.length)),
        }
    }

    /// The first of several batches, as [`Batch::own`]; `bytes` are those that follow then.
    ///
    /// # Errors
    /// They do not begin with a sound batch.
    pub fn own_prefix(bytes: &mut Bytes) -> Result<Self, BatchError> {
        let header = is_intact(bytes)?;
        Ok(Self::new(header, bytes.split_to(header.size())))
    }

    /// The batches of a fetched response, one after another; what is left of one at the end is
    /// ignored, as a response may be cut anywhere.
    ///
    /// # Errors
    /// One of them is damaged.
    pub fn fetched(mut bytes: Bytes) -> Result<Vec<Self>, BatchError> {
        let mut batches = Vec::new();
        loop {
            match is_intact(&bytes) {
                Ok(header) => batches.push(Self::new(header, bytes.split_to(header.size()))),
                Err(BatchError::Short { .. }) => return Ok(batches),
                Err(error) => return Err(error),
            }
        }
    }

    /// The batch as it came.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// As the client sent it, but for a largest time that was corrected.
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }
}
