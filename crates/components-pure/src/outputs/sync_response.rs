//! The `sync_response` output.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_component::{BuildContext, Descriptor, OutputConfig, OutputPart, Sink};
use millrace_message::{Error, MessageBatch, Outcomes};
use millrace_spec::Spec;
use millrace_telemetry::metric::OutputMetrics;

/// Answers the sender of the first message of each batch with the batch.
///
/// Only inputs that wait for an answer, such as `http_server`, can be answered; a message of any
/// other input is refused and goes back to its source.
#[derive(Clone, Debug, Spec)]
#[spec(output = "sync_response", category = "Utility")]
pub struct Config {}

impl OutputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<OutputPart, Error> {
        let metrics = OutputMetrics::new(cx.metrics());
        metrics.connection.up();
        Ok(OutputPart::Composite(Arc::new(SyncResponse { metrics })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::output::<Config>();

struct SyncResponse {
    metrics: OutputMetrics,
}

#[async_trait]
impl Sink for SyncResponse {
    async fn write(&self, batch: MessageBatch) -> Outcomes {
        let context = batch.first().and_then(|message| message.context()).cloned();
        match context.as_ref().and_then(|context| context.replies()) {
            Some(replies) => {
                self.metrics.sent.add(batch.len() as u64);
                self.metrics.batch_sent.inc();
                replies.push(batch.detached());
                Outcomes::DELIVERED
            }
            None => {
                self.metrics.error.inc();
                Outcomes::failed(Error::rejected(
                    "the sender of this message does not wait for an answer",
                ))
            }
        }
    }

    fn capacity(&self) -> usize {
        usize::MAX
    }

    async fn close(&self) {}
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use millrace_component::conformance::{self, Routed};
    use millrace_message::{Context, Replies};

    use crate::testing::{batch, bench};

    #[tokio::test]
    async fn sync_response_keeps_the_promises_of_an_output() {
        let yaml = "sync_response: {}";
        let nobody_waits = Routed {
            failed: &[0, 1],
            arrived: &[],
            closed: &[],
        };
        let alone = || batch(&["a", "b"]);
        conformance::output_of_children(bench, yaml, alone, &nobody_waits).await;

        let context = Arc::new(Context {
            replies: Some(Replies::default()),
            ..Context::default()
        });
        let asked = || {
            let mut batch = batch(&["a", "b"]);
            for message in batch.iter_mut() {
                message.set_context(Some(Arc::clone(&context)));
            }
            batch
        };
        let answered = Routed {
            failed: &[],
            ..nobody_waits
        };
        conformance::output_of_children(bench, yaml, asked, &answered).await;
        let replies = context.replies().unwrap().take();
        assert!(replies.iter().all(|reply| reply.len() == 2));
        assert!(replies.len() > 1, "one for each write");
    }
}
