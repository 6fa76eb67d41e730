//! The `jq` processor.

use std::sync::Arc;

use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Flow, Identity, Processor, ProcessorConfig,
};
use millrace_jq::{Limits, Program};
use millrace_message::json::escape_html;
use millrace_message::{Error, Message, MessageBatch, Metadata, Object, Value};
use millrace_spec::{FieldKind, FieldType, Node, ReadContext, Spec, codes};

use super::program::{error, run_each};

#[cfg(test)]
mod tests;

/// Replaces each message by the result of a jq query on it.
///
/// Bloblang does the same faster, in the processor `mapping`. The metadata of the message is the
/// variable `$metadata`. A query that gives several values makes an array of them, one that gives
/// none removes the message, which counts as filtered. A message that is no JSON, or on which the
/// query fails, goes on unchanged, with its error flag set.
///
/// The language is that of gojq. A query takes at most 20 million steps and a minute on a message, and
/// builds at most 256 MiB for it, or `memory_limit` when that is less; beyond that it fails. It sees
/// no environment variables, no files and no other messages, and `halt` is an error. When a stream is
/// given up at its stop, a query that still runs is ended and its message goes back to its source.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "jq", category = "Mapping")]
pub struct Config {
    /// The query.
    #[spec(
        example = "{Cities: [.locations[] | select(.state == \"WA\").name] | sort | join(\", \")}",
        example = ".orders[] | {id, total: ([.lines[] | .price * .count] | add)}"
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
        match Program::compile(&text, &["metadata"]) {
            Ok(program) => Some(Self(Arc::new(program))),
            Err(error) => {
                let message = format!("this is no jq query: {}", error.reason);
                cx.error(codes::INVALID_VALUE, node.span_of(error.range), message);
                None
            }
        }
    }
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        let mut limits = Limits::default();
        limits.bytes = limits.bytes.min(cx.flow().budget().limit());
        limits.halt = cx.flow().halt();
        Ok(BuiltProcessor::Sync(Arc::new(Jq {
            program: Arc::clone(&self.query.0),
            limits,
            reads_text: self.raw,
            writes_text: self.output_raw,
            identity: Arc::clone(cx.identity()),
            flow: cx.flow().clone(),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct Jq {
    program: Arc<Program>,
    limits: Limits,
    reads_text: bool,
    writes_text: bool,
    identity: Arc<Identity>,
    flow: Flow,
}

impl Jq {
    /// Runs the query on a message; false when it gives nothing.
    fn run(&self, message: &mut Message) -> Result<bool, Error> {
        let input = match self.reads_text {
            true => Value::String(Value::from(message.bytes().clone()).to_text()),
            false => {
                let value = message.value();
                let value = value
                    .map_err(|error| Error::rejected(format!("the payload is no JSON: {error}")))?;
                value.clone()
            }
        };
        let metadata = as_object(&message.metadata);
        let mut values = self
            .program
            .run(input, vec![metadata], self.limits.clone())
            .map_err(error)?;
        match (values.len(), self.writes_text) {
            (0, _) => return Ok(false),
            (_, true) => message.set_bytes(as_text(&values)),
            (1, false) => message.set_value(values.remove(0)),
            (_, false) => message.set_value(Value::from(values)),
        }
        Ok(true)
    }
}

fn as_object(metadata: &Metadata) -> Value {
    let members = metadata.iter().map(|(name, it)| (name.clone(), it.clone()));
    Value::Object(members.collect::<Object>())
}

/// The values one after the other: texts as they are, others as JSON.
fn as_text(values: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    for value in values {
        let start = out.len();
        match value {
            Value::String(text) => out.extend_from_slice(text.as_bytes()),
            other => {
                other.write_json(&mut out);
                escape_html(&mut out, start);
            }
        }
    }
    out
}

impl Processor for Jq {
    fn process(&self, batch: MessageBatch) -> Batches {
        self.process_run(smallvec::smallvec![batch])
    }

    fn process_run(&self, run: Batches) -> Batches {
        // Whether each message has a result, in order.
        let mut kept = Vec::new();
        let mut run = run_each(run, &self.flow, &self.identity, |message| {
            let result = self.run(message);
            kept.push(!matches!(result, Ok(false)));
            result.map(drop)
        });
        let mut kept = kept.into_iter();
        run.retain(|batch| {
            batch.retain(|message| {
                let is_kept = kept.next() != Some(false);
                if !is_kept {
                    message.filter(&self.identity.component);
                }
                is_kept
            });
            !batch.is_empty()
        });
        run
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
