//! The `try` processor.

use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, ProcessorChild, ProcessorConfig,
};
use millrace_message::{Error, MessageBatch};
use millrace_spec::Spec;

use super::composite::{Composite, Steps, built, join, one_or_none, run_step};

/// Runs a list of processors on each message, until one of them fails on it.
///
/// Each message is processed as a batch of one. A message whose error flag is set, before this
/// processor or by one of its children, skips the children that follow; a `catch` behind it can
/// treat those messages. What comes out is one batch, in the order of the messages.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "try", category = "Composition")]
pub struct Config(Vec<ProcessorChild>);

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(built(cx, Try(Steps::build(cx, &self.0, "")?)))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct Try(Steps);

impl Composite for Try {
    fn waits(&self) -> bool {
        self.0.waits()
    }

    async fn process(&self, batch: MessageBatch) -> Batches {
        let mut batches: Batches = batch.into_iter().map(MessageBatch::one).collect();
        for step in self.0.iter() {
            let mut next = Batches::new();
            for batch in batches {
                if batch.first().is_some_and(|first| first.fault().is_some()) {
                    next.push(batch);
                } else {
                    next.extend(run_step(step, smallvec::smallvec![batch]).await);
                }
            }
            batches = next;
        }
        one_or_none(join(batches))
    }

    async fn close(&self) {
        self.0.close().await;
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor(
            "try: [ { mapping: 'root = this.id' }, { mapping: 'root = \
             content().uppercase()' } ]",
        );
        millrace_component::conformance::processor(&processor).await;
    }
}
