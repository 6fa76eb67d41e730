//! The `catch` processor.

use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, ProcessorChild, ProcessorConfig,
};
use millrace_message::{Error, MessageBatch};
use millrace_spec::Spec;

use super::composite::{Composite, Steps, built, one_or_none};

/// Runs a list of processors on the messages that an earlier processor failed on, and clears
/// their error flags.
///
/// Each failed message is processed as a batch of one; the others pass untouched. The flags are
/// cleared at the end, those of the children included: `error()` still gives the cause within the
/// block, and a `try` within it does nothing unless an empty `catch` clears the flag before it.
///
/// ```yaml
/// pipeline:
///   processors:
///     - mapping: root.amount = this.amount.number()
///     - catch:
///         - mapping: |
///             root = this
///             root.problem = error()
/// ```
#[derive(Clone, Debug, Spec)]
#[spec(processor = "catch", category = "Composition")]
pub struct Config(Vec<ProcessorChild>);

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(built(cx, Catch(Steps::build(cx, &self.0, "")?)))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct Catch(Steps);

impl Composite for Catch {
    fn waits(&self) -> bool {
        self.0.waits()
    }

    async fn process(&self, batch: MessageBatch) -> Batches {
        if batch.iter().all(|message| message.fault().is_none()) {
            return one_or_none(batch);
        }
        let mut result = MessageBatch::new();
        for message in batch {
            if message.fault().is_some() {
                result.append(self.0.run_message(message).await);
            } else {
                result.push(message);
            }
        }
        for message in result.iter_mut() {
            message.clear_fault();
        }
        one_or_none(result)
    }

    async fn close(&self) {
        self.0.close().await;
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor("catch: [ { mapping: 'root = error()' } ]");
        millrace_component::conformance::processor(&processor).await;
    }
}
