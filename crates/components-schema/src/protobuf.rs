//! Protobuf: message types out of `.proto` files, and the way between messages as they are encoded
//! and values, by Protobuf's own mapping to JSON.
//!
//! [`Schema::compile`] takes the texts of `.proto` files, [`Schema::compiled`] takes them as others
//! have compiled them, [`Schema::message`] finds a type among them, [`MessageType::read`] and [`MessageType::write`] convert messages of it. A 64-bit integer
//! is a text, an enum is the name of its value, bytes are base64, and the types of
//! `google.protobuf` have the forms that the mapping gives them.
//!
//! Encoded messages come from anybody: sizes are checked against the bytes that are there, and
//! messages nest [`DEPTH_MAX`] levels deep at most, what an `Any` holds included.

use std::sync::Arc;

use bytes::Bytes;
use millrace_message::{Error, Value};
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};

use crate::lent::Lent;
use memory::Memory;

pub use schema::Schema;

mod descriptors;
mod memory;
mod nesting;
mod number;
mod problem;
mod schema;
mod time;
mod to_value;
mod to_wire;
mod well_known;

/// How deep messages may nest, as other implementations of Protobuf bound it.
pub const DEPTH_MAX: usize = 100;

/// How messages are read.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadOptions {
    /// Whether fields have the names of the `.proto` file, not those in camel case.
    pub use_proto_names: bool,
    /// Whether fields that are not set are there, with their default or as null.
    pub emit_unpopulated: bool,
}

/// How messages are written.
#[derive(Clone, Copy, Debug, Default)]
pub struct WriteOptions {
    /// Whether members that are no field of the type are passed over.
    pub discard_unknown: bool,
}

/// The type of a message.
#[derive(Clone, Debug)]
pub struct MessageType {
    descriptor: MessageDescriptor,
    /// Whether any type of its schema has required fields, which have to be looked for then.
    has_required: bool,
    /// Where else there are types that an `Any` may hold.
    others: Arc<[DescriptorPool]>,
}

impl MessageType {
    /// What the type is made of.
    pub fn descriptor(&self) -> &MessageDescriptor {
        &self.descriptor
    }

    /// The same type, for whom an `Any` may hold the types of these schemas as well.
    pub fn beside<'a>(mut self, others: impl IntoIterator<Item = &'a Schema>) -> Self {
        let others: Vec<&Schema> = others.into_iter().collect();
        self.has_required |= others.iter().any(|it| it.has_required);
        self.others = others.into_iter().map(|it| it.pool().clone()).collect();
        self
    }

    /// The value of an encoded message.
    ///
    /// # Errors
    /// The bytes are no message of this type, nest deeper than [`DEPTH_MAX`], leave out a required
    /// field, hold what the mapping to JSON has no form for, or take more than `memory_max` bytes.
    pub fn read(
        &self,
        message: Bytes,
        options: ReadOptions,
        memory_max: usize,
    ) -> Result<Value, Error> {
        let name = self.descriptor.full_name();
        let lent = Lent::for_message(message.len());
        let memory = Memory::for_message(message.len(), memory_max);
        let room = memory.decode(&self.descriptor, &message);
        room.map_err(|error| Error::rejected(format!("message `{name}`: {error}")))?;
        let message = DynamicMessage::decode(self.descriptor.clone(), message)
            .map_err(|error| Error::rejected(format!("this is no message `{name}`: {error}")))?;
        let reader = to_value::Reader {
            options,
            has_required: self.has_required,
            others: &self.others,
            lent,
            memory,
        };
        reader.root(&message).map_err(|problem| {
            Error::rejected(format!("message `{name}` has no JSON form: {problem}"))
        })
    }

    /// The encoded message of a value.
    ///
    /// # Errors
    /// The value does not fit the type: an unknown member, a value of the wrong type or out of its
    /// range, a missing required field; or it nests deeper than [`DEPTH_MAX`].
    pub fn write(&self, value: &Value, options: WriteOptions) -> Result<Vec<u8>, Error> {
        let writer = to_wire::Writer {
            options,
            has_required: self.has_required,
            others: &self.others,
        };
        let message = writer.root(&self.descriptor, value).map_err(|problem| {
            let name = self.descriptor.full_name();
            Error::rejected(format!("this does not fit the message `{name}`: {problem}"))
        })?;
        Ok(message.encode_to_vec())
    }
}

#[cfg(test)]
mod tests;
