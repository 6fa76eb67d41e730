//! The `jq` processor.

use std::sync::Arc;

use jaq_json::Val;
use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Identity, Processor, ProcessorConfig,
};
use millrace_message::json::escape_html;
use millrace_message::{Error, Message, MessageBatch, Value};
use millrace_spec::{FieldKind, FieldType, Node, ReadContext, Spec, codes};

use super::program::Room;
use program::Program;

mod program;
#[cfg(test)]
mod tests;
mod value;

/// Replaces each message by the result of a jq query on it.
///
/// Bloblang does the same many times faster, in the processor `mapping`. The metadata of the message
/// is the variable `$metadata`. A query that gives several values makes an array of them, one that
/// gives none removes the message, which counts as filtered. A message that is no JSON, or on which
/// the query fails, goes on unchanged, with its error flag set.
///
/// What a query gives is bounded by `memory_limit`; nothing bounds how long it computes before it
/// gives something. It sees no environment variables and no files, and `halt` is an error.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "jq", category = "Mapping")]
pub struct Config {
    /// The query.
    #[spec(
        example = "{Cities: [.locations[] | select(.state == \"WA\").name] | sort | join(\", \")}"
    )]
    query: Query,
    /// Whether the query is run on the payload as a text; else the payload is JSON.
    #[spec(default = false, advanced)]
    raw: bool,
    /// Whether texts are written without quotes, and several values one after the other.
    #[spec(default = false, advanced)]
    output_raw: bool,
}

/// A query that was compiled when the config was read.
#[derive(Clone, Debug)]
struct Query(Arc<Program>);

impl FieldType for Query {
    fn kind() -> FieldKind {
        FieldKind::String
    }

    fn read(node: &Node, cx: &mut ReadContext) -> Option<Self> {
        let text = String::read(node, cx)?;
        match Program::compile(&text) {
            Ok(program) => Some(Self(Arc::new(program))),
            Err(complaint) => {
                let message = format!("this is no jq query: {}", complaint.reason);
                cx.error(codes::INVALID_VALUE, node.span_of(complaint.range), message);
                None
            }
        }
    }
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(BuiltProcessor::Sync(Arc::new(Jq {
            program: Arc::clone(&self.query.0),
            reads_text: self.raw,
            writes_text: self.output_raw,
            result_max: cx.flow().budget().limit(),
            identity: Arc::clone(cx.identity()),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct Jq {
    program: Arc<Program>,
    reads_text: bool,
    writes_text: bool,
    /// The largest result, in bytes.
    result_max: usize,
    identity: Arc<Identity>,
}

impl Jq {
    /// Runs the query on a message; false when it gives nothing.
    fn run(&self, message: &mut Message) -> Result<bool, Error> {
        let input = match self.reads_text {
            true => Val::utf8_str(message.bytes().clone()),
            false => {
                let value = message
                    .value()
                    .map_err(|error| Error::rejected(format!("the payload is no JSON: {error}")))?;
                value::of_value(value, 0)?
            }
        };
        let metadata = value::of_metadata(&message.metadata)?;
        let mut room = Room::new(self.result_max);
        let mut values = self.program.run(input, metadata, &mut room)?;
        match (values.len(), self.writes_text) {
            (0, _) => return Ok(false),
            (_, true) => message.set_bytes(as_text(&values)),
            (1, false) => message.set_value(values.remove(0)),
            (_, false) => message.set_value(Value::from(values)),
        }
        Ok(true)
    }
}

/// The values one after the other: texts as they are, others as JSON.
fn as_text(values: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    for value in values {
        let start = out.len();
        match value {
            Value::String(text) => out.extend_from_slice(text.as_bytes()),
            Value::Bytes(bytes) => out.extend_from_slice(bytes),
            other => {
                other.write_json(&mut out);
                escape_html(&mut out, start);
            }
        }
    }
    out
}

impl Processor for Jq {
    fn process(&self, mut batch: MessageBatch) -> Batches {
        batch.retain(|message| match self.run(message) {
            Ok(true) => true,
            Ok(false) => {
                message.filter(&self.identity.component);
                false
            }
            Err(error) => {
                message.set_fault(self.identity.fault(error));
                true
            }
        });
        match batch.is_empty() {
            true => Batches::new(),
            false => smallvec::smallvec![batch],
        }
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        for config in [
            "{ query: '.list[]' }",
            "{ query: 'select(length > 3)', raw: true }",
        ] {
            let processor = crate::testing::processor(&format!("jq: {config}"));
            millrace_component::conformance::processor(&processor).await;
        }
    }
}
