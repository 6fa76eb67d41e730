//! The `decompress` processor.

use std::sync::Arc;

use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Identity, Processor, ProcessorConfig,
};
use millrace_message::{Error, MessageBatch};
use millrace_spec::{ByteSize, Spec};

use super::compression::{Decompression, decompress};

/// Decompresses the payload of each message.
///
/// A payload that is cut, damaged, or larger than `max_size` when decompressed stays as it is, and
/// the error flag of its message is set. No more than `max_size` is ever held in memory, and no more
/// than `memory_limit` allows for all messages together.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "decompress", category = "Parsing")]
pub struct Config {
    /// The format to read.
    algorithm: Decompression,
    /// The largest content of a message, in bytes, such as `256MiB`.
    #[spec(default = "256MiB", advanced)]
    max_size: ByteSize,
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(BuiltProcessor::Sync(Arc::new(DecompressPayload {
            algorithm: self.algorithm,
            max_size: cx.bound(self.max_size),
            identity: Arc::clone(cx.identity()),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct DecompressPayload {
    algorithm: Decompression,
    max_size: usize,
    identity: Arc<Identity>,
}

impl Processor for DecompressPayload {
    fn process(&self, mut batch: MessageBatch) -> Batches {
        for message in batch.iter_mut() {
            match decompress(self.algorithm, message.bytes(), self.max_size) {
                Ok(content) => message.set_bytes(content),
                Err(error) => message.set_fault(self.identity.fault(error.context("decompress"))),
            }
        }
        smallvec::smallvec![batch]
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor("decompress: { algorithm: gzip }");
        millrace_component::conformance::processor(&processor).await;
    }
}
