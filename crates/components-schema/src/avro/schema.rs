//! A schema, checked: a table of types that refer to each other by their place in it.

use bytes::Bytes;
use millrace_message::{Text, Value};

use super::{AvroError, Result, name, parse};

/// The place of a type in its schema.
pub(super) type Id = u32;

/// A schema, ready to read and write with.
#[derive(Clone, Debug)]
pub struct Schema {
    pub(super) types: Vec<Type>,
    pub(super) root: Id,
    pub(super) fingerprints: Fingerprints,
}

/// What a schema is told by in the single object encoding.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fingerprints {
    /// As goavro computes it: written.
    pub written: u64,
    /// As the specification does: read as well.
    pub standard: u64,
}

/// A type and the name that unions know it by.
#[derive(Clone, Debug)]
pub(super) struct Type {
    pub name: Text,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Null,
    Boolean,
    Int(Int),
    Long(Long),
    Float,
    Double,
    Bytes,
    /// A decimal of any number of bytes.
    DecimalBytes(Decimal),
    String,
    Fixed(usize),
    DecimalFixed(usize, Decimal),
    Enum(Enum),
    Array(Id),
    Map(Id),
    Record(Record),
    Union(Union),
}

/// What an int stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Int {
    Number,
    Date,
    TimeMillis,
}

/// What a long stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Long {
    Number,
    TimeMicros,
    TimestampMillis,
    TimestampMicros,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Decimal {
    /// How many digits there are at most, those behind the point among them.
    pub precision: u32,
    pub scale: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Enum {
    pub symbols: Vec<Text>,
    /// The places of the symbols, in the order of their text.
    pub ordered: Vec<u32>,
}

#[derive(Clone, Debug)]
pub(super) struct Record {
    pub fields: Vec<Field>,
    /// The places of the fields, in the order of their names.
    pub ordered: Vec<u32>,
}

#[derive(Clone, Debug)]
pub(super) struct Field {
    pub name: Text,
    pub schema: Id,
    /// Where it stands among the fields in the order of their names.
    pub rank: u32,
    pub default: Option<DefaultValue>,
}

/// What a field is when a message does not say it.
#[derive(Clone, Debug)]
pub(super) struct DefaultValue {
    pub json: Value,
    /// The same in the binary encoding; empty until all types are known.
    pub bytes: Option<Bytes>,
}

#[derive(Clone, Debug)]
pub(super) struct Union {
    pub members: Vec<Id>,
    /// The places of the members, in the order of their names.
    pub ordered: Vec<u32>,
    /// The place of null.
    pub null: Option<u32>,
}

/// The largest schema that is read, in bytes.
pub const SCHEMA_MAX: usize = 16 << 20;

impl Schema {
    /// Reads a schema from its JSON.
    ///
    /// # Errors
    /// It is no schema, or larger than [`SCHEMA_MAX`].
    pub fn parse(json: &str) -> Result<Self> {
        Self::parse_with(json, std::iter::empty(), false)
    }

    /// Reads a schema that refers to others, given by name with those before them that they refer
    /// to. With `sanitize` characters that namespaces cannot have are taken out of them.
    ///
    /// # Errors
    /// As [`Schema::parse`], for any of them.
    pub(crate) fn parse_with<'a>(
        json: &str,
        known: impl Iterator<Item = (&'a str, &'a str)>,
        sanitize: bool,
    ) -> Result<Self> {
        let read = |json: &str| {
            if json.len() > SCHEMA_MAX {
                return Err(AvroError::new(format!(
                    "the schema is larger than {SCHEMA_MAX} bytes"
                )));
            }
            let value = Value::parse_json(Bytes::copy_from_slice(json.as_bytes()))
                .map_err(|error| AvroError::new(format!("the schema is no JSON: {error}")))?;
            Ok(match sanitize {
                true => name::sanitized(&value),
                false => value,
            })
        };
        let known = known.map(|(name, json)| Ok((name, read(json)?)));
        parse::schema(&read(json)?, known)
    }

    pub(super) fn get(&self, id: Id) -> &Type {
        &self.types[id as usize]
    }

    /// What a message in the single object encoding begins with.
    pub(crate) fn single_header(&self) -> [u8; 10] {
        single_header(self.fingerprints.written)
    }

    /// The binary part of a message in the single object encoding.
    ///
    /// # Errors
    /// It is none, or of another schema.
    pub(crate) fn strip_single_header<'a>(&self, message: &'a [u8]) -> Result<&'a [u8]> {
        let Some((head, rest)) = message.split_first_chunk::<10>() else {
            return Err(AvroError::new(
                "a message in the single object encoding has ten bytes at least",
            ));
        };
        if head[..2] != MARKER {
            return Err(AvroError::new(format!(
                "a message in the single object encoding begins with c3 01, not {:02x} {:02x}",
                head[0], head[1]
            )));
        }
        let Fingerprints { written, standard } = self.fingerprints;
        if *head != single_header(written) && *head != single_header(standard) {
            let found = u64::from_le_bytes(*rest_of(head));
            return Err(AvroError::new(format!(
                "the message has the fingerprint {found:016x}, the schema {written:016x}"
            )));
        }
        Ok(rest)
    }
}

const MARKER: [u8; 2] = [0xc3, 0x01];

fn single_header(fingerprint: u64) -> [u8; 10] {
    let mut header = [0; 10];
    header[..2].copy_from_slice(&MARKER);
    header[2..].copy_from_slice(&fingerprint.to_le_bytes());
    header
}

fn rest_of(head: &[u8; 10]) -> &[u8; 8] {
    head.last_chunk().expect("ten bytes end with eight")
}
