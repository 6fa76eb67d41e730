//! The `batch` buffer.

use millrace_component::{
    BatchPolicy, Batcher, Buffer, BufferConfig, BuildContext, BuiltBuffer, Descriptor, Guarantee,
    Source, Urgency,
};
use millrace_message::Error;
use millrace_spec::{Node, ReadContext, Spec, codes};
use tokio::sync::watch;

use crate::inputs::batched;

/// Collects messages into batches between the input and the pipeline.
///
/// The input is acknowledged when the output has accepted the batch, so nothing is lost with the
/// process. The next batch is collected while earlier ones are under way. At the end of the
/// input, and while memory is short, what is held goes on at once. A batch that `processors` fail
/// on goes on as it was, with the error flag of its messages set.
///
/// This buffer is an addition to Bento's.
#[derive(Clone, Debug, Spec)]
#[spec(buffer = "batch", check = check)]
pub struct Config {
    /// When messages become a batch; at least one trigger is given.
    #[spec(flatten, sample = {"count": 20, "period": "1s"})]
    policy: BatchPolicy,
}

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    if config.policy.is_noop() {
        let message = "a batch buffer needs a trigger: `count`, `byte_size`, `period` or `check`";
        cx.error(codes::MISSING_FIELD, node.span, message).help =
            Some("for example `count: 20`".to_owned());
    }
}

impl BufferConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltBuffer, Error> {
        Ok(Box::new(Batch {
            batcher: self.policy.build(cx, "batch")?,
            urgency: cx.flow().urgency(),
        }))
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::OnDelivery
    }
}

pub const COMPONENT: Descriptor = Descriptor::buffer::<Config>();

struct Batch {
    batcher: Batcher,
    urgency: watch::Receiver<Urgency>,
}

impl Buffer for Batch {
    fn run(self: Box<Self>, upstream: Source) -> Source {
        batched::run(upstream, self.batcher, self.urgency)
    }
}

#[cfg(test)]
mod tests {
    use millrace_component::conformance;

    use crate::testing::bench;

    #[tokio::test]
    async fn batch_keeps_the_promises_of_a_buffer() {
        conformance::buffer(bench, "batch: { count: 4 }").await;
    }
}
