//! The `sync_response` output.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_component::{BuildContext, Descriptor, OutputConfig, OutputPart, Sink};
use millrace_message::{Error, MessageBatch, Outcomes};
use millrace_spec::Spec;

/// Answers the sender of the first message of each batch with the batch.
///
/// Only inputs that wait for an answer, such as `http_server`, can be answered; a message of any
/// other input is refused and goes back to its source.
#[derive(Clone, Debug, Spec)]
#[spec(output = "sync_response", category = "Utility")]
pub struct Config {}

impl OutputConfig for Config {
    fn build(&self, _: &BuildContext) -> Result<OutputPart, Error> {
        Ok(OutputPart::Composite(Arc::new(SyncResponse)))
    }
}

pub const COMPONENT: Descriptor = Descriptor::output::<Config>();

struct SyncResponse;

#[async_trait]
impl Sink for SyncResponse {
    async fn write(&self, batch: MessageBatch) -> Outcomes {
        let context = batch.first().and_then(|message| message.context()).cloned();
        match context.as_ref().and_then(|context| context.replies()) {
            Some(replies) => {
                replies.push(batch.detached());
                Outcomes::DELIVERED
            }
            None => Outcomes::failed(Error::rejected(
                "the sender of this message does not wait for an answer",
            )),
        }
    }

    fn capacity(&self) -> usize {
        usize::MAX
    }

    async fn close(&self) {}
}
