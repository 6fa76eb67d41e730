//! The `group_by_value` processor.

use std::collections::HashMap;
use std::sync::Arc;

use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Identity, Interpolated, Processor,
    ProcessorConfig,
};
use millrace_message::{Error, MessageBatch};
use millrace_spec::Spec;

/// Breaks a batch into one batch for each value.
///
/// The batches stand in the order in which their values first appear, their messages in the order
/// of the batch. A message whose value cannot be made gets its error flag set and belongs to the
/// group of the empty value.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "group_by_value", category = "Composition")]
pub struct Config {
    /// The value of a message.
    #[spec(
        example = "${! meta(\"kafka_key\") }",
        example = "${! json(\"foo.bar\") }-${! meta(\"baz\") }"
    )]
    value: Interpolated,
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(BuiltProcessor::Sync(Arc::new(GroupByValue {
            value: self.value.clone(),
            identity: Arc::clone(cx.identity()),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct GroupByValue {
    value: Interpolated,
    identity: Arc<Identity>,
}

impl Processor for GroupByValue {
    fn process(&self, batch: MessageBatch) -> Batches {
        let values: Vec<_> = (0..batch.len())
            .map(|index| Ok(self.value.resolve(&batch, index)?.into_owned()))
            .collect();
        let mut groups = Batches::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for (mut message, value) in batch.into_iter().zip(values) {
            let value = value.unwrap_or_else(|error: Error| {
                message.set_fault(self.identity.fault(error.context("resolve `value`")));
                String::new()
            });
            let place = *places.entry(value).or_insert_with(|| {
                groups.push(MessageBatch::new());
                groups.len() - 1
            });
            groups[place].push(message);
        }
        groups
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor =
            crate::testing::processor("group_by_value: { value: '${! content().length() }' }");
        millrace_component::conformance::processor(&processor).await;
    }
}
