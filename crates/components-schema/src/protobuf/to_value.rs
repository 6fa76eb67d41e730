//! From a decoded message to a value.

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use millrace_message::{Array, Object, Text, Value};
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, ReflectMessage, Value as Wire,
};

use super::memory::Memory;
use super::problem::Problem;
use super::{DEPTH_MAX, ReadOptions, number, well_known};
use crate::lent::Lent;

/// Makes values of the messages of a schema.
pub(super) struct Reader<'a> {
    pub options: ReadOptions,
    pub has_required: bool,
    pub others: &'a [DescriptorPool],
    pub lent: Lent,
    pub memory: Memory,
}

impl Reader<'_> {
    pub fn root(&self, message: &DynamicMessage) -> Result<Value, Problem> {
        self.message(message, 1)
    }

    /// A message, as the object of its fields or in the form of its well-known type.
    pub(super) fn message(&self, message: &DynamicMessage, depth: usize) -> Result<Value, Problem> {
        if depth > DEPTH_MAX {
            return Err(Problem::too_deep());
        }
        let descriptor = message.descriptor();
        match well_known::form(descriptor.full_name()) {
            Some(form) => self.well_known(form, message, depth),
            None => Ok(object(self.members(message, depth)?)),
        }
    }

    /// The fields of a message that are set, or all of them.
    pub(super) fn members(
        &self,
        message: &DynamicMessage,
        depth: usize,
    ) -> Result<Vec<(Text, Value)>, Problem> {
        if self.has_required {
            required(message)?;
        }
        let mut members = Vec::new();
        for (field, value) in message.fields() {
            let value = self
                .value(&field.kind(), value, depth)
                .map_err(|problem| problem.in_field(field.name()))?;
            members.push((self.name(&field)?, value));
        }
        for (extension, value) in message.extensions() {
            let value = self
                .value(&extension.kind(), value, depth)
                .map_err(|problem| problem.in_field(extension.json_name()))?;
            members.push((self.lend(extension.json_name())?, value));
        }
        if self.options.emit_unpopulated {
            self.unpopulated(message, &mut members)?;
        }
        Ok(members)
    }

    /// Those that are not set: null where a field tells that it is not, else the default. What is a
    /// choice of a `oneof` is left out.
    fn unpopulated(
        &self,
        message: &DynamicMessage,
        members: &mut Vec<(Text, Value)>,
    ) -> Result<(), Problem> {
        for field in message.descriptor().fields() {
            if message.has_field(&field) || field.containing_oneof().is_some() {
                continue;
            }
            let room = self.memory.member();
            room.map_err(|error| Problem::new(error.to_string()))?;
            let value = match field.supports_presence() {
                true => Value::Null,
                false => self.value(&field.kind(), &field.default_value(), 0)?,
            };
            members.push((self.name(&field)?, value));
        }
        Ok(())
    }

    fn name(&self, field: &FieldDescriptor) -> Result<Text, Problem> {
        match field.kind() {
            Kind::Message(group) if self.options.use_proto_names && field.is_group() => {
                self.lend(group.name())
            }
            _ if self.options.use_proto_names => self.lend(field.name()),
            _ => self.lend(field.json_name()),
        }
    }

    /// A name of the schema, as a part of the value.
    fn lend(&self, name: &str) -> Result<Text, Problem> {
        let lent = self.lent.take(name);
        lent.map_err(|error| Problem::new(error.to_string()))?;
        Ok(Text::from(name))
    }

    fn enumeration(&self, kind: &Kind, number: i32) -> Result<Value, Problem> {
        let descriptor = kind.as_enum();
        if descriptor.is_some_and(|it| it.full_name() == "google.protobuf.NullValue") {
            return Ok(Value::Null);
        }
        match descriptor.and_then(|it| it.get_value(number)) {
            Some(value) => Ok(Value::String(self.lend(value.name())?)),
            None => Ok(Value::I64(i64::from(number))),
        }
    }

    /// A value of a field, of an element, or of a map.
    pub(super) fn value(&self, kind: &Kind, value: &Wire, depth: usize) -> Result<Value, Problem> {
        Ok(match value {
            Wire::Bool(value) => Value::Bool(*value),
            Wire::I32(value) => Value::I64(i64::from(*value)),
            Wire::U32(value) => Value::I64(i64::from(*value)),
            Wire::I64(value) => Value::String(number::text(*value)),
            Wire::U64(value) => Value::String(number::text(*value)),
            Wire::F32(value) => number::single(*value),
            Wire::F64(value) => number::double(*value),
            Wire::String(value) => Value::String(Text::from(value.as_str())),
            Wire::Bytes(value) => Value::from(BASE64_STANDARD.encode(value)),
            Wire::EnumNumber(number) => self.enumeration(kind, *number)?,
            Wire::Message(message) => self.message(message, depth + 1)?,
            Wire::List(elements) => {
                let element = |(index, element): (usize, &Wire)| {
                    self.value(kind, element, depth)
                        .map_err(|problem| problem.in_element(index))
                };
                let elements: Result<Vec<Value>, Problem> =
                    elements.iter().enumerate().map(element).collect();
                Value::Array(Array::from(elements?))
            }
            Wire::Map(entries) => {
                let Kind::Message(entry) = kind else {
                    return Err(Problem::new("a map that is none"));
                };
                let kind = entry.map_entry_value_field().kind();
                let entry = |(key, value): (&MapKey, &Wire)| {
                    let key = map_key(key);
                    let value = self
                        .value(&kind, value, depth)
                        .map_err(|problem| problem.at_key(&key))?;
                    Ok((key, value))
                };
                let entries: Result<Vec<_>, Problem> = entries.iter().map(entry).collect();
                object(entries?)
            }
        })
    }
}

/// An object of members in any order.
pub(super) fn object(members: Vec<(Text, Value)>) -> Value {
    Value::Object(members.into_iter().collect::<Object>())
}

/// The part of a well-known type with this number; its default, when it is not set.
pub(super) fn part(message: &DynamicMessage, number: u32) -> Result<Cow<'_, Wire>, Problem> {
    message
        .get_field_by_number(number)
        .ok_or_else(|| foreign(message))
}

/// A type that has the name of a well-known one, and other fields.
pub(super) fn foreign(message: &DynamicMessage) -> Problem {
    let descriptor = message.descriptor();
    Problem::new(format!(
        "`{}` is not defined as Protobuf defines it",
        descriptor.full_name()
    ))
}

/// Refuses a message that leaves out a required field.
pub(super) fn required(message: &DynamicMessage) -> Result<(), Problem> {
    let descriptor = message.descriptor();
    let mut fields = descriptor.fields();
    match fields.find(|field| field.is_required() && !message.has_field(field)) {
        None => Ok(()),
        Some(field) => Err(Problem::new(format!(
            "the required field `{}` is not set",
            field.full_name()
        ))),
    }
}

fn map_key(key: &MapKey) -> Text {
    match key {
        MapKey::Bool(true) => Text::from_static("true"),
        MapKey::Bool(false) => Text::from_static("false"),
        MapKey::I32(key) => number::text(*key),
        MapKey::I64(key) => number::text(*key),
        MapKey::U32(key) => number::text(*key),
        MapKey::U64(key) => number::text(*key),
        MapKey::String(key) => Text::from(key.as_str()),
    }
}
