//! The `while` processor.

use std::sync::Arc;

use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Identity, ProcessorChild, ProcessorConfig,
    Query,
};
use millrace_message::{Error, Message, MessageBatch};
use millrace_spec::Spec;

use super::composite::{Composite, Steps, built, one_or_none};

/// Runs processors on a batch again and again while a query is true for its first message.
///
/// The query is asked before each loop, of the first message of the first batch. A query that
/// fails is logged and ends the loop. A loop without `max_loops` whose query stays true never
/// ends, and its batch stays in flight; when the stream stops and the time for that is over, it
/// goes back to its source.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "while", category = "Composition")]
pub struct Config {
    /// Whether the processors run once before the query is asked.
    #[spec(default = false)]
    at_least_once: bool,
    /// How many loops there are at most; 0 for any number.
    #[spec(default = 0, advanced)]
    max_loops: u64,
    /// A query that gives a boolean.
    #[spec(example = "errored()", example = "this.urls.unprocessed.length() > 0")]
    check: Query,
    /// The processors of the loop.
    processors: Vec<ProcessorChild>,
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(built(
            cx,
            While {
                at_least_once: self.at_least_once,
                max_loops: self.max_loops,
                check: self.check.clone(),
                steps: Steps::build(cx, &self.processors, "processors")?,
                identity: Arc::clone(cx.identity()),
            },
        ))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct While {
    at_least_once: bool,
    max_loops: u64,
    check: Query,
    steps: Steps,
    identity: Arc<Identity>,
}

impl While {
    fn goes_on(&self, batch: &[Message]) -> bool {
        self.check.check(batch, 0).unwrap_or_else(|error| {
            self.identity
                .log_error(format_args!("check of the loop: {error}"));
            false
        })
    }
}

impl Composite for While {
    fn waits(&self) -> bool {
        self.steps.waits()
    }

    async fn process(&self, batch: MessageBatch) -> Batches {
        let mut batches = one_or_none(batch);
        let mut loops = 0;
        while let Some(first) = batches.first() {
            // It may never pause: nobody but itself can end it.
            if loops > 0 && self.steps.are_given_up() {
                return Batches::new();
            }
            let is_due = loops == 0 && self.at_least_once || self.goes_on(first);
            if !is_due || self.max_loops > 0 && loops >= self.max_loops {
                break;
            }
            batches = self.steps.run_all(batches).await;
            loops += 1;
        }
        batches
    }

    async fn close(&self) {
        self.steps.close().await;
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor(
            "while: { check: 'content().length() < 20', max_loops: 3, processors: [ { \
             mapping: 'root = content() + \"more\"' } ] }",
        );
        millrace_component::conformance::processor(&processor).await;
    }
}
