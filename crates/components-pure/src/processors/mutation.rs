//! The `mutation` processor.

use std::sync::Arc;

use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Identity, Mapped, Mapping, Processor,
    ProcessorConfig,
};
use millrace_message::{Error, MessageBatch};
use millrace_spec::Spec;
use smallvec::SmallVec;

use super::composite::in_place;

/// Changes each message in place, by a Bloblang mapping.
///
/// `root` begins as the message itself, and `this` sees what was assigned below `root` before.
/// A mutation that fails half-way leaves what it has changed within the payload, with the error
/// flag set; what was put in the place of the payload, as by `root = deleted()`, holds only when the
/// mutation succeeds. `root = deleted()` removes the message, which counts as filtered.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "mutation", category = "Mapping", category = "Parsing")]
pub struct Config(Mapping);

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        let identity = Arc::clone(cx.identity());
        Ok(BuiltProcessor::Sync(Arc::new(Mutate {
            mapping: self.0.clone(),
            identity,
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct Mutate {
    mapping: Mapping,
    identity: Arc<Identity>,
}

impl Mutate {
    /// Changes the messages of a batch where they stand.
    fn mutate(&self, batch: &mut MessageBatch) {
        // Every message is read before any is changed: mutations may look at their neighbours.
        let changes: SmallVec<[_; 1]> = (0..batch.len())
            .map(|index| self.mapping.mutate(batch, index))
            .collect();
        let mut changes = changes.into_iter();
        batch.retain(|message| {
            let (mapped, error) = changes.next().unwrap_or((Mapped::Unchanged, None));
            let kept = mapped.apply_to(message);
            if !kept {
                message.filter(&self.identity.component);
            } else if let Some(error) = error {
                message.set_fault(self.identity.fault(error));
            }
            kept
        });
    }
}

impl Processor for Mutate {
    fn process(&self, batch: MessageBatch) -> Batches {
        self.process_run(smallvec::smallvec![batch])
    }

    fn process_run(&self, run: Batches) -> Batches {
        in_place(run, |batch| self.mutate(batch))
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor("mutation: 'root.id = this.id.uppercase()'");
        millrace_component::conformance::processor(&processor).await;
    }
}
