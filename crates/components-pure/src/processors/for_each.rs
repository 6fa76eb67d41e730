//! The `for_each` processor.

use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, ProcessorChild, ProcessorConfig,
};
use millrace_message::{Error, MessageBatch};
use millrace_spec::Spec;

use super::composite::{Composite, Steps, built, one_or_none};

/// Runs a list of processors on each message of a batch as if it were a batch of one.
///
/// What the processors make of the messages is one batch again, in the order of the messages.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "for_each", category = "Composition")]
pub struct Config(Vec<ProcessorChild>);

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(built(cx, ForEach(Steps::build(cx, &self.0, "")?)))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct ForEach(Steps);

impl Composite for ForEach {
    fn waits(&self) -> bool {
        self.0.waits()
    }

    async fn process(&self, batch: MessageBatch) -> Batches {
        let mut result = MessageBatch::new();
        for message in batch {
            result.append(self.0.run_message(message).await);
        }
        one_or_none(result)
    }

    async fn close(&self) {
        self.0.close().await;
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor("for_each: [ { mapping: 'root = this.id' } ]");
        millrace_component::conformance::processor(&processor).await;
    }
}
