//! The `mutation` processor.

use std::sync::Arc;

use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Identity, Mapping, Onto, Processor,
    ProcessorConfig,
};
use millrace_message::{Error, MessageBatch};
use millrace_spec::Spec;

/// Changes each message in place, by a Bloblang mapping.
///
/// `root` begins as the message itself, and `this` sees what was assigned below `root` before.
/// A mutation that fails half-way leaves the message as far as it was changed, with its error
/// flag set. `root = deleted()` removes the message, which counts as filtered.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "mutation", category = "Mapping", category = "Parsing")]
pub struct Config(Mapping);

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        let identity = Arc::clone(cx.identity());
        Ok(BuiltProcessor::Sync(Arc::new(Mutate { mapping: self.0.clone(), identity })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct Mutate {
    mapping: Mapping,
    identity: Arc<Identity>,
}

impl Processor for Mutate {
    fn process(&self, mut batch: MessageBatch) -> Batches {
        let mut deleted = vec![false; batch.len()];
        for index in 0..batch.len() {
            match self.mapping.mutate(&mut batch, index) {
                Ok(Onto::Changed) => {}
                Ok(Onto::Deleted) => deleted[index] = true,
                Err(error) => batch[index].set_fault(self.identity.fault(error)),
            }
        }
        let mut kept = MessageBatch::new();
        for (message, deleted) in batch.into_iter().zip(deleted) {
            if deleted {
                message.filter(&self.identity.component);
            } else {
                kept.push(message);
            }
        }
        if kept.is_empty() { Batches::new() } else { smallvec::smallvec![kept] }
    }
}
