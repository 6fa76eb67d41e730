//! The `reject` output.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_component::{BuildContext, Descriptor, Interpolated, OutputConfig, OutputPart, Sink};
use millrace_message::{Error, MessageBatch, Outcome, Outcomes};
use millrace_spec::Spec;

/// Gives every message back to its source, with this text as the reason.
#[derive(Clone, Debug, Spec)]
#[spec(output = "reject", category = "Utility")]
pub struct Config(Interpolated);

impl OutputConfig for Config {
    fn build(&self, _: &BuildContext) -> Result<OutputPart, Error> {
        Ok(OutputPart::Composite(Arc::new(Reject {
            reason: self.0.clone(),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::output::<Config>();

struct Reject {
    reason: Interpolated,
}

#[async_trait]
impl Sink for Reject {
    async fn write(&self, batch: MessageBatch) -> Outcomes {
        let refuse = |index| {
            Outcome::Failed(match self.reason.resolve(&batch, index) {
                Ok(reason) => Error::rejected(reason),
                Err(error) => error.context("the reason of the rejection"),
            })
        };
        Outcomes::Each((0..batch.len()).map(refuse).collect())
    }

    fn capacity(&self) -> usize {
        usize::MAX
    }

    async fn close(&self) {}
}

#[cfg(test)]
mod tests {
    use millrace_component::conformance::{self, Routed};

    use crate::testing::{batch, bench};

    #[tokio::test]
    async fn reject_keeps_the_promises_of_an_output() {
        let yaml = "reject: no";
        let routed = Routed {
            failed: &[0, 1, 2],
            arrived: &[],
            closed: &[],
        };
        conformance::output_of_children(bench, yaml, || batch(&["a", "bad", "c"]), &routed).await;
    }
}
