//! From a value to a message that can be encoded.

use std::borrow::Cow;
use std::collections::HashMap;

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use millrace_message::value::timestamp;
use millrace_message::{Object, Value};
use prost_reflect::{
    DescriptorPool, DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MapKey,
    MessageDescriptor, Value as Wire,
};

use super::problem::Problem;
use super::to_value::required;
use super::well_known::{self, Shape};
use super::{DEPTH_MAX, WriteOptions, number};

/// Makes messages of values.
pub(super) struct Writer<'a> {
    pub options: WriteOptions,
    pub has_required: bool,
    pub others: &'a [DescriptorPool],
}

impl Writer<'_> {
    pub fn root(
        &self,
        descriptor: &MessageDescriptor,
        value: &Value,
    ) -> Result<DynamicMessage, Problem> {
        self.message(descriptor, value, 1)
    }

    pub(super) fn message(
        &self,
        descriptor: &MessageDescriptor,
        value: &Value,
        depth: usize,
    ) -> Result<DynamicMessage, Problem> {
        if depth > DEPTH_MAX {
            return Err(Problem::too_deep());
        }
        if let Some(form) = well_known::form(descriptor.full_name()) {
            return self.well_known(form, descriptor, value, depth);
        }
        let members = value
            .as_object()
            .ok_or_else(|| Problem::invalid(&Kind::Message(descriptor.clone()), value))?;
        self.object(descriptor, members, depth, None)
    }

    /// An object as the fields of a message, but for the member `beside`.
    pub(super) fn object(
        &self,
        descriptor: &MessageDescriptor,
        members: &Object,
        depth: usize,
        beside: Option<&str>,
    ) -> Result<DynamicMessage, Problem> {
        if depth > DEPTH_MAX {
            return Err(Problem::too_deep());
        }
        let mut message = DynamicMessage::new(descriptor.clone());
        for (name, value) in members.entries() {
            if beside == Some(name.as_str()) {
                continue;
            }
            if let Some(field) = field(descriptor, members, &name)? {
                self.set_field(&mut message, &field, &value, depth)
                    .map_err(|problem| problem.in_field(&name))?;
            } else if let Some(extension) = descriptor.get_extension_by_json_name(&name) {
                let shape = shape(extension.is_list(), extension.is_map());
                let kind = extension.kind();
                if value.is_null() && !takes_null(&kind) {
                    continue;
                }
                let value = self
                    .shaped(shape, &kind, &value, depth)
                    .map_err(|problem| problem.in_field(&name))?;
                if let Some(value) = value {
                    message.set_extension(&extension, value);
                }
            } else if !self.options.discard_unknown {
                return Err(Problem::unknown(&name));
            }
        }
        if self.has_required {
            required(&message)?;
        }
        Ok(message)
    }

    fn set_field(
        &self,
        message: &mut DynamicMessage,
        field: &FieldDescriptor,
        value: &Value,
        depth: usize,
    ) -> Result<(), Problem> {
        let kind = field.kind();
        if value.is_null() && !takes_null(&kind) {
            return Ok(());
        }
        if let Some(choices) = field.containing_oneof()
            && choices.fields().any(|it| message.has_field(&it))
        {
            return Err(Problem::new(format!(
                "another choice of the oneof `{}` is set",
                choices.name()
            )));
        }
        let shape = shape(field.is_list(), field.is_map());
        if let Some(value) = self.shaped(shape, &kind, value, depth)? {
            message.set_field(field, value);
        }
        Ok(())
    }

    /// The value of a field; nothing for the unknown name of an enum, where such are passed over.
    pub(super) fn shaped(
        &self,
        shape: Shape,
        kind: &Kind,
        value: &Value,
        depth: usize,
    ) -> Result<Option<Wire>, Problem> {
        match shape {
            Shape::Single => self.single(kind, value, depth),
            Shape::List => {
                let elements = value.as_array().ok_or_else(|| not("an array", value))?;
                let mut list = Vec::with_capacity(elements.len());
                for (index, element) in elements.iter().enumerate() {
                    let element = self
                        .single(kind, &element, depth)
                        .map_err(|problem| problem.in_element(index))?;
                    list.extend(element);
                }
                Ok(Some(Wire::List(list)))
            }
            Shape::Map => {
                let members = value.as_object().ok_or_else(|| not("an object", value))?;
                let entry = kind.as_message().ok_or_else(|| not("a map", value))?;
                let key_kind = entry.map_entry_key_field().kind();
                let value_kind = entry.map_entry_value_field().kind();
                let mut map = HashMap::with_capacity(members.len());
                for (name, value) in members.entries() {
                    let key = map_key(&key_kind, &name)
                        .ok_or_else(|| Problem::invalid(&key_kind, &Value::String(name.clone())))?;
                    let value = self
                        .single(&value_kind, &value, depth)
                        .map_err(|problem| problem.at_key(&name))?;
                    if let Some(value) = value
                        && map.insert(key, value).is_some()
                    {
                        return Err(Problem::new(format!("the key {name:?} is there twice")));
                    }
                }
                Ok(Some(Wire::Map(map)))
            }
        }
    }

    fn single(&self, kind: &Kind, value: &Value, depth: usize) -> Result<Option<Wire>, Problem> {
        let wire = match kind {
            Kind::Message(descriptor) => {
                return self
                    .message(descriptor, value, depth + 1)
                    .map(|message| Some(Wire::Message(message)));
            }
            Kind::Enum(descriptor) => match (enumeration(descriptor, value), value) {
                (None, Value::String(_)) if self.options.discard_unknown => return Ok(None),
                (number, _) => number.map(Wire::EnumNumber),
            },
            scalar => scalar_of(scalar, value),
        };
        wire.map(Some).ok_or_else(|| Problem::invalid(kind, value))
    }
}

/// The field of a member: by its name in camel case, or by that of the `.proto` file.
fn field(
    descriptor: &MessageDescriptor,
    members: &Object,
    name: &str,
) -> Result<Option<FieldDescriptor>, Problem> {
    if let Some(field) = descriptor.get_field_by_json_name(name) {
        return Ok(Some(field));
    }
    let field = descriptor.get_field_by_name(name);
    match &field {
        Some(field) if members.contains_key(field.json_name()) => Err(Problem::new(format!(
            "the field `{name}` is there twice, as `{}` too",
            field.json_name()
        ))),
        _ => Ok(field),
    }
}

fn shape(is_list: bool, is_map: bool) -> Shape {
    match (is_list, is_map) {
        (true, _) => Shape::List,
        (_, true) => Shape::Map,
        _ => Shape::Single,
    }
}

/// Whether null is a value of this type, and not a field that is not set.
fn takes_null(kind: &Kind) -> bool {
    match kind {
        Kind::Message(message) => message.full_name() == "google.protobuf.Value",
        Kind::Enum(descriptor) => is_null_value(descriptor),
        _ => false,
    }
}

fn is_null_value(descriptor: &EnumDescriptor) -> bool {
    descriptor.full_name() == "google.protobuf.NullValue"
}

fn not(wanted: &str, value: &Value) -> Problem {
    Problem::new(format!("expected {wanted}, not {}", value.kind()))
}

fn enumeration(descriptor: &EnumDescriptor, value: &Value) -> Option<i32> {
    match value {
        Value::String(name) => Some(descriptor.get_value_by_name(name)?.number()),
        Value::Null if is_null_value(descriptor) => Some(0),
        number => i32::try_from(number::integer(number)?).ok(),
    }
}

fn scalar_of(kind: &Kind, value: &Value) -> Option<Wire> {
    Some(match kind {
        Kind::Double => Wire::F64(number::float(value)?),
        Kind::Float => {
            let double = number::float(value)?;
            let single = double as f32;
            if single.is_infinite() && double.is_finite() {
                return None;
            }
            Wire::F32(single)
        }
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
            Wire::I32(number::integer(value)?.try_into().ok()?)
        }
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
            Wire::I64(number::integer(value)?.try_into().ok()?)
        }
        Kind::Uint32 | Kind::Fixed32 => Wire::U32(number::integer(value)?.try_into().ok()?),
        Kind::Uint64 | Kind::Fixed64 => Wire::U64(number::integer(value)?.try_into().ok()?),
        Kind::Bool => Wire::Bool(value.as_bool()?),
        Kind::String => Wire::String(text(value)?.into_owned()),
        Kind::Bytes => Wire::Bytes(bytes(value)?),
        Kind::Message(_) | Kind::Enum(_) => return None,
    })
}

/// The text that a value is in JSON: of bytes it is base64, of a time RFC 3339.
pub(super) fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Bytes(bytes) => Some(Cow::Owned(BASE64_STANDARD.encode(&***bytes))),
        Value::Timestamp(at) => Some(Cow::Owned(timestamp::rfc3339(at))),
        _ => None,
    }
}

/// Bytes, or a text that is base64: of either alphabet, with padding or without.
fn bytes(value: &Value) -> Option<Bytes> {
    const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const STANDARD_ENGINE: GeneralPurpose = GeneralPurpose::new(&STANDARD, CONFIG);
    const URL_SAFE_ENGINE: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, CONFIG);
    match value {
        Value::Bytes(bytes) => Some(bytes.as_ref().clone()),
        Value::String(text) => {
            let engine = match text.contains(['-', '_']) {
                true => &URL_SAFE_ENGINE,
                false => &STANDARD_ENGINE,
            };
            engine.decode(text.as_bytes()).ok().map(Bytes::from)
        }
        _ => None,
    }
}

fn map_key(kind: &Kind, key: &str) -> Option<MapKey> {
    Some(match kind {
        Kind::String => MapKey::String(key.to_owned()),
        Kind::Bool => MapKey::Bool(key.parse().ok()?),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => MapKey::I32(key.parse().ok()?),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => MapKey::I64(key.parse().ok()?),
        Kind::Uint32 | Kind::Fixed32 => MapKey::U32(key.parse().ok()?),
        Kind::Uint64 | Kind::Fixed64 => MapKey::U64(key.parse().ok()?),
        _ => return None,
    })
}
