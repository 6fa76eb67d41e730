//! The `switch` output.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join_all;
use millrace_component::{
    BuildContext, CompositeSink, Descriptor, Identity, Intake, OutputChild, OutputConfig,
    OutputPart, Query, Sink,
};
use millrace_message::{Error, MessageBatch, Outcome, Outcomes};
use millrace_spec::{Node, ReadContext, Spec, codes};

use super::broker::worse_of;
use super::retrying::{Attempts, Retrying};

/// Routes each message to the first output whose check it passes.
///
/// A message that passes none is acknowledged and counts as dropped, with the reason
/// `switch_no_match`; in strict mode its whole batch goes back to the source.
///
/// ```yaml
/// output:
///   switch:
///     cases:
///       - check: this.urgent == true
///         output:
///           http_client: { url: "http://localhost:8080/urgent" }
///       - output: # everything else
///           file: { path: "./later/${! this.country }.ndjson" }
/// ```
#[derive(Clone, Debug, Spec)]
#[spec(output = "switch", category = "Utility", check = check)]
pub struct Config {
    /// Whether a failed write is tried again until it works, instead of going back to the source.
    #[spec(default = false)]
    retry_until_success: bool,
    /// Whether a message that passes no check is an error of its batch.
    #[spec(default = false, advanced)]
    strict_mode: bool,
    /// The outputs and their checks, in order.
    #[spec(example = [
        {"check": "this.urgent == true", "output": {"stdout": {}}},
        {"output": {"drop": {}}}
    ])]
    cases: Vec<CaseConfig>,
}

/// One output and its check.
#[derive(Clone, Debug, Spec)]
struct CaseConfig {
    /// A query that is true for the messages of this output; empty for all.
    #[spec(default = "")]
    check: Option<Query>,
    /// The output.
    output: OutputChild,
    /// Whether a message that passes goes on to the next checks too.
    #[spec(rename = "continue", default = false, advanced)]
    goes_on: bool,
}

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    if config.cases.len() < 2 {
        let span = node.field_span("cases");
        cx.error(
            codes::INVALID_VALUE,
            span,
            "a switch has at least two cases",
        );
    }
    let rejects = config.cases.iter().map(|it| &it.output);
    let rejects = rejects.filter(|it| config.retry_until_success && it.name == "reject");
    for output in rejects {
        let message = "`retry_until_success` would write to `reject` for ever";
        cx.error(codes::CONFLICT, output.span, message).help =
            Some("set `retry_until_success: false`, or use another output here".to_owned());
    }
}

impl OutputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<OutputPart, Error> {
        let mut cases = Vec::with_capacity(self.cases.len());
        for (index, case) in self.cases.iter().enumerate() {
            let mut sink = cx.output(&case.output, &format!("switch.cases.{index}.output"))?;
            if self.retry_until_success {
                sink = Arc::new(Retrying::new(sink, Attempts::ENDLESS, cx));
            }
            cases.push(Case {
                check: case.check.clone(),
                sink,
                goes_on: case.goes_on,
            });
        }
        Ok(OutputPart::Composite(Arc::new(Switch {
            cases,
            strict: self.strict_mode,
            identity: Arc::clone(cx.identity()),
        })))
    }
}

pub const COMPONENT: Descriptor = Descriptor::output::<Config>();

struct Case {
    check: Option<Query>,
    sink: Arc<dyn Sink>,
    goes_on: bool,
}

struct Switch {
    cases: Vec<Case>,
    strict: bool,
    identity: Arc<Identity>,
}

impl Case {
    fn takes(&self, batch: &MessageBatch, index: usize, switch: &Identity) -> bool {
        let Some(check) = &self.check else {
            return true;
        };
        check.check(batch, index).unwrap_or_else(|error| {
            switch.log_error(format_args!("check: {error}; taken as false"));
            false
        })
    }
}

impl Switch {
    /// The indices of the messages of each case, and whether every message has one.
    fn route(&self, batch: &MessageBatch) -> (Vec<Vec<usize>>, bool) {
        let mut routes = vec![Vec::new(); self.cases.len()];
        let mut all_match = true;
        for index in 0..batch.len() {
            let mut matches = false;
            for (case, route) in self.cases.iter().zip(&mut routes) {
                if case.takes(batch, index, &self.identity) {
                    matches = true;
                    route.push(index);
                    if !case.goes_on {
                        break;
                    }
                }
            }
            all_match &= matches;
        }
        (routes, all_match)
    }
}

#[async_trait]
impl CompositeSink for Switch {
    async fn deliver(&self, batch: MessageBatch, intake: &Intake) -> Outcomes {
        let (routes, all_match) = self.route(&batch);
        let mut each: Vec<Option<Outcome>> = vec![None; batch.len()];
        if self.strict && !all_match {
            let error = Error::rejected("no switch output conditions were met by message");
            self.identity
                .log_warning(format_args!("send message: {error}"));
            return Outcomes::failed(error);
        }
        intake.among(routes.iter().filter(|it| !it.is_empty()).count());
        let writes = self
            .cases
            .iter()
            .zip(&routes)
            .filter(|(_, route)| !route.is_empty())
            .map(|(case, route)| {
                let part = route.iter().map(|index| batch[*index].detached()).collect();
                async move { (route, intake.through(&*case.sink, part).await) }
            });
        for (route, outcomes) in join_all(writes).await {
            for (position, index) in route.iter().enumerate() {
                let outcome = outcomes.get(position);
                each[*index] = Some(match each[*index].take() {
                    Some(earlier) => worse_of(earlier, outcome),
                    None => outcome,
                });
            }
        }
        let unmatched = || Outcome::Dropped {
            reason: "switch_no_match".into(),
        };
        Outcomes::Each(
            each.into_iter()
                .map(|it| it.unwrap_or_else(unmatched))
                .collect(),
        )
    }

    fn capacity(&self) -> usize {
        self.cases
            .iter()
            .fold(0, |sum, case| sum.saturating_add(case.sink.capacity()))
    }

    async fn close(&self) {
        for case in &self.cases {
            case.sink.close().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use millrace_component::conformance::{self, Routed};

    use crate::testing::{batch, bench};

    #[tokio::test]
    async fn switch_keeps_the_promises_of_an_output() {
        let yaml = r#"
switch:
  cases:
    - check: content().contains("a")
      continue: true
      output: { scripted: { name: one, refuses: bad } }
    - check: content() != "none"
      output: { scripted: { name: two, refuses: worse } }
"#;
        let routed = Routed {
            failed: &[1, 4],
            arrived: &["one: a", "two: a", "two: bad", "two: c"],
            closed: &["one", "two"],
        };
        conformance::output_of_children(
            bench,
            yaml,
            || batch(&["a", "bad", "c", "none", "worse"]),
            &routed,
        )
        .await;
    }
}
