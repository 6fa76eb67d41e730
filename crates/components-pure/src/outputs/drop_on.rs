//! The `drop_on` output.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_component::{
    BuildContext, CompositeSink, Descriptor, Flow, Identity, Intake, OutputChild, OutputConfig,
    OutputPart, Pattern, Sink,
};
use millrace_message::{Error, MessageBatch, Outcome, Outcomes};
use millrace_spec::{Duration, Spec};
use tokio::sync::{Mutex, Semaphore};

/// Drops messages that its child does not accept, under the conditions given.
///
/// A dropped message is acknowledged and counts as dropped, with the reason
/// `drop_on_error` or `drop_on_back_pressure`.
#[derive(Clone, Debug, Spec)]
#[spec(output = "drop_on", category = "Utility")]
pub struct Config {
    /// Whether messages that the child fails on are dropped.
    #[spec(default = false)]
    error: bool,
    /// Only messages whose error matches one of these regular expressions are dropped.
    #[spec(optional)]
    error_patterns: Option<Vec<Pattern>>,
    /// Messages are dropped when the child takes none for longer than this: every place is taken, or
    /// more messages than it has room for wait for a batch that cannot be written.
    #[spec(optional)]
    back_pressure: Option<Duration>,
    /// The output that is written to.
    output: OutputChild,
}

impl OutputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<OutputPart, Error> {
        let child = cx.output(&self.output, "drop_on.output")?;
        let places = child.capacity().min(Semaphore::MAX_PERMITS);
        Ok(OutputPart::Composite(Arc::new(DropOn {
            error: self.error,
            patterns: self.error_patterns.clone().unwrap_or_default(),
            back_pressure: self.back_pressure.as_ref().map(Duration::get),
            places: Semaphore::new(places),
            turn: Mutex::new(()),
            child,
            identity: Arc::clone(cx.identity()),
            flow: cx.flow().clone(),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::output::<Config>();

struct DropOn {
    error: bool,
    patterns: Vec<Pattern>,
    back_pressure: Option<std::time::Duration>,
    places: Semaphore,
    turn: Mutex<()>,
    child: Arc<dyn Sink>,
    identity: Arc<Identity>,
    flow: Flow,
}

impl DropOn {
    fn drops(&self, error: &Error) -> bool {
        if !self.patterns.is_empty() {
            return self
                .patterns
                .iter()
                .any(|pattern| pattern.regex().is_match(error.text()));
        }
        self.error
    }

    /// The outcomes of messages that the child has written.
    fn judge(&self, outcomes: Outcomes, messages: usize) -> Outcomes {
        // What is given up goes back to its source: nothing is wrong with it.
        if outcomes.is_success() || self.flow.abort().is_cancelled() {
            return outcomes;
        }
        let judge = |index| match outcomes.get(index) {
            Outcome::Failed(error) if self.drops(&error) => {
                self.identity
                    .log_warning(format_args!("a message is dropped: {error}"));
                Outcome::Dropped {
                    reason: "drop_on_error".into(),
                }
            }
            outcome => outcome,
        };
        Outcomes::Each((0..messages).map(judge).collect())
    }

    fn drop_all(&self, messages: usize) -> Outcomes {
        tracing::warn!(
            component = &*self.identity.component,
            path = &*self.identity.path,
            label = &*self.identity.label,
            messages,
            "messages are dropped: the output takes none"
        );
        Outcomes::All(Outcome::Dropped {
            reason: "drop_on_back_pressure".into(),
        })
    }
}

#[async_trait]
impl CompositeSink for DropOn {
    async fn deliver(&self, batch: MessageBatch, intake: &Intake) -> Outcomes {
        let messages = batch.len();
        let Some(limit) = self.back_pressure else {
            let _place = self.places.acquire().await;
            return self.judge(intake.through(&*self.child, batch).await, messages);
        };
        // Those behind it wait here, or they would not be dropped in time.
        intake.taken();
        // What counts is until the child has taken it: how long a batch collects, or a write takes,
        // is no back-pressure.
        let taken = tokio::time::timeout(limit, async {
            // One after the other, so that they keep their order.
            let _turn = self.turn.lock().await;
            let place = self.places.acquire().await;
            (place, self.child.hand_over(batch).await)
        });
        match taken.await {
            Ok((_place, outcomes)) => self.judge(outcomes.await, messages),
            Err(_) => self.drop_all(messages),
        }
    }

    fn capacity(&self) -> usize {
        // Messages that are to be dropped have to arrive here although the child takes none.
        if self.back_pressure.is_some() {
            usize::MAX
        } else {
            self.child.capacity()
        }
    }

    async fn close(&self) {
        self.child.close().await;
    }
}

#[cfg(test)]
mod tests {
    use millrace_component::conformance::{self, Routed};

    use crate::testing::{batch, bench};

    #[tokio::test]
    async fn drop_on_keeps_the_promises_of_an_output() {
        let yaml = "drop_on: { error: true, output: { scripted: { name: one, refuses: bad } } }";
        let routed = Routed {
            failed: &[],
            arrived: &["one: a", "one: c"],
            closed: &["one"],
        };
        conformance::output_of_children(bench, yaml, || batch(&["a", "bad", "c"]), &routed).await;
    }

    #[tokio::test]
    async fn drop_on_keeps_the_promises_of_an_output_by_pattern() {
        let yaml = "drop_on: { error_patterns: [refuses bad], output: { scripted: { name: one, refuses: a } } }";
        let routed = Routed {
            failed: &[0],
            arrived: &["one: c"],
            closed: &["one"],
        };
        conformance::output_of_children(bench, yaml, || batch(&["a", "bad", "c"]), &routed).await;
    }
}
