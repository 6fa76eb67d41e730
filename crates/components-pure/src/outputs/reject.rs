//! The `reject` output.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_component::{
    BuildContext, Descriptor, Identity, Interpolated, OutputConfig, OutputPart, Sink,
};
use millrace_message::{Error, MessageBatch, Outcome, Outcomes};
use millrace_spec::Spec;
use millrace_telemetry::metric::OutputMetrics;

/// Gives every message back to its source, with this text as the reason, which is logged too.
///
/// What becomes of it then is up to the input: a queue delivers it again, an HTTP client gets the
/// text, and inputs that take nothing back send it through the stream again, with growing pauses,
/// for ever unless their `replay` says how often.
#[derive(Clone, Debug, Spec)]
#[spec(output = "reject", category = "Utility")]
pub struct Config(Interpolated);

impl OutputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<OutputPart, Error> {
        let metrics = OutputMetrics::new(cx.metrics());
        metrics.connection.up();
        Ok(OutputPart::Composite(Arc::new(Reject {
            reason: self.0.clone(),
            identity: Arc::clone(cx.identity()),
            metrics,
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::output::<Config>();

struct Reject {
    reason: Interpolated,
    identity: Arc<Identity>,
    metrics: OutputMetrics,
}

#[async_trait]
impl Sink for Reject {
    async fn write(&self, batch: MessageBatch) -> Outcomes {
        self.metrics.error.inc();
        let refuse = |index| {
            let error = match self.reason.resolve(&batch, index) {
                Ok(reason) => Error::rejected(reason),
                Err(error) => error.context("the reason of the rejection"),
            };
            self.identity
                .log_warning(format_args!("send message: {error}"));
            Outcome::Failed(error)
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
