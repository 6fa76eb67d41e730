//! The `fallback` output.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_component::{
    BuildContext, CompositeSink, Descriptor, Flow, Intake, OutputChild, OutputConfig, OutputPart,
    Sink,
};
use millrace_message::{Error, MessageBatch, Outcomes};
use millrace_spec::{Node, ReadContext, Spec, codes};
use millrace_telemetry::Redactor;

use super::retrying::Pending;

/// Writes messages to its first child; what that one does not accept goes to the next, and so on.
///
/// Only the messages that failed go on, each with the error of the output before as its metadata
/// `fallback_error`. What
/// the last child does not accept goes back to its source. A child that cannot connect fails its
/// writes after `connect_timeout`, 10 seconds unless it says otherwise.
///
/// ```yaml
/// output:
///   fallback:
///     - http_client:
///         url: http://localhost:8080/messages
///     - file: # with the reason, to be sent again later
///         path: ./not_sent.ndjson
///       processors:
///         - mapping: |
///             root = this
///             root.reason = @fallback_error
/// ```
#[derive(Clone, Debug, Spec)]
#[spec(output = "fallback", category = "Utility", check = check)]
pub struct Config(Vec<OutputChild>);

const NO_OUTPUT: &str = "fallback needs at least one output";

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    if config.0.is_empty() {
        cx.error(codes::INVALID_VALUE, node.span, NO_OUTPUT);
    }
}

impl OutputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<OutputPart, Error> {
        if self.0.is_empty() {
            return Err(Error::fatal(NO_OUTPUT));
        }
        let build = |(index, child)| cx.output(child, &format!("fallback.{index}"));
        let tiers = self
            .0
            .iter()
            .enumerate()
            .map(build)
            .collect::<Result<_, _>>()?;
        Ok(OutputPart::Composite(Arc::new(Fallback {
            tiers,
            flow: cx.flow().clone(),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::output::<Config>();

struct Fallback {
    tiers: Vec<Arc<dyn Sink>>,
    flow: Flow,
}

#[async_trait]
impl CompositeSink for Fallback {
    async fn deliver(&self, batch: MessageBatch, intake: &Intake) -> Outcomes {
        let mut pending = Pending::new(batch);
        for tier in &self.tiers {
            let outcomes = intake.through(&**tier, pending.copies()).await;
            pending.settle(&outcomes);
            // What is given up goes back to its source: nothing is wrong with it.
            if pending.is_empty() || self.flow.abort().is_cancelled() {
                break;
            }
            pending.for_each(|message, error| {
                // It may go anywhere from here.
                let text = Redactor::global().text_of(error);
                message.metadata.set("fallback_error", text);
            });
        }
        pending.finish()
    }

    fn capacity(&self) -> usize {
        self.tiers
            .iter()
            .map(|tier| tier.capacity())
            .max()
            .unwrap_or(1)
    }

    async fn close(&self) {
        for tier in &self.tiers {
            tier.close().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use millrace_component::conformance::{self, Routed};

    use crate::testing::{batch, bench};

    #[tokio::test]
    async fn fallback_keeps_the_promises_of_an_output() {
        let yaml = "fallback: [{ scripted: { name: one, refuses: b } }, { scripted: { name: two, refuses: bad } }]";
        let routed = Routed {
            failed: &[1],
            arrived: &["one: a", "one: c", "two: b"],
            closed: &["one", "two"],
        };
        conformance::output_of_children(bench, yaml, || batch(&["a", "bad", "c", "b"]), &routed)
            .await;
    }
}
