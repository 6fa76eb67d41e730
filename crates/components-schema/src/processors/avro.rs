//! The `avro` processor.

use std::sync::Arc;

use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Identity, Processor, ProcessorConfig,
    read_text_file,
};
use millrace_message::{Error, Message, MessageBatch, Value};
use millrace_spec::{Node, ReadContext, Spec, codes};

use crate::avro::{AvroError, Form, Schema, decode, encode, encode_single};

/// The largest file of a schema, in bytes.
const FILE_MAX: usize = crate::avro::SCHEMA_MAX;

/// Turns Avro into JSON, or JSON into Avro, by a schema.
///
/// Messages of a schema registry begin with the number of their schema: use
/// `schema_registry_decode` and `schema_registry_encode` for them.
///
/// A value of a union is an object whose only key is the name of its type, as in
/// `{"string": "a"}`; null stays null. With `to_json` bytes and fixed values are bytes (base64 where
/// the message is written as JSON), points in time and dates timestamps, times of day nanoseconds,
/// and decimals fractions such as `33/100`. `from_json` takes the same, but for times of day, which are
/// numbers in the unit of the schema; points in time and dates may be such numbers, too, and a text is
/// taken for the bytes of its UTF-8. The encoding `textual` is Avro's JSON encoding, in which all of them are numbers and text.
///
/// A field that a message does not have takes the default of the schema. `from_json` passes over
/// fields that the schema does not have. A message that does not fit the schema goes on unchanged,
/// with its error flag set; the error names the place.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "avro", category = "Parsing", check = check)]
pub struct Config {
    /// What is done.
    operator: Operator,
    /// The encoding of the Avro side.
    #[spec(default = "textual")]
    encoding: Encoding,
    /// The schema as JSON.
    #[spec(
        default = "",
        sample = "{\"type\":\"record\",\"name\":\"person\",\"fields\":[{\"name\":\"name\",\"type\":\"string\"}]}"
    )]
    schema: String,
    /// A file that holds the schema, as `file://` and its path; wins over `schema`.
    #[spec(default = "", example = "file:///etc/schemas/person.avsc")]
    schema_path: String,
}

/// The direction.
#[derive(Clone, Copy, Debug, Spec)]
enum Operator {
    /// The payload, which is Avro, becomes JSON.
    ToJson,
    /// The payload, which is JSON, becomes Avro.
    FromJson,
}

/// How Avro is written.
#[derive(Clone, Copy, Debug, Spec)]
enum Encoding {
    /// Avro's JSON encoding.
    Textual,
    /// The binary encoding.
    Binary,
    /// The binary encoding behind the fingerprint of the schema: the single object encoding.
    Single,
}

/// Finds what `run` would refuse, unless that depends on a file.
fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    let span = |field| node.field_span(field);
    let path = &config.schema_path;
    if path.starts_with("http://") {
        let message = "schemas are not loaded from HTTP servers";
        cx.error(codes::NOT_SUPPORTED, span("schema_path"), message)
            .help = Some("save the schema, and name it by `file://` and its path".to_owned());
    } else if !path.is_empty() && !path.starts_with("file://") {
        let message = "this is no URL of a file";
        cx.error(codes::INVALID_VALUE, span("schema_path"), message)
            .help = Some(format!("write `file://{path}`"));
    } else if path.is_empty() && config.schema.is_empty() {
        cx.error(codes::MISSING_FIELD, node.span, "there is no schema")
            .help = Some("give it in `schema` or `schema_path`".to_owned());
    } else if path.is_empty()
        && let Err(error) = Schema::parse(&config.schema)
    {
        let message = format!("this is no Avro schema: {error}");
        cx.error(codes::INVALID_VALUE, span("schema"), message);
    }
}

impl Config {
    fn load(&self) -> Result<Schema, Error> {
        let failed = |reason: String| Error::fatal(reason).context("load the schema");
        let Some(path) = self.schema_path.strip_prefix("file://") else {
            return Schema::parse(&self.schema).map_err(|error| failed(error.to_string()));
        };
        let failed = |reason: &dyn std::fmt::Display| failed(format!("`{path}`: {reason}"));
        let text = read_text_file(path, FILE_MAX).map_err(|error| failed(&error))?;
        Schema::parse(&text).map_err(|error| failed(&error))
    }
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(BuiltProcessor::Sync(Arc::new(Avro {
            schema: self.load()?,
            operator: self.operator,
            encoding: self.encoding,
            memory_max: cx.flow().budget().limit(),
            identity: Arc::clone(cx.identity()),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct Avro {
    schema: Schema,
    operator: Operator,
    encoding: Encoding,
    /// The most bytes that a value takes.
    memory_max: usize,
    identity: Arc<Identity>,
}

impl Avro {
    fn convert(&self, message: &mut Message) -> Result<(), Error> {
        match self.operator {
            Operator::ToJson => self.convert_to_json(message),
            Operator::FromJson => self.convert_from_json(message),
        }
    }

    fn convert_to_json(&self, message: &mut Message) -> Result<(), Error> {
        let wrong = |error: AvroError| rejected("the payload does not fit the schema", &error);
        let mut textual = Vec::new();
        let binary = match self.encoding {
            Encoding::Binary => &message.bytes()[..],
            Encoding::Single => {
                let binary = self.schema.strip_single_header(message.bytes());
                binary.map_err(wrong)?
            }
            Encoding::Textual => {
                let value = message.json()?;
                encode(&self.schema, value, Form::AvroJson, &mut textual).map_err(wrong)?;
                &textual
            }
        };
        let value = self.decoded(binary, Form::Native).map_err(wrong)?;
        message.set_value(value);
        Ok(())
    }

    fn convert_from_json(&self, message: &mut Message) -> Result<(), Error> {
        let wrong = |error: AvroError| rejected("the payload does not fit the schema", &error);
        let value = message.json()?;
        match self.encoding {
            Encoding::Single => {
                let bytes = encode_single(&self.schema, value, Form::Native).map_err(wrong)?;
                message.set_bytes(bytes);
            }
            Encoding::Binary => {
                let mut binary = Vec::new();
                encode(&self.schema, value, Form::Native, &mut binary).map_err(wrong)?;
                message.set_bytes(binary);
            }
            Encoding::Textual => {
                let mut binary = Vec::new();
                encode(&self.schema, value, Form::Native, &mut binary).map_err(wrong)?;
                let value = self.decoded(&binary, Form::AvroJson).map_err(wrong)?;
                message.set_value(value);
            }
        }
        Ok(())
    }

    fn decoded(&self, binary: &[u8], form: Form) -> Result<Value, AvroError> {
        decode(&self.schema, binary, form, self.memory_max).map(|(value, _)| value)
    }
}

fn rejected(what: &str, error: &AvroError) -> Error {
    Error::rejected(format!("{what}: {error}"))
}

impl Processor for Avro {
    fn process(&self, batch: MessageBatch) -> Batches {
        self.identity
            .convert_each(batch, |message| self.convert(message))
    }
}

#[cfg(test)]
mod tests;
