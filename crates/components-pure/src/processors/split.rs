//! The `split` processor.

use std::sync::Arc;

use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Processor, ProcessorConfig,
};
use millrace_message::{Error, MessageBatch};
use millrace_spec::Spec;

/// Breaks batches into smaller ones.
///
/// A batch ends where the next message would exceed `size` or `byte_size`; the last one takes what
/// remains. A single message that is larger than `byte_size` is a batch of its own. To make
/// several messages of one, use `unarchive`.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "split", category = "Utility")]
pub struct Config {
    /// How many messages a batch has at most; 0 for any number.
    #[spec(default = 1)]
    size: u64,
    /// How many payload bytes a batch has at most; 0 for any number.
    #[spec(default = 0)]
    byte_size: u64,
}

impl ProcessorConfig for Config {
    fn build(&self, _: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(BuiltProcessor::Sync(Arc::new(Split {
            size: self.size,
            byte_size: self.byte_size,
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct Split {
    size: u64,
    byte_size: u64,
}

impl Processor for Split {
    fn process(&self, batch: MessageBatch) -> Batches {
        let mut batches = Batches::new();
        let mut next = MessageBatch::new();
        let mut bytes = 0_u64;
        for message in batch {
            let more = message.bytes().len() as u64;
            let is_full = self.size > 0 && next.len() as u64 >= self.size;
            let is_heavy = self.byte_size > 0 && bytes + more > self.byte_size;
            if !next.is_empty() && (is_full || is_heavy) {
                batches.push(std::mem::take(&mut next));
                bytes = 0;
            }
            bytes += more;
            next.push(message);
        }
        if !next.is_empty() {
            batches.push(next);
        }
        batches
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor("split: { size: 2 }");
        millrace_component::conformance::processor(&processor).await;
    }
}
