//! The `broker` input.

use futures::future::join_all;
use millrace_component::{
    BatchPolicy, BuildContext, Descriptor, InputChild, InputConfig, InputPart, Source,
};
use millrace_message::Error;
use millrace_spec::{Node, ReadContext, Spec, codes};

use super::batched;
use super::relay::{EDGE_CAPACITY, Ends, pass_on_to_end};
use crate::copies::check_copies;

/// Reads from several inputs at the same time.
///
/// The order within each input is kept; between them there is none. It ends when all have ended.
#[derive(Clone, Debug, Spec)]
#[spec(input = "broker", category = "Utility", check = check)]
pub struct Config {
    /// How often each input is started.
    #[spec(default = 1, advanced)]
    copies: usize,
    /// The inputs.
    #[spec(default = [], sample = [{"stdin": {}}])]
    inputs: Vec<InputChild>,
    /// How messages of all inputs are collected.
    #[spec(advanced)]
    batching: BatchPolicy,
}

const NO_INPUT: &str = "broker needs at least one input";

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    if config.inputs.is_empty() {
        let span = node.field_span("inputs");
        cx.error(codes::INVALID_VALUE, span, NO_INPUT);
    }
    check_copies(config.copies, config.inputs.len(), node, cx);
}

impl InputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<InputPart, Error> {
        if self.inputs.is_empty() {
            return Err(Error::fatal(NO_INPUT));
        }
        let mut sources = Vec::new();
        for copy in 0..self.copies.max(1) {
            for (index, child) in self.inputs.iter().enumerate() {
                let at = copy * self.inputs.len() + index;
                sources.push(cx.input(child, &format!("broker.inputs.{at}"))?);
            }
        }
        let source = merge(sources);
        if self.batching.is_noop() {
            return Ok(InputPart::Composite(source));
        }
        let batcher = self.batching.build(cx, "batching")?;
        Ok(InputPart::Composite(batched::run(
            source,
            batcher,
            cx.flow().urgency(),
        )))
    }

    fn forgets_acknowledged(&self) -> bool {
        self.inputs
            .iter()
            .any(|it| it.config.forgets_acknowledged())
    }
}

pub const COMPONENT: Descriptor = Descriptor::input::<Config>();

fn merge(sources: Vec<Source>) -> Source {
    Source::spawn(EDGE_CAPACITY, |writer| async move {
        let ends = Ends::of(&sources);
        let relays = sources
            .into_iter()
            .map(|source| pass_on_to_end(source, &writer.batches));
        let (ended, ()) = tokio::join!(join_all(relays), ends.follow(&writer));
        // The first error is the result.
        ended.into_iter().collect()
    })
}

#[cfg(test)]
mod tests {
    use millrace_component::conformance::{self, Order};

    use crate::testing::bench;

    #[tokio::test]
    async fn broker_keeps_the_promises_of_an_input() {
        let yaml = "broker: { inputs: [{ scripted: { messages: [a, b, c] } }, { scripted: { messages: [x, y, z] } }] }";
        let expected: &[&[&str]] = &[&["a", "b", "c"], &["x", "y", "z"]];
        conformance::input_of_children(bench, yaml, Order::WithinChildren, expected).await;
    }
}
