//! The `switch` processor.

use std::sync::Arc;

use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Identity, ProcessorChild, ProcessorConfig,
    Query,
};
use millrace_message::{Error, Message, MessageBatch};
use millrace_spec::{Node, ReadContext, Spec, codes};
use smallvec::SmallVec;

use super::composite::{Composite, Steps, built, join, one_or_none};

/// Runs the processors of the first case whose check a message passes.
///
/// The messages of a batch are checked one by one; those of one case run through its processors
/// as one batch. A message that passes no case goes on as it is. A check that fails sets the error
/// flag of the message, which then skips all cases. What comes out is one batch in the order of
/// the messages that came in.
///
/// ```yaml
/// pipeline:
///   processors:
///     - switch:
///         - check: this.type == "order"
///           processors:
///             - mapping: root.total = this.price * this.count
///         - processors: # whatever is left
///             - mapping: root = deleted()
/// ```
#[derive(Clone, Debug, Spec)]
#[spec(processor = "switch", category = "Composition")]
pub struct Config(Vec<CaseConfig>);

/// A case of the switch.
#[derive(Clone, Debug, Spec)]
#[spec(check = check_case)]
struct CaseConfig {
    /// A query that gives a boolean; without it every message passes.
    #[spec(default = "")]
    check: Option<Query>,
    /// The processors of the case.
    #[spec(default = [], example = [{"mapping": "root = this"}])]
    processors: Vec<ProcessorChild>,
    /// Whether a message that passed this case also runs through the next one.
    #[spec(default = false, advanced)]
    fallthrough: bool,
}

fn check_case(config: &mut CaseConfig, node: &Node, cx: &mut ReadContext) {
    if config.processors.is_empty() {
        cx.error(
            codes::INVALID_VALUE,
            node.span,
            "a case needs at least one processor",
        )
        .help = Some("write `noop: {}` where nothing is to be done".to_owned());
    }
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        let case = |(index, case): (usize, &CaseConfig)| {
            Ok(Case {
                check: case.check.clone(),
                steps: Steps::build(cx, &case.processors, &format!("{index}.processors"))?,
                falls_through: case.fallthrough,
            })
        };
        let cases = self
            .0
            .iter()
            .enumerate()
            .map(case)
            .collect::<Result<_, Error>>()?;
        Ok(built(
            cx,
            Switch {
                cases,
                identity: Arc::clone(cx.identity()),
            },
        ))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct Switch {
    cases: Vec<Case>,
    identity: Arc<Identity>,
}

struct Case {
    check: Option<Query>,
    steps: Steps,
    falls_through: bool,
}

impl Switch {
    /// Runs the cases over tagged messages; the result is in no particular order.
    async fn run_cases(&self, batch: MessageBatch) -> MessageBatch {
        let mut done = MessageBatch::new();
        let mut remaining = batch;
        let mut fallen_through = MessageBatch::new();
        for (number, case) in self.cases.iter().enumerate() {
            let mut passed = std::mem::take(&mut fallen_through);
            let verdicts = self.verdicts(number, case, &remaining);
            let mut failed = MessageBatch::new();
            for (mut message, verdict) in remaining.into_iter().zip(verdicts) {
                match verdict {
                    Ok(true) => passed.push(message),
                    Ok(false) => failed.push(message),
                    Err(error) => {
                        message.set_fault(self.identity.fault(error));
                        done.push(message);
                    }
                }
            }
            remaining = failed;
            let made = join(case.steps.run(passed).await);
            if case.falls_through {
                fallen_through = made;
            } else {
                done.append(made);
            }
        }
        // Past the last case there is nothing to fall into.
        done.append(fallen_through);
        done.append(remaining);
        done
    }

    fn verdicts(&self, number: usize, case: &Case, batch: &[Message]) -> Verdicts {
        let verdict = |index| match &case.check {
            None => Ok(true),
            Some(check) => check
                .check(batch, index)
                .map_err(|error| error.context(format_args!("check of case {number}"))),
        };
        (0..batch.len()).map(verdict).collect()
    }
}

type Verdicts = SmallVec<[Result<bool, Error>; 1]>;

impl Composite for Switch {
    fn waits(&self) -> bool {
        self.cases.iter().any(|case| case.steps.waits())
    }

    async fn process(&self, mut batch: MessageBatch) -> Batches {
        if batch.len() == 1 {
            return one_or_none(self.run_cases(batch).await);
        }
        let earlier: Vec<u32> = (0..)
            .zip(batch.iter_mut())
            .map(|(place, it)| it.swap_place(place))
            .collect();
        let mut result: Vec<Message> = self.run_cases(batch).await.into_iter().collect();
        result.sort_by_key(Message::place);
        for message in &mut result {
            let place = message.place() as usize;
            message.swap_place(earlier.get(place).copied().unwrap_or_default());
        }
        one_or_none(result.into_iter().collect())
    }

    async fn close(&self) {
        for case in &self.cases {
            case.steps.close().await;
        }
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor(
            "switch: [ { check: 'this.id == \"a\"', processors: [ { mapping: 'root = \
             deleted()' } ] }, { processors: [ { mapping: 'root = this.id' } ] } ]",
        );
        millrace_component::conformance::processor(&processor).await;
    }
}
