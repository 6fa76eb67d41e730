//! The `protobuf` processor.

use std::sync::Arc;

use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Identity, Processor, ProcessorConfig,
};
use millrace_message::{Error, Message, MessageBatch};
use millrace_spec::{Node, ReadContext, Spec, codes};
use parking_lot::Mutex;

use self::fetched::Fetched;
use crate::protobuf::{MessageType, ReadOptions, Schema, WriteOptions};

mod bsr;
mod fetched;
mod files;
#[cfg(test)]
mod tests;

/// Turns Protobuf messages into JSON, or JSON into Protobuf messages.
///
/// The types are read from `.proto` files when the pipeline starts, or fetched from a Buf Schema
/// Registry when the first message comes. The JSON is that of Protobuf's own [mapping](https://protobuf.dev/programming-guides/json/): names in camel case,
/// enums by name, 64-bit integers as texts, bytes as base64, times as RFC 3339, and `Any` as an
/// object with its type as `@type`. Both forms of a field's name are read.
///
/// ```yaml
/// pipeline:
///   processors:
///     - protobuf:
///         operator: to_json
///         message: testing.Person
///         import_paths: [ testing/schema ]
/// ```
///
/// Types of a Buf Schema Registry are fetched once; a newer version of a module is seen by the next
/// run. Fetching takes ten seconds at most. While they cannot be had, messages go on unchanged with
/// their error flag set, and the registry is asked again: after a second where it did not answer,
/// after a minute where it refused or does not have the type. An `Any` may hold types of all modules.
///
/// A message that is not of the type goes on unchanged, with its error flag set. Messages nest 100
/// levels deep at most.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "protobuf", category = "Parsing", check = check)]
pub struct Config {
    /// What is done.
    #[spec(example = "to_json")]
    operator: Operator,
    /// The full name of the message's type, as `package.Message`.
    #[spec(example = "testing.Person")]
    message: String,
    /// Whether `from_json` passes over members that are no field of the type; else they are errors.
    #[spec(default = false)]
    discard_unknown: bool,
    /// Whether `to_json` names fields as the `.proto` file does.
    #[spec(default = false)]
    use_proto_names: bool,
    /// Whether `to_json` writes fields that are not set, too: their default, or null.
    #[spec(default = false)]
    emit_unpopulated: bool,
    /// Folders whose `.proto` files are read, those of their subfolders too, and single files. Files
    /// import each other by their path from the folder; those of `google/protobuf` are always there.
    #[spec(default = [], example = ["testing/schema"], sample = ["testing/schema"])]
    import_paths: Vec<String>,
    /// Modules of a Buf Schema Registry, in place of `import_paths`. The first one that defines the
    /// type is where it is taken from.
    #[spec(default = [])]
    bsr: Vec<bsr::Module>,
}

/// What is done with a message.
#[derive(Clone, Copy, Debug, Spec)]
enum Operator {
    /// A Protobuf message becomes JSON.
    ToJson,
    /// JSON becomes a Protobuf message.
    FromJson,
}

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    let span = |field| node.field_span(field);
    if config.message.is_empty() {
        cx.error(
            codes::INVALID_VALUE,
            span("message"),
            "the type has no name",
        )
        .help = Some("name it in full, as `message: package.Message`".to_owned());
    }
    match (config.import_paths.is_empty(), config.bsr.is_empty()) {
        (true, true) => {
            let message = "there is no place to read types from";
            cx.error(codes::MISSING_FIELD, node.span, message).help = Some(
                "name folders or files in `import_paths`, as `[ . ]`, or a module in `bsr`"
                    .to_owned(),
            );
        }
        (false, false) => {
            let message = "both `import_paths` and `bsr` are set";
            cx.error(codes::CONFLICT, span("bsr"), message).help =
                Some("remove one of them: types are read from one place".to_owned());
        }
        _ => {}
    }
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        let conversion = Conversion {
            operator: self.operator,
            read: ReadOptions {
                use_proto_names: self.use_proto_names,
                emit_unpopulated: self.emit_unpopulated,
            },
            write: WriteOptions {
                discard_unknown: self.discard_unknown,
            },
            memory_max: cx.flow().budget().limit(),
        };
        let identity = Arc::clone(cx.identity());
        if !self.bsr.is_empty() {
            let modules = self.bsr.iter().map(|it| bsr::Client::new(it, cx));
            return Ok(BuiltProcessor::Async(Arc::new(Fetched {
                modules: modules.collect::<Result<_, _>>()?,
                message: self.message.clone(),
                known: Mutex::default(),
                asking: tokio::sync::Mutex::default(),
                conversion,
                identity,
            })));
        }
        Ok(BuiltProcessor::Sync(Arc::new(Protobuf {
            message: self.message()?,
            conversion,
            identity,
        })))
    }
}

impl Config {
    /// The type, out of the files of `import_paths`.
    fn message(&self) -> Result<MessageType, Error> {
        let files = files::read(&self.import_paths)?;
        let schema = Schema::compile(files)
            .map_err(|error| error.context("compile the files of `import_paths`"))?;
        schema.message(&self.message).ok_or_else(|| {
            Error::fatal(format!(
                "the files of `import_paths` ({}) define no message `{}`; it is named in full, as \
                 `package.Message`",
                self.import_paths.join(", "),
                self.message
            ))
        })
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

/// What is done with messages, and how.
#[derive(Clone, Copy)]
struct Conversion {
    operator: Operator,
    read: ReadOptions,
    write: WriteOptions,
    /// The most bytes that a value takes.
    memory_max: usize,
}

impl Conversion {
    fn apply(self, types: &MessageType, message: &mut Message) -> Result<(), Error> {
        match self.operator {
            Operator::ToJson => {
                let value = types.read(message.bytes().clone(), self.read, self.memory_max)?;
                message.set_value(value);
            }
            Operator::FromJson => {
                let encoded = types.write(message.json()?, self.write)?;
                message.set_bytes(encoded);
            }
        }
        Ok(())
    }
}

struct Protobuf {
    message: MessageType,
    conversion: Conversion,
    identity: Arc<Identity>,
}

impl Processor for Protobuf {
    fn process(&self, batch: MessageBatch) -> Batches {
        let conversion = self.conversion;
        self.identity
            .convert_each(batch, |message| conversion.apply(&self.message, message))
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let folder = super::tests::folder();
        for operator in ["to_json", "from_json"] {
            let config = super::tests::config(operator, "testing.Person", folder.path());
            millrace_component::conformance::processor(&crate::testing::processor(&config)).await;
        }
    }
}
