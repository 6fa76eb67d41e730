//! The `sleep` processor.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use millrace_component::{
    AsyncProcessor, Batches, BuildContext, BuiltProcessor, Descriptor, Identity, Interpolated,
    ProcessorConfig, clock,
};
use millrace_message::{Error, Message, MessageBatch};
use millrace_spec::{Node, ReadContext, Spec, codes};

/// Waits for each message.
///
/// The messages of a batch wait one after the other. A duration that cannot be made for a message
/// is logged, and the message does not wait.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "sleep", category = "Utility")]
pub struct Config {
    /// How long, such as `100ms`.
    #[spec(lint = literal, example = "100ms")]
    duration: Interpolated,
}

/// A text that is the same for every message can be checked now.
fn literal(duration: &Interpolated, node: &Node, cx: &mut ReadContext) {
    let text = duration.as_static();
    if let Some(Err(reason)) = text.map(|text| millrace_spec::Duration::parse(&text)) {
        cx.error(codes::INVALID_VALUE, node.span, reason).help =
            Some("a duration such as `500ms`, `10s` or `1h30m`".to_owned());
    }
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(BuiltProcessor::Async(Arc::new(Sleep {
            duration: self.duration.clone(),
            identity: Arc::clone(cx.identity()),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct Sleep {
    duration: Interpolated,
    identity: Arc<Identity>,
}

impl Sleep {
    fn duration(&self, batch: &[Message], index: usize) -> Result<Duration, Error> {
        let text = self.duration.resolve(batch, index)?;
        let duration = millrace_spec::Duration::parse(&text).map_err(Error::rejected)?;
        Ok(duration.get())
    }
}

#[async_trait]
impl AsyncProcessor for Sleep {
    async fn process(&self, batch: MessageBatch) -> Batches {
        for index in 0..batch.len() {
            match self.duration(&batch, index) {
                Ok(duration) => clock::sleep(duration).await,
                Err(error) => {
                    self.identity
                        .log_error(format_args!("resolve `duration`: {error}"));
                }
            }
        }
        smallvec::smallvec![batch]
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor("sleep: { duration: 1us }");
        millrace_component::conformance::processor(&processor).await;
    }
}
