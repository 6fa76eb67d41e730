//! The `schema_registry_decode` processor.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_component::{
    AsyncProcessor, Batches, BuildContext, BuiltProcessor, Descriptor, Identity, ProcessorConfig,
};
use millrace_message::{Error, Message, MessageBatch};
use millrace_spec::Spec;

use crate::avro::Form;
use crate::registry::{AvroOptions, Codec, Latest, PREFIX, RegistryConfig, Store};

/// Decodes messages by the schemas of a schema registry that speaks the API of Confluent's.
///
/// A message begins with a zero byte and the number of its schema in four bytes. The schema is
/// fetched when its number is seen first, with all that it refers to, and is kept as long as it is
/// used; one that nobody used for ten minutes is forgotten. Fetching takes five seconds at most, and
/// the registry is not asked for the same schema again within a second after a failure.
///
/// Schemas may be of the types AVRO, JSON and PROTOBUF. Messages of JSON are checked, and go on as
/// they are without what stands before them.
///
/// Before a Protobuf message stands which type of its schema it has. It becomes the JSON of
/// Protobuf's own [mapping](https://protobuf.dev/programming-guides/json/), as by the processor
/// `protobuf`; schemas import others by the names of their references, and the files of
/// `google/protobuf` without any.
///
/// Avro values have the form of Avro's JSON encoding: one of a union is an object whose only key is
/// the name of its type, as in `{"string": "a"}`, and null stays null; bytes are text whose
/// characters are the bytes. With `avro_raw_json` values of unions stand alone. Points in time,
/// dates and decimals are the numbers and bytes that they are made of.
///
/// A message that does not fit its schema, or whose schema cannot be had, goes on unchanged with its
/// error flag set.
#[derive(Clone, Debug, Spec)]
#[spec(
    processor = "schema_registry_decode",
    category = "Parsing",
    category = "Integration"
)]
pub struct Config {
    /// Whether values of unions are written without the names of their types.
    #[spec(default = false, advanced)]
    avro_raw_json: bool,
    /// Has no effect: Avro schemas may refer to others in any place.
    #[spec(default = false, advanced, since = "1.2.0")]
    #[expect(dead_code, reason = "references are resolved either way")]
    avro_nested_schemas: bool,
    #[spec(flatten)]
    registry: RegistryConfig,
    /// Whether characters other than letters, digits and underscores are taken out of the namespaces
    /// of Avro schemas, which are refused otherwise.
    #[spec(default = false, advanced, since = "1.17.0")]
    sanitize_namespace_names: bool,
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        let options = AvroOptions {
            form: Form::json(self.avro_raw_json),
            sanitize: self.sanitize_namespace_names,
        };
        Ok(BuiltProcessor::Async(Arc::new(Decode {
            // A number stands for the same schema for ever.
            store: Store::new(&self.registry, options, None, cx)?,
            memory_max: cx.flow().budget().limit(),
            identity: Arc::clone(cx.identity()),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct Decode {
    store: Store<u32>,
    /// The most bytes that a value takes.
    memory_max: usize,
    identity: Arc<Identity>,
}

impl Decode {
    async fn decode(
        &self,
        message: &mut Message,
        last: &mut Option<Latest<Codec>>,
    ) -> Result<(), Error> {
        let id = schema_id(message.bytes())?;
        let schema = match last.take().filter(|last| last.id == id) {
            Some(schema) => schema,
            None => self.store.get(&id).await?,
        };
        let body = message.bytes().slice(PREFIX..);
        let decoded = schema.codec.decode(message, body, self.memory_max);
        *last = Some(schema);
        decoded
    }
}

/// The number of the schema that stands before a message.
fn schema_id(message: &[u8]) -> Result<u32, Error> {
    match message {
        [] => Err(Error::rejected("the message is empty")),
        [0, a, b, c, d, ..] => Ok(u32::from_be_bytes([*a, *b, *c, *d])),
        [0, ..] => Err(Error::rejected(
            "the message is shorter than the number of a schema",
        )),
        [version, ..] => Err(Error::rejected(format!(
            "serialization format version number {version} not supported: a message of a schema \
             registry begins with a zero byte"
        ))),
    }
}

#[async_trait]
impl AsyncProcessor for Decode {
    async fn process(&self, mut batch: MessageBatch) -> Batches {
        let mut last = None;
        for message in batch.iter_mut() {
            if let Err(error) = self.decode(message, &mut last).await {
                message.set_fault(self.identity.fault(error));
            }
        }
        smallvec::smallvec![batch]
    }

    async fn close(&self) {
        self.store.clear();
    }
}

#[cfg(test)]
mod tests;
