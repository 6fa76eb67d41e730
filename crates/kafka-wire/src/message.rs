//! What all messages have in common.

use std::fmt::Debug;

use bytes::Bytes;

use crate::api_key::ApiKey;
use crate::error::{ReadError, WriteError};
use crate::reader::Reader;
use crate::segment::Frame;
use crate::writer::Writer;

/// A request, a response, a header or a record.
///
/// A field that a version does not have has its default after reading. In writing, one that the
/// version does not have must be at its default, or the message is refused, so that nothing that
/// was said is lost silently; the fields that are marked as ignorable are left out.
/// Unknown tagged fields are skipped.
pub trait Message: Clone + Debug + Default + PartialEq {
    /// Its name in Kafka's documentation.
    const NAME: &'static str;
    /// The first and the last version that the codec knows.
    const VERSIONS: (i16, i16);
    /// The first version with compact lengths and tagged fields.
    const FLEXIBLE: Option<i16>;

    /// Reads one from the reader's place; bytes after it are left.
    ///
    /// # Errors
    /// The version is unknown, the bytes are not such a message, or it takes too much memory.
    fn read(reader: &mut Reader, version: i16) -> Result<Self, ReadError>;

    /// Writes it after what was written before.
    ///
    /// # Errors
    /// The version is unknown or cannot say what the message does.
    fn write(&self, writer: &mut Writer, version: i16) -> Result<(), WriteError>;
}

/// A message that asks for another.
pub trait Request: Message {
    /// Its API.
    const KEY: ApiKey;
    /// What is answered, in the version of the request.
    type Response: Message;
}

/// A kind of message as a value: for tools that take any of them.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// [`Message::NAME`].
    pub name: &'static str,
    /// [`Message::VERSIONS`].
    pub versions: (i16, i16),
    /// [`Message::FLEXIBLE`].
    pub flexible: Option<i16>,
    /// Reads a message and forgets it.
    pub check: fn(Reader, i16) -> Result<(), ReadError>,
    /// Reads a message and writes it again.
    pub rewrite: fn(Reader, i16) -> Result<Result<Frame, WriteError>, ReadError>,
    /// Writes a message that says nothing: every field at its default.
    pub empty: fn(i16) -> Result<Frame, WriteError>,
    /// Reads a message and prints it as Rust would.
    pub print: fn(Reader, i16) -> Result<String, ReadError>,
}

impl Kind {
    pub(crate) const fn of<M: Message>() -> Self {
        Self {
            name: M::NAME,
            versions: M::VERSIONS,
            flexible: M::FLEXIBLE,
            check: |mut reader, version| M::read(&mut reader, version).map(drop),
            rewrite: rewrite::<M>,
            empty: |version| write(&M::default(), version),
            print: |mut reader, version| Ok(format!("{:?}", M::read(&mut reader, version)?)),
        }
    }
}

fn rewrite<M: Message>(
    mut reader: Reader,
    version: i16,
) -> Result<Result<Frame, WriteError>, ReadError> {
    let message = M::read(&mut reader, version)?;
    Ok(write(&message, version))
}

fn write<M: Message>(message: &M, version: i16) -> Result<Frame, WriteError> {
    let mut writer = Writer::new();
    message.write(&mut writer, version)?;
    writer.finish()
}

/// Reads a message whose version stands before it in two bytes, as in most records.
///
/// # Errors
/// As those of [`Message::read`].
pub fn read_versioned<M: Message>(bytes: Bytes) -> Result<(i16, M), ReadError> {
    let mut reader = Reader::new(bytes);
    let version = reader.int16("version")?;
    Ok((version, M::read(&mut reader, version)?))
}

/// Reads the two bytes that [`write_prefixed`] writes before a message.
///
/// # Errors
/// There are fewer.
pub fn read_prefix(reader: &mut Reader) -> Result<i16, ReadError> {
    reader.int16("prefix")
}

/// Writes a message after two bytes: its version, or, in the key of a record, the record's number.
///
/// # Errors
/// As those of [`Message::write`].
pub fn write_prefixed<M: Message>(
    prefix: i16,
    message: &M,
    version: i16,
) -> Result<Bytes, WriteError> {
    let mut writer = Writer::new();
    writer.int16(prefix);
    message.write(&mut writer, version)?;
    Ok(writer.finish()?.into_bytes())
}
