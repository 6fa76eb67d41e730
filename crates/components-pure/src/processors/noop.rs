//! The `noop` processor.

use std::sync::Arc;

use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Processor, ProcessorConfig,
};
use millrace_message::{Error, MessageBatch};
use millrace_spec::Spec;

/// Does nothing.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "noop")]
pub struct Config {}

impl ProcessorConfig for Config {
    fn build(&self, _: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(BuiltProcessor::Sync(Arc::new(Noop)))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct Noop;

impl Processor for Noop {
    fn process(&self, batch: MessageBatch) -> Batches {
        smallvec::smallvec![batch]
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor("noop: {}");
        millrace_component::conformance::processor(&processor).await;
    }
}
