//! The `broker` output.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use millrace_component::{
    BatchPolicy, BuildContext, CompositeSink, Descriptor, Intake, OutputChild, OutputConfig,
    OutputPart, Sink,
};
use millrace_message::{Error, ErrorClass, MessageBatch, Outcome, Outcomes};
use millrace_spec::{Node, ReadContext, Spec, codes};
use tokio::sync::Notify;

use super::retrying::{Attempts, Retrying};
use crate::copies::check_copies;

/// Writes messages to several outputs, by a pattern.
///
/// A message is acknowledged when every output that it was written to has accepted it. The slowest
/// output sets the pace of all that share its messages.
///
/// ```yaml
/// output:
///   broker:
///     pattern: fan_out_sequential # the second one only when the first one has it
///     outputs:
///       - file: { path: ./all.ndjson }
///       - http_client: { url: "http://localhost:8080/messages" }
/// ```
#[derive(Clone, Debug, Spec)]
#[spec(output = "broker", category = "Utility", check = check)]
pub struct Config {
    /// How often each output is started.
    #[spec(default = 1, advanced)]
    copies: usize,
    /// Who gets a message.
    #[spec(default = "fan_out")]
    pattern: Pattern,
    /// The outputs.
    outputs: Vec<OutputChild>,
    /// How messages are collected before they are written.
    #[spec(advanced)]
    batching: BatchPolicy,
}

const NO_OUTPUT: &str = "broker needs at least one output";

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    if config.outputs.is_empty() {
        let span = node.field_span("outputs");
        cx.error(codes::INVALID_VALUE, span, NO_OUTPUT);
    }
    check_copies(config.copies, config.outputs.len(), node, cx);
}

/// Who gets a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Spec)]
enum Pattern {
    /// Every output, at the same time; one that fails is written to again until it accepts.
    FanOut,
    /// Every output, at the same time; the first failure gives the message back to its source.
    FanOutFailFast,
    /// Every output, one after the other; one that fails is written to again until it accepts. Messages
    /// come to the second output when the first has written them, which may be in another order.
    FanOutSequential,
    /// Every output, one after the other, in such an order; the first failure gives the message back.
    FanOutSequentialFailFast,
    /// One output, each in its turn.
    RoundRobin,
    /// One output, whichever has a place free.
    Greedy,
}

impl OutputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<OutputPart, Error> {
        let mut children = Vec::new();
        for copy in 0..self.copies.max(1) {
            for (index, child) in self.outputs.iter().enumerate() {
                let at = copy * self.outputs.len() + index;
                children.push(cx.output(child, &format!("broker.outputs.{at}"))?);
            }
        }
        let sink = match children.len() {
            0 => return Err(Error::fatal(NO_OUTPUT)),
            1 => children.remove(0),
            _ => self.pattern.sink(children, cx),
        };
        if self.batching.is_noop() {
            return Ok(OutputPart::Composite(sink));
        }
        Ok(OutputPart::Composite(cx.engine().batched(
            sink,
            &self.batching,
            cx,
        )?))
    }
}

pub const COMPONENT: Descriptor = Descriptor::output::<Config>();

impl Pattern {
    fn sink(self, children: Vec<Arc<dyn Sink>>, cx: &BuildContext) -> Arc<dyn Sink> {
        let endless = |children: Vec<Arc<dyn Sink>>| {
            let wrap =
                |child| -> Arc<dyn Sink> { Arc::new(Retrying::new(child, Attempts::ENDLESS, cx)) };
            children.into_iter().map(wrap).collect()
        };
        match self {
            Self::FanOut => Arc::new(FanOut {
                children: endless(children),
            }),
            Self::FanOutFailFast => Arc::new(FanOut { children }),
            Self::FanOutSequential => Arc::new(Sequential {
                children: endless(children),
            }),
            Self::FanOutSequentialFailFast => Arc::new(Sequential { children }),
            Self::RoundRobin => Arc::new(RoundRobin {
                children,
                next: AtomicUsize::new(0),
            }),
            Self::Greedy => Arc::new(Greedy {
                children: children
                    .into_iter()
                    .map(|sink| (sink, AtomicUsize::new(0)))
                    .collect(),
                first: AtomicUsize::new(0),
                freed: Notify::new(),
            }),
        }
    }
}

async fn close_all(children: impl IntoIterator<Item = &Arc<dyn Sink>>) {
    for child in children {
        child.close().await;
    }
}

/// All at the same time; ends with the first failure.
struct FanOut {
    children: Vec<Arc<dyn Sink>>,
}

#[async_trait]
impl CompositeSink for FanOut {
    async fn deliver(&self, batch: MessageBatch, intake: &Intake) -> Outcomes {
        intake.among(self.children.len());
        let mut writes: FuturesUnordered<_> = self
            .children
            .iter()
            .map(|child| intake.through(&**child, batch.detached()))
            .collect();
        let mut worst = Outcomes::DELIVERED;
        // All are waited for: a message is delivered when every output has said so.
        while let Some(outcomes) = writes.next().await {
            worst = worse(worst, &outcomes, batch.len());
        }
        worst
    }

    fn capacity(&self) -> usize {
        self.children
            .iter()
            .map(|child| child.capacity())
            .min()
            .unwrap_or(1)
    }

    async fn close(&self) {
        close_all(&self.children).await;
    }
}

/// One after the other; ends with the first failure.
struct Sequential {
    children: Vec<Arc<dyn Sink>>,
}

#[async_trait]
impl CompositeSink for Sequential {
    async fn deliver(&self, batch: MessageBatch, intake: &Intake) -> Outcomes {
        let mut outcomes = vec![Outcome::Delivered; batch.len()];
        // What an output did not accept goes to no further one.
        let mut open: Vec<usize> = (0..batch.len()).collect();
        for child in &self.children {
            let part = open.iter().map(|index| batch[*index].detached()).collect();
            let written = intake.through(&**child, part).await;
            let mut position = 0;
            open.retain(|index| {
                let outcome = written.get(position);
                position += 1;
                let accepted = outcome.error().is_none();
                let before = &mut outcomes[*index];
                *before = worse_of(std::mem::replace(before, Outcome::Delivered), outcome);
                accepted
            });
            if open.is_empty() {
                break;
            }
        }
        Outcomes::Each(outcomes)
    }

    fn capacity(&self) -> usize {
        self.children
            .iter()
            .map(|child| child.capacity())
            .min()
            .unwrap_or(1)
    }

    async fn close(&self) {
        close_all(&self.children).await;
    }
}

/// Of two outcomes of the same message the one that its source has to hear.
fn worse(first: Outcomes, second: &Outcomes, messages: usize) -> Outcomes {
    if let (Outcomes::All(Outcome::Delivered), Outcomes::All(Outcome::Delivered)) = (&first, second)
    {
        return first;
    }
    let pick = |index| worse_of(first.get(index), second.get(index));
    Outcomes::Each((0..messages).map(pick).collect())
}

/// What becomes of a message when one output says the first and another one the second.
pub(super) fn worse_of(first: Outcome, second: Outcome) -> Outcome {
    match (first, second) {
        // That an output cannot go on at all is the worst.
        (Outcome::Failed(_), Outcome::Failed(error)) if error.class() == ErrorClass::Fatal => {
            Outcome::Failed(error)
        }
        (Outcome::Failed(error), _) | (_, Outcome::Failed(error)) => Outcome::Failed(error),
        (Outcome::Dropped { reason }, _) | (_, Outcome::Dropped { reason }) => {
            Outcome::Dropped { reason }
        }
        (Outcome::Delivered, _) | (_, Outcome::Delivered) => Outcome::Delivered,
        (filtered, Outcome::Filtered { .. }) => filtered,
    }
}

/// Each in its turn.
struct RoundRobin {
    children: Vec<Arc<dyn Sink>>,
    next: AtomicUsize,
}

#[async_trait]
impl Sink for RoundRobin {
    async fn write(&self, batch: MessageBatch) -> Outcomes {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.children.len();
        self.children[turn].write(batch).await
    }

    async fn hand_over<'a>(&'a self, batch: MessageBatch) -> BoxFuture<'a, Outcomes> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.children.len();
        self.children[turn].hand_over(batch).await
    }

    fn capacity(&self) -> usize {
        self.children
            .iter()
            .fold(0, |sum, child| sum.saturating_add(child.capacity()))
    }

    async fn close(&self) {
        close_all(&self.children).await;
    }
}

/// Whichever has a place free; of several the one with the least to do.
struct Greedy {
    children: Vec<(Arc<dyn Sink>, AtomicUsize)>,
    /// Where the next search begins: a child that fails at once has nothing to do each time, and must
    /// not get a message again and again that another one would take.
    first: AtomicUsize,
    freed: Notify,
}

impl Greedy {
    /// Takes a place of the child with the least to do, of several in turn; waits while all are full.
    async fn place(&self) -> Place<'_> {
        let first = self.first.fetch_add(1, Ordering::Relaxed) % self.children.len();
        let (earlier, later) = self.children.split_at(first);
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            let in_turn = later.iter().chain(earlier);
            let free = in_turn
                .filter(|(sink, busy)| busy.load(Ordering::Acquire) < sink.capacity())
                .min_by_key(|(_, busy)| busy.load(Ordering::Acquire));
            if let Some((sink, busy)) = free {
                busy.fetch_add(1, Ordering::AcqRel);
                return Place {
                    sink,
                    busy,
                    freed: &self.freed,
                };
            }
            freed.await;
        }
    }
}

/// A place taken at a child, given back when it is dropped.
struct Place<'a> {
    sink: &'a Arc<dyn Sink>,
    busy: &'a AtomicUsize,
    freed: &'a Notify,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.busy.fetch_sub(1, Ordering::AcqRel);
        self.freed.notify_one();
    }
}

#[async_trait]
impl CompositeSink for Greedy {
    async fn deliver(&self, batch: MessageBatch, intake: &Intake) -> Outcomes {
        let place = self.place().await;
        intake.through(&**place.sink, batch).await
    }

    fn capacity(&self) -> usize {
        self.children
            .iter()
            .fold(0, |sum, (child, _)| sum.saturating_add(child.capacity()))
    }

    async fn close(&self) {
        for (child, _) in &self.children {
            child.close().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use millrace_component::conformance::{self, Routed};

    use crate::testing::{batch, bench};

    /// Writes `a`, `bad` and `c` to two children, of which each refuses as it is told.
    async fn promises_kept(
        pattern: &str,
        children: [&str; 2],
        failed: &'static [usize],
        arrived: &'static [&'static str],
    ) {
        let [one, two] = children;
        let yaml = format!(
            "broker: {{ pattern: {pattern}, outputs: [{{ scripted: {{ name: one{one} }} }}, {{ scripted: {{ name: two{two} }} }}] }}"
        );
        let routed = Routed {
            failed,
            arrived,
            closed: &["one", "two"],
        };
        conformance::output_of_children(bench, &yaml, || batch(&["a", "bad", "c"]), &routed).await;
    }

    const ACCEPTS: &str = "";
    const REFUSES: &str = ", refuses: bad";

    #[tokio::test]
    async fn broker_keeps_the_promises_of_an_output() {
        let arrived = &[
            "one: a", "one: bad", "one: c", "two: a", "two: c", "two: bad",
        ];
        promises_kept(
            "fan_out",
            [ACCEPTS, ", refuses: bad, times: 1"],
            &[],
            arrived,
        )
        .await;
    }

    #[tokio::test]
    async fn broker_keeps_the_promises_of_an_output_that_fails_fast() {
        let arrived = &["one: a", "one: bad", "one: c", "two: a", "two: c"];
        promises_kept("fan_out_fail_fast", [ACCEPTS, REFUSES], &[1], arrived).await;
        let arrived = &["one: a", "one: c", "two: a", "two: bad", "two: c"];
        promises_kept("fan_out_fail_fast", [REFUSES, ACCEPTS], &[1], arrived).await;
    }

    #[tokio::test]
    async fn broker_keeps_the_promises_of_an_output_in_sequence() {
        let pattern = "fan_out_sequential_fail_fast";
        let arrived = &["one: a", "one: bad", "one: c", "two: a", "two: c"];
        promises_kept(pattern, [ACCEPTS, REFUSES], &[1], arrived).await;
        let arrived = &["one: a", "one: c", "two: a", "two: c"];
        promises_kept(pattern, [REFUSES, ACCEPTS], &[1], arrived).await;
    }

    #[tokio::test]
    async fn broker_keeps_the_promises_of_an_output_that_takes_turns() {
        promises_kept(
            "round_robin",
            [REFUSES, REFUSES],
            &[1],
            &["two: a", "two: c"],
        )
        .await;
    }

    #[tokio::test]
    async fn broker_keeps_the_promises_of_an_output_that_is_greedy() {
        // The suite has written before, and it is the turn of the other one.
        promises_kept("greedy", [REFUSES, REFUSES], &[1], &["two: a", "two: c"]).await;
    }
}
