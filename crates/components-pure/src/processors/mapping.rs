//! The `mapping` processor.

use std::sync::Arc;

use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Identity, Mapped, Mapping, Processor,
    ProcessorConfig,
};
use millrace_message::{Error, Message, MessageBatch};
use millrace_spec::Spec;
use smallvec::SmallVec;

/// Makes a new message of each message, by a Bloblang mapping.
///
/// The mapping reads the message as it was and builds a new one; what it does not assign stays.
/// `root = deleted()` removes the message, which counts as filtered. A mapping that fails leaves
/// the message unchanged, with its error flag set.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "mapping", category = "Mapping", category = "Parsing")]
pub struct Config(Mapping);

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(build(&self.0, cx))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

/// A processor that runs this mapping.
pub(super) fn build(mapping: &Mapping, cx: &BuildContext) -> BuiltProcessor {
    let identity = Arc::clone(cx.identity());
    BuiltProcessor::Sync(Arc::new(MapMessages {
        mapping: mapping.clone(),
        identity,
    }))
}

struct MapMessages {
    mapping: Mapping,
    identity: Arc<Identity>,
}

impl MapMessages {
    /// Carries out what the mapping made of a message; `None` when it removed it.
    fn carry_out(&self, mut message: Message, mapped: Result<Mapped, Error>) -> Option<Message> {
        match mapped {
            Ok(mapped) => {
                if !mapped.apply_to(&mut message) {
                    message.filter(&self.identity.component);
                    return None;
                }
            }
            Err(error) => message.set_fault(self.identity.fault(error)),
        }
        Some(message)
    }
}

impl Processor for MapMessages {
    fn process(&self, batch: MessageBatch) -> Batches {
        // Every message is mapped before any is changed: mappings may look at their neighbours.
        let mapped: SmallVec<[_; 1]> = (0..batch.len())
            .map(|index| self.mapping.map(&batch, index))
            .collect();
        let batch: MessageBatch = batch
            .into_iter()
            .zip(mapped)
            .filter_map(|(message, mapped)| self.carry_out(message, mapped))
            .collect();
        if batch.is_empty() {
            Batches::new()
        } else {
            smallvec::smallvec![batch]
        }
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor(
            r#"mapping: 'root = if this.id == "a" { deleted() } else { this.id.uppercase() }'"#,
        );
        millrace_component::conformance::processor(&processor).await;
    }
}
