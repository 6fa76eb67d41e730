//! The `parallel` processor.

use futures::StreamExt;
use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, ProcessorChild, ProcessorConfig,
};
use millrace_message::{Error, MessageBatch};
use millrace_spec::Spec;

use super::composite::{Composite, Steps, built, one_or_none};

/// Runs processors on the messages of a batch as if each were a batch of one, at the same time.
///
/// What comes out is one batch in the order of the messages. Messages are in the processors at the
/// same time where those wait, for a server or a timer; what computes runs on the one pipeline
/// thread of the batch, so that `pipeline.threads` stays the bound on used cores.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "parallel", category = "Composition")]
pub struct Config {
    /// How many messages are in the processors at the same time; 0 for all of the batch.
    #[spec(default = 0)]
    cap: u32,
    /// The processors.
    processors: Vec<ProcessorChild>,
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(built(
            cx,
            Parallel {
                cap: self.cap as usize,
                steps: Steps::build(cx, &self.processors, "processors")?,
            },
        ))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct Parallel {
    cap: usize,
    steps: Steps,
}

impl Composite for Parallel {
    fn waits(&self) -> bool {
        self.steps.waits()
    }

    async fn process(&self, batch: MessageBatch) -> Batches {
        let cap = if self.cap == 0 {
            batch.len().max(1)
        } else {
            self.cap
        };
        let results: Vec<MessageBatch> = futures::stream::iter(batch)
            .map(|message| self.steps.run_message(message))
            .buffered(cap)
            .collect()
            .await;
        let mut result = MessageBatch::new();
        for messages in results {
            result.append(messages);
        }
        one_or_none(result)
    }

    async fn close(&self) {
        self.steps.close().await;
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor(
            "parallel: { processors: [ { mapping: 'root = this.id' } ] }",
        );
        millrace_component::conformance::processor(&processor).await;
    }
}
