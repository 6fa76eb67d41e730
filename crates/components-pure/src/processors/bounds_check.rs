//! The `bounds_check` processor.

use std::sync::Arc;

use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Identity, Processor, ProcessorConfig,
};
use millrace_message::{Error, MessageBatch};
use millrace_spec::Spec;

/// Removes batches that are too small or too large.
///
/// A batch goes when its number of messages, or the size of any of its messages, is out of bounds;
/// its messages count as filtered.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "bounds_check", category = "Utility")]
pub struct Config {
    /// The largest payload of a message, in bytes.
    #[spec(default = 1073741824)]
    max_part_size: u64,
    /// The smallest payload of a message, in bytes.
    #[spec(default = 1)]
    min_part_size: u64,
    /// The largest number of messages in a batch.
    #[spec(default = 100, advanced)]
    max_parts: u64,
    /// The smallest number of messages in a batch.
    #[spec(default = 1, advanced)]
    min_parts: u64,
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(BuiltProcessor::Sync(Arc::new(BoundsCheck {
            bounds: self.clone(),
            identity: Arc::clone(cx.identity()),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct BoundsCheck {
    bounds: Config,
    identity: Arc<Identity>,
}

impl Processor for BoundsCheck {
    fn process(&self, batch: MessageBatch) -> Batches {
        let Config {
            max_part_size,
            min_part_size,
            max_parts,
            min_parts,
        } = self.bounds;
        let fits = (min_parts..=max_parts).contains(&(batch.len() as u64))
            && batch.iter().all(|message| {
                (min_part_size..=max_part_size).contains(&(message.bytes().len() as u64))
            });
        if fits {
            return smallvec::smallvec![batch];
        }
        tracing::debug!(
            component = %self.identity.component,
            path = %self.identity.path,
            label = %self.identity.label,
            messages = batch.len(),
            "batch removed: out of bounds"
        );
        for mut message in batch {
            message.filter(&self.identity.component);
        }
        Batches::new()
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor("bounds_check: { max_part_size: 20 }");
        millrace_component::conformance::processor(&processor).await;
    }
}
