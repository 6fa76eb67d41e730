//! The `reject_errored` output.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_component::{
    BuildContext, CompositeSink, Descriptor, Intake, OutputChild, OutputConfig, OutputPart, Sink,
};
use millrace_message::{Error, MessageBatch, Outcome, Outcomes};
use millrace_spec::Spec;

/// Gives messages that a processor failed on back to their source; the others go to its child.
///
/// ```yaml
/// output:
///   reject_errored:
///     file: { path: ./good.ndjson }
/// ```
#[derive(Clone, Debug, Spec)]
#[spec(output = "reject_errored", category = "Utility")]
pub struct Config(OutputChild);

impl OutputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<OutputPart, Error> {
        let child = cx.output(&self.0, "reject_errored")?;
        Ok(OutputPart::Composite(Arc::new(RejectErrored { child })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::output::<Config>();

struct RejectErrored {
    child: Arc<dyn Sink>,
}

#[async_trait]
impl CompositeSink for RejectErrored {
    async fn deliver(&self, batch: MessageBatch, intake: &Intake) -> Outcomes {
        if batch.iter().all(|message| message.fault().is_none()) {
            return intake.through(&*self.child, batch).await;
        }
        let rejected = |message: &millrace_message::Message| {
            message.fault().map(|fault| {
                let text = format!("rejecting due to failed processing: {}", fault.cause);
                Outcome::Failed(Error::rejected(text))
            })
        };
        let mut each: Vec<Option<Outcome>> = batch.iter().map(rejected).collect();
        let (passed, _) = batch.partition(|message| message.fault().is_none());
        if !passed.is_empty() {
            let outcomes = intake.through(&*self.child, passed).await;
            let open = each.iter_mut().filter(|outcome| outcome.is_none());
            for (position, outcome) in open.enumerate() {
                *outcome = Some(outcomes.get(position));
            }
        }
        Outcomes::Each(
            each.into_iter()
                .map(|it| it.unwrap_or(Outcome::Delivered))
                .collect(),
        )
    }

    fn capacity(&self) -> usize {
        self.child.capacity()
    }

    async fn close(&self) {
        self.child.close().await;
    }
}

#[cfg(test)]
mod tests {
    use millrace_component::conformance::{self, Routed};
    use millrace_message::Error;

    use crate::testing::{batch, bench};

    #[tokio::test]
    async fn reject_errored_keeps_the_promises_of_an_output() {
        let yaml = "reject_errored: { scripted: { name: one, refuses: bad } }";
        let routed = Routed {
            failed: &[1, 2],
            arrived: &["one: a", "one: d"],
            closed: &["one"],
        };
        conformance::output_of_children(
            bench,
            yaml,
            || {
                let mut batch = batch(&["a", "failed", "bad", "d"]);
                let cx = bench().context("mapping");
                batch[1].set_fault(cx.identity().fault(Error::rejected("no number")));
                batch
            },
            &routed,
        )
        .await;
    }
}
