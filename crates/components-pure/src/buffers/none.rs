//! The `none` buffer.

use millrace_component::{
    Buffer, BufferConfig, BuildContext, BuiltBuffer, Descriptor, Guarantee, Source,
};
use millrace_message::Error;
use millrace_spec::Spec;

/// Holds nothing: the input is acknowledged when the output has accepted the message.
///
/// This is the default, and the strongest guarantee.
#[derive(Clone, Debug, Spec)]
#[spec(buffer = "none")]
pub struct Config {}

impl BufferConfig for Config {
    fn build(&self, _: &BuildContext) -> Result<BuiltBuffer, Error> {
        Ok(Box::new(Direct))
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::OnDelivery
    }
}

pub const COMPONENT: Descriptor = Descriptor::buffer::<Config>();

struct Direct;

impl Buffer for Direct {
    fn run(self: Box<Self>, upstream: Source) -> Source {
        upstream
    }
}

#[cfg(test)]
mod tests {
    use millrace_component::conformance;

    use crate::testing::bench;

    #[tokio::test]
    async fn none_keeps_the_promises_of_a_buffer() {
        conformance::buffer(bench, "none: {}").await;
    }
}
