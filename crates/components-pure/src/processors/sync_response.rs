//! The `sync_response` processor.

use std::sync::Arc;

use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Processor, ProcessorConfig,
};
use millrace_message::{Error, MessageBatch};
use millrace_spec::Spec;

/// Leaves a copy of the batch as the reply to whoever sent its first message.
///
/// Inputs that answer, such as `http_server`, send the reply when the message is acknowledged.
/// With other inputs this processor does nothing.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "sync_response", category = "Utility")]
pub struct Config {}

impl ProcessorConfig for Config {
    fn build(&self, _: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(BuiltProcessor::Sync(Arc::new(Reply)))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct Reply;

impl Processor for Reply {
    fn process(&self, batch: MessageBatch) -> Batches {
        let replies = batch.first().and_then(|first| first.context()?.replies());
        if let Some(replies) = replies {
            replies.push(batch.detached());
        }
        smallvec::smallvec![batch]
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor("sync_response: {}");
        millrace_component::conformance::processor(&processor).await;
    }
}
