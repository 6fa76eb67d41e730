//! What a registered schema does with messages.

use bytes::Bytes;
use millrace_bloblang::json_schema;
use millrace_message::{Error, Message, Object, Value};

use super::client::{Client, Registered, SchemaKind};
use super::protobuf::MessageTypes;
use super::references::{self, Referenced};
use crate::avro::{self, Form, Schema, decode, encode};

/// How Avro values look in JSON, and how lenient its schemas are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AvroOptions {
    pub form: Form,
    /// Whether characters are taken out of namespaces that they cannot have.
    pub sanitize: bool,
}

/// A schema, compiled.
pub(crate) enum Codec {
    Avro(Schema, Form),
    Json(json_schema::Schema),
    Protobuf(MessageTypes),
}

/// What precedes a message: 0, and the number of its schema.
pub(crate) const PREFIX: usize = 5;

impl Codec {
    /// Compiles a schema; what it refers to is fetched.
    ///
    /// # Errors
    /// It is none, is of a type that is not supported, or refers to what cannot be fetched.
    pub(crate) async fn compile(
        client: &Client,
        registered: &Registered,
        options: AvroOptions,
    ) -> Result<Self, Error> {
        match &registered.kind {
            SchemaKind::Avro => {
                let references = references::of(client, registered).await?;
                Self::avro(registered, &references, options)
                    .map_err(|error| Error::rejected(format!("this is no Avro schema: {error}")))
            }
            SchemaKind::Json => {
                let references = references::of(client, registered).await?;
                Self::json(registered, &references)
                    .map_err(|error| Error::rejected(format!("this is no JSON Schema: {error}")))
            }
            SchemaKind::Protobuf => {
                let references = references::of(client, registered).await?;
                MessageTypes::compile(&registered.schema, references)
                    .map(Self::Protobuf)
                    .map_err(|error| {
                        Error::rejected(format!("this is no Protobuf schema: {error}"))
                    })
            }
            SchemaKind::Other(other) => Err(Error::rejected(format!(
                "schemas of type `{other}` are not supported: the types are AVRO, JSON and PROTOBUF"
            ))),
        }
    }

    fn avro(
        registered: &Registered,
        references: &[Referenced],
        options: AvroOptions,
    ) -> Result<Self, avro::AvroError> {
        let known = references
            .iter()
            .map(|it| (it.name.as_str(), it.schema.as_str()));
        let schema = Schema::parse_with(&registered.schema, known, options.sanitize)?;
        Ok(Self::Avro(schema, options.form))
    }

    fn json(registered: &Registered, references: &[Referenced]) -> Result<Self, String> {
        let parse = |text: &str| {
            Value::parse_json(Bytes::copy_from_slice(text.as_bytes()))
                .map_err(|error| error.to_string())
        };
        let mut root = parse(&registered.schema)?;
        if let (Value::Object(root), false) = (&mut root, references.is_empty()) {
            let mut parts = Object::new();
            for Referenced { name, schema } in references {
                let part = parse(schema).map_err(|error| format!("`{name}`: {error}"))?;
                parts.insert(name.as_str(), named_part(part, name));
            }
            // References find a part by its `$id`, wherever it stands.
            root.insert("$millrace_references", Value::Object(parts));
        }
        Ok(Self::Json(json_schema::Schema::new(&root)?))
    }

    /// Turns a message without its prefix into JSON. It is unchanged where that fails.
    ///
    /// # Errors
    /// The message does not fit the schema, or its value takes more than `memory_max` bytes.
    pub(crate) fn decode(
        &self,
        message: &mut Message,
        body: Bytes,
        memory_max: usize,
    ) -> Result<(), Error> {
        match self {
            Self::Avro(schema, form) => {
                let decoded = decode(schema, &body, *form, memory_max);
                let (value, _) = decoded.map_err(|error| unfit(&error))?;
                message.set_value(value);
            }
            Self::Json(schema) => {
                let whole = message.bytes().clone();
                message.set_bytes(body);
                if let Err(error) = conforms(schema, message) {
                    message.set_bytes(whole);
                    return Err(error);
                }
            }
            Self::Protobuf(types) => message.set_value(types.decode(body, memory_max)?),
        }
        Ok(())
    }

    /// Turns JSON into a message with its prefix. It is unchanged where that fails.
    ///
    /// # Errors
    /// The message does not fit the schema.
    pub(crate) fn encode(&self, id: u32, message: &mut Message) -> Result<(), Error> {
        let mut out = Vec::with_capacity(PREFIX + 64);
        out.push(0);
        out.extend_from_slice(&id.to_be_bytes());
        match self {
            Self::Avro(schema, form) => {
                encode(schema, message.json()?, *form, &mut out).map_err(|error| unfit(&error))?;
            }
            Self::Json(schema) => {
                conforms(schema, message)?;
                out.extend_from_slice(message.bytes());
            }
            Self::Protobuf(types) => types.encode(message.json()?, &mut out)?,
        }
        message.set_bytes(out);
        Ok(())
    }
}

fn unfit(error: &avro::AvroError) -> Error {
    Error::rejected(format!("the message does not fit the schema: {error}"))
}

fn conforms(schema: &json_schema::Schema, message: &Message) -> Result<(), Error> {
    let complaints = schema.complaints(message.json()?);
    match complaints.is_empty() {
        true => Ok(()),
        false => Err(Error::rejected(format!(
            "the JSON message does not conform to schema: {}",
            complaints.join("; ")
        ))),
    }
}

/// A schema that is referred to, as a part of another one: it has an `$id`, and what it says of its
/// own parts begins with it.
fn named_part(part: Value, name: &str) -> Value {
    let Value::Object(object) = &part else {
        return part;
    };
    let id = ["$id", "id"].iter().find_map(|key| {
        let id = object.get(key)?;
        id.as_str().map(str::to_owned)
    });
    let id = id.unwrap_or_else(|| name.to_owned());
    let base = id.strip_suffix('#').unwrap_or(&id).to_owned();
    let mut part = absolute(&part, &base, 0);
    if let Value::Object(object) = &mut part {
        object.insert("$id", Value::from(id));
    }
    part
}

/// The same schema with the references within it made absolute. What nests deeper than schemas
/// may is left as it is, and refused when it is compiled.
fn absolute(value: &Value, base: &str, depth: usize) -> Value {
    const DEPTH_MAX: usize = 300;
    match value {
        Value::Object(object) if depth < DEPTH_MAX => {
            let member = |(key, value): (millrace_message::Text, std::borrow::Cow<'_, Value>)| {
                let value = match value.as_str() {
                    Some(target) if key == "$ref" && target.starts_with('#') => {
                        Value::from(format!("{base}{target}"))
                    }
                    _ => absolute(&value, base, depth + 1),
                };
                (key, value)
            };
            Value::Object(object.entries().map(member).collect())
        }
        Value::Array(array) if depth < DEPTH_MAX => {
            let items = array.iter().map(|it| absolute(&it, base, depth + 1));
            Value::Array(items.collect())
        }
        other => other.clone(),
    }
}
