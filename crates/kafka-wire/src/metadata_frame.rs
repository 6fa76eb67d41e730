//! How a record of the metadata log holds its message: frame version, number and version before it.

use bytes::Bytes;

use crate::error::{ReadError, WriteError};
use crate::metadata::MetadataRecord;
use crate::reader::Reader;
use crate::writer::Writer;

/// The only version of the frame that there is.
const FRAME: u32 = 1;

impl MetadataRecord {
    /// Reads the value of a record; `None` is one that the codec does not know.
    ///
    /// # Errors
    /// It breaks its format.
    pub fn decode(value: Bytes) -> Result<Option<Self>, ReadError> {
        let mut reader = Reader::new(value);
        let frame = reader.varint("frame version")?;
        let id = reader.varint("record number")?;
        let version = reader.varint("record version")?;
        let (Ok(id), Ok(version), FRAME) = (i16::try_from(id), i16::try_from(version), frame)
        else {
            return Ok(None);
        };
        Self::read(id, &mut reader, version)
    }

    /// The value of a record.
    ///
    /// # Errors
    /// The version cannot say what the record does.
    pub fn encode(&self, version: i16) -> Result<Bytes, WriteError> {
        let mut writer = Writer::new();
        writer.varint(FRAME);
        writer.varint(self.id().unsigned_abs().into());
        writer.varint(version.unsigned_abs().into());
        self.write(&mut writer, version)?;
        Ok(writer.finish()?.into_bytes())
    }
}
