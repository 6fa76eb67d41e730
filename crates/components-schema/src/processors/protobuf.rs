//! The `protobuf` processor.

use std::sync::Arc;

use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Identity, Processor, ProcessorConfig,
};
use millrace_message::{Error, Message, MessageBatch};
use millrace_spec::{Node, ReadContext, Spec, codes};

use crate::protobuf::{MessageType, ReadOptions, Schema, WriteOptions};

mod files;
#[cfg(test)]
mod tests;

/// Turns Protobuf messages into JSON, or JSON into Protobuf messages.
///
/// The types are read from `.proto` files when the pipeline starts, and the JSON is that of
/// Protobuf's own [mapping](https://protobuf.dev/programming-guides/json/): names in camel case,
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
    #[spec(default = [], example = ["testing/schema"])]
    import_paths: Vec<String>,
    /// Modules of a Buf Schema Registry. They are not supported: `run` refuses them.
    #[spec(default = [])]
    bsr: Vec<Module>,
}

/// What is done with a message.
#[derive(Clone, Copy, Debug, Spec)]
enum Operator {
    /// A Protobuf message becomes JSON.
    ToJson,
    /// JSON becomes a Protobuf message.
    FromJson,
}

/// A module of a Buf Schema Registry.
#[derive(Clone, Debug, Spec)]
#[allow(dead_code, reason = "the fields are read, and the module is refused")]
struct Module {
    /// The name of the module.
    #[spec(example = "buf.build/exampleco/mymodule")]
    module: String,
    /// The address of the registry; that of the module, when it is empty.
    #[spec(default = "", advanced)]
    url: String,
    /// The key that the registry asks for.
    #[spec(default = "", secret)]
    api_key: String,
    /// The version of the module; the latest, when it is empty.
    #[spec(default = "", advanced)]
    version: String,
}

const NO_REGISTRY: &str = "types are not loaded from a Buf Schema Registry, and `run` refuses this";
const EXPORT: &str = "save the `.proto` files, as with `buf export MODULE -o DIR`, and name the folder \
                      in `import_paths`";

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    let span = |field| node.get(field).map_or(node.span, |it: &Node| it.span);
    if config.message.is_empty() {
        cx.error(
            codes::INVALID_VALUE,
            span("message"),
            "the type has no name",
        )
        .help = Some("name it in full, as `message: package.Message`".to_owned());
    }
    if !config.bsr.is_empty() {
        // As of a component that is not in this build: the config may be right elsewhere.
        cx.warn(codes::NOT_SUPPORTED, span("bsr"), NO_REGISTRY).help = Some(EXPORT.to_owned());
    } else if config.import_paths.is_empty() {
        let message = "there is no place to read `.proto` files from";
        cx.error(codes::MISSING_FIELD, node.span, message).help =
            Some("name folders or files in `import_paths`, as `[ . ]`".to_owned());
    }
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        if !self.bsr.is_empty() {
            return Err(Error::fatal(format!("{NO_REGISTRY}: {EXPORT}")));
        }
        let files = files::read(&self.import_paths)?;
        let schema = Schema::compile(files)
            .map_err(|error| error.context("compile the files of `import_paths`"))?;
        let message = schema.message(&self.message).ok_or_else(|| {
            Error::fatal(format!(
                "the files of `import_paths` ({}) define no message `{}`; it is named in full, as \
                 `package.Message`",
                self.import_paths.join(", "),
                self.message
            ))
        })?;
        Ok(BuiltProcessor::Sync(Arc::new(Protobuf {
            message,
            operator: self.operator,
            read: ReadOptions {
                use_proto_names: self.use_proto_names,
                emit_unpopulated: self.emit_unpopulated,
            },
            write: WriteOptions {
                discard_unknown: self.discard_unknown,
            },
            identity: Arc::clone(cx.identity()),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct Protobuf {
    message: MessageType,
    operator: Operator,
    read: ReadOptions,
    write: WriteOptions,
    identity: Arc<Identity>,
}

impl Protobuf {
    fn convert(&self, message: &mut Message) -> Result<(), Error> {
        match self.operator {
            Operator::ToJson => {
                let value = self.message.read(message.bytes().clone(), self.read)?;
                message.set_value(value);
            }
            Operator::FromJson => {
                let value = message.json()?;
                let encoded = self.message.write(value, self.write)?;
                message.set_bytes(encoded);
            }
        }
        Ok(())
    }
}

impl Processor for Protobuf {
    fn process(&self, batch: MessageBatch) -> Batches {
        self.identity
            .convert_each(batch, |message| self.convert(message))
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
