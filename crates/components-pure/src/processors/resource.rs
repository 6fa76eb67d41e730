//! The `resource` processor.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_component::{
    AsyncProcessor, Batches, BuildContext, BuiltProcessor, Descriptor, Processor, ProcessorConfig,
    ProcessorRef,
};
use millrace_message::{Error, MessageBatch};
use millrace_spec::Spec;

/// Stands for the processor resource of this label.
///
/// Every place that names the resource shares one instance of it.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "resource", category = "Utility")]
pub struct Config(ProcessorRef);

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        let resource = cx.engine().processor_resource(&self.0)?;
        Ok(match resource {
            BuiltProcessor::Sync(processor) => BuiltProcessor::Sync(Arc::new(Shared(processor))),
            BuiltProcessor::Async(processor) => BuiltProcessor::Async(Arc::new(Shared(processor))),
        })
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

/// The resource as one of its users has it: closing is left to the engine, since others use it.
struct Shared<P: ?Sized>(Arc<P>);

impl Processor for Shared<dyn Processor> {
    fn process(&self, batch: MessageBatch) -> Batches {
        self.0.process(batch)
    }
}

#[async_trait]
impl AsyncProcessor for Shared<dyn AsyncProcessor> {
    async fn process(&self, batch: MessageBatch) -> Batches {
        self.0.process(batch).await
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor("resource: step");
        millrace_component::conformance::processor(&processor).await;
    }
}
