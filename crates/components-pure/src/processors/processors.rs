//! The `processors` processor.

use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, ProcessorChild, ProcessorConfig,
};
use millrace_message::{Error, MessageBatch};
use millrace_spec::Spec;

use super::composite::{Composite, Steps, built};

/// Runs a list of processors in order, as one.
///
/// The batch passes them as it would pass them without this one around them: useful where a field
/// takes one processor, as in a resource.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "processors", category = "Composition")]
pub struct Config(#[spec(default = [])] Vec<ProcessorChild>);

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(built(cx, InOrder(Steps::build(cx, &self.0, "")?)))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct InOrder(Steps);

impl Composite for InOrder {
    fn waits(&self) -> bool {
        self.0.waits()
    }

    async fn process(&self, batch: MessageBatch) -> Batches {
        self.0.run(batch).await
    }

    async fn close(&self) {
        self.0.close().await;
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor(
            "processors: [ { mapping: 'root = this.id' }, { archive: { format: lines } } ]",
        );
        millrace_component::conformance::processor(&processor).await;
    }
}
