//! Messages of Protobuf as registries frame them: which type of the schema a message has stands
//! before it.
//!
//! ```text
//! body    = indexes message
//! indexes = 0                 the first message of the schema
//!         | count index*      one of the schema, one within that one, and so on
//! ```
//!
//! Count and indexes are zigzag varints.

use std::collections::BTreeMap;

use bytes::Bytes;
use millrace_message::{Error, Value};
use prost::encoding::{decode_varint, encode_varint};
use prost_reflect::MessageDescriptor;

use super::references::Referenced;
use crate::protobuf::{MessageType, ReadOptions, Schema, WriteOptions};

/// Of how many types an error says why a message does not fit them.
const REASONS_MAX: usize = 10;

/// The messages of a registered schema.
pub(crate) struct MessageTypes {
    schema: Schema,
    /// Those that do not stand within others, in the order of the schema.
    roots: Vec<MessageType>,
}

impl MessageTypes {
    /// Compiles a schema and all that it refers to; others are imported by the names of the
    /// references.
    ///
    /// # Errors
    /// What is wrong, and in which file.
    pub(super) fn compile(schema: &str, references: Vec<Referenced>) -> Result<Self, Error> {
        let named = references.into_iter().map(|it| (it.name, it.schema));
        let mut files: BTreeMap<String, String> = named.collect();
        let mut own = "schema".to_owned();
        while files.contains_key(&own) {
            own.push('_');
        }
        files.insert(own.clone(), schema.to_owned());
        let schema = Schema::compile(files)?;
        let file = schema.pool().get_file_by_name(&own);
        let roots = file.iter().flat_map(|file| {
            let messages = file.messages().map(|it| schema.message_of(it));
            messages.collect::<Vec<_>>()
        });
        Ok(Self {
            roots: roots.collect(),
            schema,
        })
    }

    /// The value of what follows the number of the schema.
    ///
    /// # Errors
    /// The indexes lead to no type, or the message is none of that type, or its value takes more than
    /// `memory_max` bytes.
    pub(super) fn decode(&self, mut body: Bytes, memory_max: usize) -> Result<Value, Error> {
        self.pointed_at(&mut body)?
            .read(body, ReadOptions::default(), memory_max)
    }

    /// The type that the indexes lead to. They are taken off.
    fn pointed_at(&self, body: &mut Bytes) -> Result<MessageType, Error> {
        let count = varint(body)?;
        if count == 0 {
            return self.root(0).cloned();
        }
        if count < 0 {
            let text = format!("the message has {count} indexes of its type before it");
            return Err(Error::rejected(text));
        }
        let mut found = self.root(varint(body)?)?.clone();
        // A count that lies ends where types nest no further, or at the end of the message.
        for _ in 1..count {
            let inner = nested(found.descriptor(), varint(body)?)?;
            found = self.schema.message_of(inner);
        }
        Ok(found)
    }

    fn root(&self, index: i64) -> Result<&MessageType, Error> {
        let found = usize::try_from(index).ok();
        found
            .and_then(|index| self.roots.get(index))
            .ok_or_else(|| no_type("the schema", index, self.roots.len()))
    }

    /// Appends the first type that a value fits, and the message of it.
    ///
    /// # Errors
    /// Why the value fits no type of the schema.
    pub(super) fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), Error> {
        let mut reasons = Vec::new();
        for (index, root) in self.roots.iter().enumerate() {
            match root.write(value, WriteOptions::default()) {
                Ok(message) => {
                    push_index(index, out);
                    out.extend_from_slice(&message);
                    return Ok(());
                }
                Err(error) if reasons.len() < REASONS_MAX => reasons.push(error.to_string()),
                Err(_) => {}
            }
        }
        Err(Error::rejected(match self.roots.len() {
            0 => "the schema defines no message".to_owned(),
            count if count > reasons.len() => format!(
                "the message fits none of the {count} types of the schema, among them: {}",
                reasons.join("; ")
            ),
            _ => reasons.join("; "),
        }))
    }
}

/// A type within another one.
fn nested(outer: &MessageDescriptor, index: i64) -> Result<MessageDescriptor, Error> {
    let mut inner = outer.child_messages();
    let count = inner.len();
    let found = usize::try_from(index).ok().filter(|index| *index < count);
    found
        .and_then(|index| inner.nth(index))
        .ok_or_else(|| no_type(&format!("message `{}`", outer.full_name()), index, count))
}

fn no_type(place: &str, index: i64, count: usize) -> Error {
    Error::rejected(format!(
        "there is no message type {index} in {place}, which has {count} of them, counted from 0"
    ))
}

fn varint(body: &mut Bytes) -> Result<i64, Error> {
    let zigzag = decode_varint(body).map_err(|_| {
        Error::rejected("the message ends within the indexes of its type, or one has no end")
    })?;
    Ok((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
}

fn push_index(index: usize, out: &mut Vec<u8>) {
    if index == 0 {
        out.push(0);
    } else {
        encode_varint(1 << 1, out);
        encode_varint((index as u64) << 1, out);
    }
}

#[cfg(test)]
mod tests;
