//! The types of `google.protobuf` that the mapping to JSON gives forms of their own, both ways.

use bytes::Bytes;
use millrace_message::{Object, Text, Value};
use prost::Message as _;
use prost_reflect::{
    DescriptorPool, DynamicMessage, MessageDescriptor, ReflectMessage, Value as Wire,
};

use super::number;
use super::problem::Problem;
use super::time::Seconds;
use super::to_value::{Reader, foreign, object, part};
use super::to_wire::{Writer, text};

/// How such a type stands in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// An object of the fields of what it holds, and its type as `@type`.
    Any,
    /// A text of paths.
    FieldMask,
    Duration,
    Timestamp,
    Empty,
    /// Any value.
    Value,
    /// The value of the only field: wrappers, objects and arrays of any values.
    First(Shape),
}

/// What the only field of a type is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Single,
    List,
    Map,
}

/// The form of the type with this full name, if it has one.
pub(super) fn form(name: &str) -> Option<Form> {
    Some(match name.strip_prefix("google.protobuf.")? {
        "Any" => Form::Any,
        "FieldMask" => Form::FieldMask,
        "Duration" => Form::Duration,
        "Timestamp" => Form::Timestamp,
        "Empty" => Form::Empty,
        "Value" => Form::Value,
        "Struct" => Form::First(Shape::Map),
        "ListValue" => Form::First(Shape::List),
        "DoubleValue" | "FloatValue" | "Int64Value" | "UInt64Value" | "Int32Value"
        | "UInt32Value" | "BoolValue" | "StringValue" | "BytesValue" => Form::First(Shape::Single),
        _ => return None,
    })
}

impl Reader<'_> {
    /// A message of a well-known type.
    pub(super) fn well_known(
        &self,
        form: Form,
        message: &DynamicMessage,
        depth: usize,
    ) -> Result<Value, Problem> {
        match form {
            Form::Any => self.any(message, depth),
            Form::FieldMask => field_mask(message),
            Form::Duration => Ok(Value::from(seconds(message)?.duration()?)),
            Form::Timestamp => Ok(Value::from(seconds(message)?.timestamp()?)),
            Form::Empty => Ok(Value::Object(Object::new())),
            Form::First(_) => {
                let descriptor = message.descriptor();
                let field = descriptor.get_field(1).ok_or_else(|| foreign(message))?;
                self.value(&field.kind(), &*part(message, 1)?, depth)
            }
            Form::Value => {
                let (field, value) = message.fields().next().ok_or_else(|| {
                    Problem::new("a `google.protobuf.Value` holds none of its choices")
                })?;
                match value {
                    Wire::F64(number) if !number.is_finite() => Err(Problem::new(
                        "a `google.protobuf.Value` holds a number that JSON does not have",
                    )),
                    value => self.value(&field.kind(), value, depth),
                }
            }
        }
    }

    fn any(&self, message: &DynamicMessage, depth: usize) -> Result<Value, Problem> {
        let (url, content) = (part(message, 1)?, part(message, 2)?);
        let (Wire::String(url), Wire::Bytes(content)) = (&*url, &*content) else {
            return Err(foreign(message));
        };
        if url.is_empty() && content.is_empty() {
            return Ok(Value::Object(Object::new()));
        }
        let descriptor = resolve(&message.descriptor(), self.others, url)?;
        let name = descriptor.full_name().to_owned();
        let room = self.memory.decode(&descriptor, content);
        room.map_err(|error| Problem::new(error.to_string()))?;
        let inner = DynamicMessage::decode(descriptor, content.clone()).map_err(|error| {
            Problem::new(format!("the content is no message `{name}`: {error}"))
        })?;
        let url = (Text::from_static("@type"), Value::from(url.as_str()));
        let members = if form(&name).is_some() {
            let value = self.message(&inner, depth + 1)?;
            vec![url, (Text::from_static("value"), value)]
        } else {
            if depth >= super::DEPTH_MAX {
                return Err(Problem::too_deep());
            }
            let mut members = self.members(&inner, depth + 1)?;
            members.push(url);
            members
        };
        Ok(object(members))
    }
}

impl Writer<'_> {
    /// A value as a message of a well-known type.
    pub(super) fn well_known(
        &self,
        form: Form,
        descriptor: &MessageDescriptor,
        value: &Value,
        depth: usize,
    ) -> Result<DynamicMessage, Problem> {
        let mut message = DynamicMessage::new(descriptor.clone());
        let invalid = || {
            let kind = prost_reflect::Kind::Message(descriptor.clone());
            Problem::invalid(&kind, value)
        };
        match form {
            Form::Any => self.write_any(&mut message, value, depth)?,
            Form::FieldMask => {
                let paths = text(value).and_then(|it| parse_mask(&it));
                set(&mut message, 1, Wire::List(paths.ok_or_else(invalid)?))?;
            }
            Form::Duration | Form::Timestamp => {
                let read = match form {
                    Form::Duration => Seconds::of_duration,
                    _ => Seconds::of_timestamp,
                };
                let read = text(value).and_then(|it| read(&it));
                let Seconds { seconds, nanos } = read.ok_or_else(invalid)?;
                set(&mut message, 1, Wire::I64(seconds))?;
                set(&mut message, 2, Wire::I32(nanos))?;
            }
            Form::Empty => {
                let members = value.as_object().ok_or_else(invalid)?;
                self.check_known(members, &[])?;
            }
            Form::First(shape) => {
                let field = descriptor.get_field(1);
                let kind = field.ok_or_else(|| foreign(&message))?.kind();
                if let Some(value) = self.shaped(shape, &kind, value, depth)? {
                    set(&mut message, 1, value)?;
                }
            }
            Form::Value => self.write_value(&mut message, value, depth)?,
        }
        Ok(message)
    }

    /// Sets the choice of a `google.protobuf.Value` that the value is.
    fn write_value(
        &self,
        message: &mut DynamicMessage,
        value: &Value,
        depth: usize,
    ) -> Result<(), Problem> {
        let inner = |number: u32| {
            let field = message.descriptor().get_field(number);
            let kind = field.map(|it| it.kind());
            let descriptor = kind.as_ref().and_then(|it| it.as_message());
            let descriptor = descriptor.ok_or_else(|| foreign(message))?;
            self.message(descriptor, value, depth + 1)
                .map(Wire::Message)
        };
        let (number, choice) = match value {
            Value::Null => (1, Wire::EnumNumber(0)),
            Value::Bool(value) => (4, Wire::Bool(*value)),
            Value::Object(_) => (5, inner(5)?),
            Value::Array(_) => (6, inner(6)?),
            other => match (text(other), number::float(other)) {
                (Some(text), _) => (3, Wire::String(text.into_owned())),
                (None, Some(number)) => (2, Wire::F64(number)),
                (None, None) => return Err(Problem::new("a number that is out of range")),
            },
        };
        set(message, number, choice)
    }

    fn write_any(
        &self,
        message: &mut DynamicMessage,
        value: &Value,
        depth: usize,
    ) -> Result<(), Problem> {
        let not_any = || Problem::new("an `Any` is an object with its type as `@type`");
        let members = value.as_object().ok_or_else(not_any)?;
        if members.is_empty() {
            return Ok(());
        }
        let url = members.get("@type").ok_or_else(not_any)?;
        let url = url
            .as_str()
            .filter(|it| !it.is_empty())
            .ok_or_else(not_any)?;
        let descriptor = resolve(&message.descriptor(), self.others, url)?;
        let inner = if form(descriptor.full_name()).is_some() {
            self.check_known(members, &["@type", "value"])?;
            let value = members.get("value").ok_or_else(|| {
                Problem::new(format!(
                    "an `Any` of the type `{}` has it in the member `value`",
                    descriptor.full_name()
                ))
            })?;
            self.message(&descriptor, &value, depth + 1)?
        } else {
            self.object(&descriptor, members, depth + 1, Some("@type"))?
        };
        set(message, 1, Wire::String(url.to_owned()))?;
        set(message, 2, Wire::Bytes(Bytes::from(inner.encode_to_vec())))
    }

    /// Refuses members that are none of these.
    fn check_known(&self, members: &Object, known: &[&str]) -> Result<(), Problem> {
        let mut keys = members.keys();
        match keys.find(|key| !known.contains(&key.as_str())) {
            Some(key) if !self.options.discard_unknown => Err(Problem::unknown(&key)),
            _ => Ok(()),
        }
    }
}

/// The type that a URL ends with.
fn resolve(
    any: &MessageDescriptor,
    others: &[DescriptorPool],
    url: &str,
) -> Result<MessageDescriptor, Problem> {
    let name = url.rsplit('/').next().unwrap_or(url);
    let mut pools = std::iter::once(any.parent_pool()).chain(others);
    pools
        .find_map(|pool| pool.get_message_by_name(name))
        .ok_or_else(|| Problem::new(format!("the type `{url}` is in none of the schemas")))
}

fn set(message: &mut DynamicMessage, number: u32, value: Wire) -> Result<(), Problem> {
    let done = message.try_set_field_by_number(number, value);
    done.map_err(|_| foreign(message))
}

fn seconds(message: &DynamicMessage) -> Result<Seconds, Problem> {
    match (&*part(message, 1)?, &*part(message, 2)?) {
        (Wire::I64(seconds), Wire::I32(nanos)) => Ok(Seconds {
            seconds: *seconds,
            nanos: *nanos,
        }),
        _ => Err(foreign(message)),
    }
}

/// The paths in camel case, separated by commas.
fn field_mask(message: &DynamicMessage) -> Result<Value, Problem> {
    let paths = part(message, 1)?;
    let Wire::List(paths) = &*paths else {
        return Err(foreign(message));
    };
    let mut mask = String::new();
    for path in paths {
        let path = path.as_str().ok_or_else(|| foreign(message))?;
        let camel = camel_case(path);
        if !is_path(path) || snake_case(&camel) != path {
            return Err(Problem::new(format!(
                "the path {path:?} of a field mask has no form in camel case"
            )));
        }
        if !mask.is_empty() {
            mask.push(',');
        }
        mask.push_str(&camel);
    }
    Ok(Value::from(mask))
}

fn parse_mask(text: &str) -> Option<Vec<Wire>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let path = |camel: &str| {
        let path = snake_case(camel);
        (!camel.contains('_') && is_path(&path)).then_some(Wire::String(path))
    };
    text.split(',').map(path).collect()
}

/// Whether it is names with dots between them.
fn is_path(path: &str) -> bool {
    path.split('.').all(|name| {
        !name.starts_with(|first: char| first.is_ascii_digit())
            && !name.is_empty()
            && name
                .bytes()
                .all(|it| it.is_ascii_alphanumeric() || it == b'_')
    })
}

fn camel_case(path: &str) -> String {
    let mut camel = String::with_capacity(path.len());
    let mut is_raised = false;
    for letter in path.chars() {
        match letter {
            '_' => is_raised = true,
            letter if is_raised => {
                camel.push(letter.to_ascii_uppercase());
                is_raised = false;
            }
            letter => camel.push(letter),
        }
    }
    camel
}

fn snake_case(path: &str) -> String {
    let mut snake = String::with_capacity(path.len() + 4);
    for letter in path.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}
