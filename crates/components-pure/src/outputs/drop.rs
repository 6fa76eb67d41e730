//! The `drop` output.

use millrace_component::{
    BlockingOutput, BuildContext, BuiltOutput, Descriptor, LeafOutput, OutputConfig, OutputPart,
    Reads, WriteError,
};
use millrace_message::{Error, MessageBatch};
use millrace_spec::Spec;

/// Accepts every message and forgets it.
///
/// A message that arrives here counts as delivered: forgetting it is what was asked for.
#[derive(Clone, Debug, Spec)]
#[spec(output = "drop", category = "Utility")]
pub struct Config {}

impl OutputConfig for Config {
    fn build(&self, _: &BuildContext) -> Result<OutputPart, Error> {
        Ok(OutputPart::Leaf(LeafOutput::serial(BuiltOutput::Blocking(
            Box::new(Forget),
        ))))
    }
}

pub const COMPONENT: Descriptor = Descriptor::output::<Config>();

struct Forget;

impl BlockingOutput for Forget {
    fn write(&mut self, run: &[MessageBatch], results: &mut Vec<Result<(), WriteError>>) {
        results.extend(run.iter().map(|_| Ok(())));
    }

    fn reads(&self) -> Reads {
        Reads::Nothing
    }
}

#[cfg(test)]
mod tests {
    use millrace_component::conformance;

    use crate::testing::bench;

    #[tokio::test]
    async fn drop_keeps_the_promises_of_an_output() {
        conformance::output_to_nowhere(|| bench().leaf_output("drop: {}")).await;
    }
}
