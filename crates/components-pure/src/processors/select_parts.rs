//! The `select_parts` processor.

use std::sync::Arc;

use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Identity, Processor, ProcessorConfig,
};
use millrace_message::{Error, MessageBatch};
use millrace_spec::Spec;

use super::composite::one_or_none;

/// Keeps messages of a batch by their index, in the order of the indexes.
///
/// An index below 0 counts from the end: -1 is the last message. Indexes that the batch does not
/// have are ignored; one that is named twice gives two copies. Messages that are not kept count as
/// filtered.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "select_parts", category = "Utility")]
pub struct Config {
    /// The indexes.
    #[spec(default = [])]
    parts: Vec<i64>,
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(BuiltProcessor::Sync(Arc::new(SelectParts {
            parts: self.parts.clone(),
            identity: Arc::clone(cx.identity()),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct SelectParts {
    parts: Vec<i64>,
    identity: Arc<Identity>,
}

impl Processor for SelectParts {
    fn process(&self, batch: MessageBatch) -> Batches {
        let mut kept = MessageBatch::new();
        for &part in &self.parts {
            let index = match usize::try_from(part) {
                Ok(index) => Some(index),
                Err(_) => batch.len().checked_sub(part.unsigned_abs() as usize),
            };
            kept.extend(index.and_then(|index| batch.get(index)).cloned());
        }
        // Each kept message is a copy with handles of its own, so that those of the batch can end.
        for mut message in batch {
            message.filter(&self.identity.component);
        }
        one_or_none(kept)
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor("select_parts: { parts: [ 0, -1 ] }");
        millrace_component::conformance::processor(&processor).await;
    }
}
