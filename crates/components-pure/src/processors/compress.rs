//! The `compress` processor.

use std::sync::Arc;

use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Identity, Processor, ProcessorConfig,
};
use millrace_message::{Error, MessageBatch};
use millrace_spec::{Node, ReadContext, Spec, codes};

use super::compression::{Algorithm, compress};

/// Compresses the payload of each message.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "compress", category = "Parsing")]
pub struct Config {
    /// The format to write.
    algorithm: Algorithm,
    /// How hard to try, from 0 (not at all) to 9; -1 for the default of the algorithm.
    #[spec(default = -1, lint = level)]
    level: i64,
}

fn level(level: &i64, node: &Node, cx: &mut ReadContext) {
    if !(-1..=9).contains(level) {
        cx.error(
            codes::INVALID_VALUE,
            node.span,
            format!("level {level} is not known"),
        )
        .help = Some("a level from 0 to 9, or -1 for the default".to_owned());
    }
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(BuiltProcessor::Sync(Arc::new(CompressPayload {
            algorithm: self.algorithm,
            level: u32::try_from(self.level).ok(),
            identity: Arc::clone(cx.identity()),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct CompressPayload {
    algorithm: Algorithm,
    level: Option<u32>,
    identity: Arc<Identity>,
}

impl Processor for CompressPayload {
    fn process(&self, mut batch: MessageBatch) -> Batches {
        for message in batch.iter_mut() {
            match compress(self.algorithm, self.level, message.bytes()) {
                Ok(compressed) => message.set_bytes(compressed),
                Err(error) => message.set_fault(self.identity.fault(error.context("compress"))),
            }
        }
        smallvec::smallvec![batch]
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor("compress: { algorithm: gzip }");
        millrace_component::conformance::processor(&processor).await;
    }
}
