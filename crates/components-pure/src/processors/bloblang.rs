//! The `bloblang` processor.

use millrace_component::{BuildContext, BuiltProcessor, Descriptor, Mapping, ProcessorConfig};
use millrace_message::Error;
use millrace_spec::Spec;

/// The older name of `mapping`.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "bloblang", category = "Mapping", category = "Parsing")]
pub struct Config(Mapping);

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(super::mapping::build(&self.0, cx))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor("bloblang: 'root = this.id | deleted()'");
        millrace_component::conformance::processor(&processor).await;
    }
}
