//! The `mapping` processor.

use std::sync::Arc;

use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Identity, Mapped, Mapping, Processor,
    ProcessorConfig,
};
use millrace_message::{Error, Message, MessageBatch};
use millrace_spec::Spec;

use super::composite::in_place;

/// Makes a new message of each message, by a Bloblang mapping.
///
/// The mapping reads the message as it was. As soon as it assigns to `root`, or to anything below
/// it, the new content is built from nothing, and what is not assigned is not in it: of
/// `{"id":1,"name":"Ann"}` the mapping `root.id = this.id` makes `{"id":1}`. A mapping that assigns
/// only variables and metadata, or only `nothing()`, leaves the content as it is. Metadata stays,
/// but for what the mapping changes.
///
/// To change a part of the content, begin with `root = this`, or use the processor `mutation`.
///
/// `root = deleted()` removes the message, which counts as filtered. A mapping that fails leaves
/// the message unchanged, with its error flag set.
///
/// ```yaml
/// pipeline:
///   processors:
///     - mapping: |
///         root = this
///         root.name = this.name.uppercase()
///         root.password = deleted()
///         meta source = "import"
/// ```
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
    /// Maps the messages of a batch where they stand.
    fn map(&self, batch: &mut MessageBatch) {
        if let [message] = &mut **batch {
            let mapped = self.mapping.map(std::slice::from_ref(message), 0);
            if !self.carry_out(message, mapped) {
                *batch = MessageBatch::new();
            }
            return;
        }
        // Every message is mapped before any is changed: mappings may look at their neighbours.
        let mapped: Vec<_> = (0..batch.len())
            .map(|index| self.mapping.map(batch, index))
            .collect();
        let mut mapped = mapped.into_iter();
        batch.retain(|message| {
            mapped
                .next()
                .is_some_and(|mapped| self.carry_out(message, mapped))
        });
    }

    /// Carries out what the mapping made of a message; false when it removed it.
    fn carry_out(&self, message: &mut Message, mapped: Result<Mapped, Error>) -> bool {
        match mapped {
            Ok(mapped) => {
                let kept = mapped.apply_to(message);
                if !kept {
                    message.filter(&self.identity.component);
                }
                kept
            }
            Err(error) => {
                message.set_fault(self.identity.fault(error));
                true
            }
        }
    }
}

impl Processor for MapMessages {
    fn process(&self, batch: MessageBatch) -> Batches {
        self.process_run(smallvec::smallvec![batch])
    }

    fn process_run(&self, run: Batches) -> Batches {
        in_place(run, |batch| self.map(batch))
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
