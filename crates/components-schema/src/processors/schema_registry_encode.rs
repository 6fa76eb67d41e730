//! The `schema_registry_encode` processor.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_component::{
    AsyncProcessor, Batches, BuildContext, BuiltProcessor, Descriptor, Identity, Interpolated,
    ProcessorConfig,
};
use millrace_message::{Error, MessageBatch};
use millrace_spec::{Duration, Spec};

use crate::avro::Form;
use crate::registry::{AvroOptions, Codec, Latest, RegistryConfig, Store};

/// Encodes messages by the latest schemas of a schema registry that speaks the API of Confluent's.
///
/// A message gets a zero byte and the number of its schema in four bytes before it. The schema of a
/// subject is fetched when it is first needed, with all that it refers to, and again when it is
/// needed after the `refresh_period`; when that fails, the old one goes on serving. One that nobody
/// used for ten minutes is forgotten. Fetching takes five seconds at most, and the registry is not
/// asked for the same schema again within a second after a failure.
///
/// Schemas may be of the types AVRO, JSON and PROTOBUF. Messages of JSON are checked, and go on as
/// they are behind the number.
///
/// Protobuf messages are made of the JSON of Protobuf's own
/// [mapping](https://protobuf.dev/programming-guides/json/), as by the processor `protobuf`. Where a
/// schema has several types, a message gets the first one that it fits, in the order of the schema;
/// types within others are not tried. Which type it is stands before the message. Schemas import
/// others by the names of their references, and the files of `google/protobuf` without any.
///
/// Avro values have the form of Avro's JSON encoding: one of a union is an object whose only key is
/// the name of its type, as in `{"string": "a"}`, and null stays null; bytes are text whose
/// characters are the bytes. With `avro_raw_json` values of unions stand alone. Points in time,
/// dates and decimals are the numbers and bytes that they are made of.
/// Without the names of types the first type that fits is taken: numbers and objects try the types in
/// the order of their names (so `double` before `long`), others in the order of the schema.
///
/// A message that does not fit its schema, or whose schema cannot be had, goes on unchanged with its
/// error flag set.
#[derive(Clone, Debug, Spec)]
#[spec(
    processor = "schema_registry_encode",
    category = "Parsing",
    category = "Integration"
)]
pub struct Config {
    #[spec(flatten)]
    registry: RegistryConfig,
    /// The subject whose schema a message is encoded by.
    #[spec(example = "foo", example = "${! metadata(\"kafka_topic\") }")]
    subject: Interpolated,
    /// After how long the schema of a subject is fetched again.
    #[spec(default = "10m", example = "60s", example = "1h")]
    refresh_period: Duration,
    /// Whether values of unions are given without the names of their types.
    #[spec(default = false, advanced)]
    avro_raw_json: bool,
    /// Has no effect: Avro schemas may refer to others in any place.
    #[spec(default = false, advanced, since = "1.2.0")]
    #[expect(dead_code, reason = "references are resolved either way")]
    avro_nested_schemas: bool,
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        let options = AvroOptions {
            form: Form::json(self.avro_raw_json),
            sanitize: false,
        };
        let period = self.refresh_period.get();
        Ok(BuiltProcessor::Async(Arc::new(Encode {
            store: Store::new(&self.registry, options, Some(period), cx)?,
            subject: self.subject.clone(),
            identity: Arc::clone(cx.identity()),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct Encode {
    store: Store<Arc<str>>,
    subject: Interpolated,
    identity: Arc<Identity>,
}

/// A subject and its schema.
type Last = Option<(Arc<str>, Latest<Codec>)>;

impl Encode {
    /// The schema of a message; that of the message before it, when it has the same subject.
    async fn schema(
        &self,
        batch: &MessageBatch,
        index: usize,
        last: &mut Last,
    ) -> Result<Latest<Codec>, Error> {
        let subject = self
            .subject
            .resolve(batch, index)
            .map_err(|error| error.context("subject"))?;
        if let Some((of, schema)) = last
            && **of == *subject
        {
            return Ok(schema.clone());
        }
        let subject: Arc<str> = subject.into();
        let schema = self.store.get(&subject).await?;
        *last = Some((subject, schema.clone()));
        Ok(schema)
    }
}

#[async_trait]
impl AsyncProcessor for Encode {
    async fn process(&self, mut batch: MessageBatch) -> Batches {
        // Subjects may read any message of the batch, so all are found before one is changed.
        let mut schemas = Vec::with_capacity(batch.len());
        let mut last = None;
        for index in 0..batch.len() {
            schemas.push(self.schema(&batch, index, &mut last).await);
        }
        for (message, schema) in batch.iter_mut().zip(schemas) {
            let encoded = schema.and_then(|it| it.codec.encode(it.id, message));
            if let Err(error) = encoded {
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
