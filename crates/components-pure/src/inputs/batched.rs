//! The `batched` input.

use std::collections::VecDeque;

use millrace_component::{
    BatchPolicy, Batcher, BuildContext, Descriptor, InputChild, InputConfig, InputPart, Source,
    Urgency,
};
use millrace_message::Error;
use millrace_spec::Spec;
use tokio::sync::watch;

use super::relay::EDGE_CAPACITY;

/// Collects the messages of another input into batches.
///
/// At the end of that input, and while memory is short, what is held goes on at once.
#[derive(Clone, Debug, Spec)]
#[spec(input = "batched", category = "Utility")]
pub struct Config {
    /// The input that is read.
    child: InputChild,
    /// When messages become a batch.
    policy: BatchPolicy,
}

impl InputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<InputPart, Error> {
        let batcher = self.policy.build(cx, "policy")?;
        let source = cx.input(&self.child, "batched.child")?;
        Ok(InputPart::Composite(run(
            source,
            batcher,
            cx.flow().urgency(),
        )))
    }

    fn forgets_acknowledged(&self) -> bool {
        self.child.config.forgets_acknowledged()
    }
}

pub const COMPONENT: Descriptor = Descriptor::input::<Config>();

/// Batches taken from the child in one step.
const RUN_MAX: usize = 256;

/// Reads a source through a batching policy.
pub(crate) fn run(
    upstream: Source,
    mut batcher: Batcher,
    mut urgency: watch::Receiver<Urgency>,
) -> Source {
    Source::spawn(EDGE_CAPACITY, |writer| async move {
        let mut exhausted = upstream.exhausted();
        let stop = writer.stop().clone();
        let (mut open, mut stopping) = (true, false);
        let mut run = Vec::with_capacity(RUN_MAX);
        while open {
            let deadline = batcher.deadline();
            let mut flush = false;
            tokio::select! {
                more = upstream.batches().pop_run(RUN_MAX, &mut run) => open = more,
                () = Batcher::due(deadline), if deadline.is_some() => flush = true,
                Ok(()) = exhausted.changed() => {}
                Ok(()) = urgency.changed() => {}
                () = stop.cancelled(), if !stopping => {
                    stopping = true;
                    upstream.stop();
                }
            }
            let mut ready = VecDeque::new();
            for batch in run.drain(..) {
                if batcher.add(batch) {
                    ready.extend(batcher.flush().await);
                    // What is done does not wait for what is to be done.
                    writer.batches.push_run(&mut ready).await;
                }
            }
            // What waits in the queue belongs into the same batches.
            let is_empty = || upstream.batches().gauge().depth() == 0;
            let nothing_more = !open || (*exhausted.borrow() && is_empty());
            let urgent = match *urgency.borrow() {
                Urgency::Normal | Urgency::Stalled => false,
                Urgency::Pressed => true,
                Urgency::Draining => is_empty(),
            };
            if flush || nothing_more || urgent {
                ready.extend(batcher.flush().await);
            }
            writer.batches.push_run(&mut ready).await;
            if !ready.is_empty() {
                break;
            }
            if nothing_more {
                writer.exhaust();
            }
        }
        upstream.finish().await
    })
}

#[cfg(test)]
mod tests {
    use millrace_component::conformance::{self, Order};

    use crate::testing::bench;

    #[tokio::test]
    async fn batched_keeps_the_promises_of_an_input() {
        let yaml =
            "batched: { child: { scripted: { messages: [a, b, c, d, e] } }, policy: { count: 2 } }";
        let expected: &[&[&str]] = &[&["a", "b", "c", "d", "e"]];
        conformance::input_of_children(bench, yaml, Order::OfChildren, expected).await;
    }
}
