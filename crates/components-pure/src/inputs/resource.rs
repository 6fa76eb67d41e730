//! The `resource` input.

use millrace_component::{BuildContext, Descriptor, InputConfig, InputPart, InputRef};
use millrace_message::Error;
use millrace_spec::Spec;

/// Reads the input resource of this label. An input resource has one reader.
#[derive(Clone, Debug, Spec)]
#[spec(input = "resource", category = "Utility")]
pub struct Config(InputRef);

impl InputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<InputPart, Error> {
        Ok(InputPart::Composite(cx.engine().input_resource(&self.0)?))
    }
}

pub const COMPONENT: Descriptor = Descriptor::input::<Config>();

#[cfg(test)]
mod tests {
    use millrace_component::conformance::{self, Order};

    use crate::testing::bench;

    #[tokio::test]
    async fn resource_keeps_the_promises_of_an_input() {
        let yaml = "resource: in";
        let expected: &[&[&str]] = &[&["a", "b", "c", "d"]];
        conformance::input_of_children(bench, yaml, Order::OfChildren, expected).await;
    }
}
