//! The `resource` output.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;
use millrace_component::{BuildContext, Descriptor, OutputConfig, OutputPart, OutputRef, Sink};
use millrace_message::{Error, MessageBatch, Outcomes};
use millrace_spec::Spec;

/// Writes to the output resource of this label, which all who name it share.
#[derive(Clone, Debug, Spec)]
#[spec(output = "resource", category = "Utility")]
pub struct Config(OutputRef);

impl OutputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<OutputPart, Error> {
        let sink = cx.engine().output_resource(&self.0)?;
        Ok(OutputPart::Composite(Arc::new(Shared { sink })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::output::<Config>();

/// A resource outlives its users: it is closed with the stream.
struct Shared {
    sink: Arc<dyn Sink>,
}

#[async_trait]
impl Sink for Shared {
    async fn write(&self, batch: MessageBatch) -> Outcomes {
        self.sink.write(batch).await
    }

    async fn hand_over<'a>(&'a self, batch: MessageBatch) -> BoxFuture<'a, Outcomes> {
        self.sink.hand_over(batch).await
    }

    fn capacity(&self) -> usize {
        self.sink.capacity()
    }

    async fn close(&self) {}
}

#[cfg(test)]
mod tests {
    use millrace_component::conformance::{self, Routed};

    use crate::testing::{batch, bench};

    #[tokio::test]
    async fn resource_keeps_the_promises_of_an_output() {
        let yaml = "resource: out";
        let routed = Routed {
            failed: &[1],
            arrived: &["out: a", "out: c"],
            closed: &[],
        };
        conformance::output_of_children(bench, yaml, || batch(&["a", "bad", "c"]), &routed).await;
    }
}
