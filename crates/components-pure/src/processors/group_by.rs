//! The `group_by` processor.

use std::sync::Arc;

use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Identity, ProcessorChild, ProcessorConfig,
    Query,
};
use millrace_message::{Error, Message, MessageBatch};
use millrace_spec::Spec;

use super::composite::{Composite, Steps, built};

/// Breaks a batch into groups by queries, and runs processors on each group.
///
/// A message belongs to the first group whose check is true for it; a check that fails is logged
/// and counts as false. Messages of no group are a batch of their own, after the groups.
#[derive(Clone, Debug, Spec)]
#[spec(processor = "group_by", category = "Composition")]
pub struct Config(Vec<GroupConfig>);

/// A group.
#[derive(Clone, Debug, Spec)]
struct GroupConfig {
    /// A query that gives a boolean.
    #[spec(
        example = "this.type == \"foo\"",
        example = "this.contents.urls.contains(\"https://example.com\")",
        example = "true"
    )]
    check: Query,
    /// The processors of the group.
    #[spec(default = [])]
    processors: Vec<ProcessorChild>,
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        let group = |(index, group): (usize, &GroupConfig)| {
            Ok(Group {
                check: group.check.clone(),
                steps: Steps::build(cx, &group.processors, &format!("{index}.processors"))?,
            })
        };
        let groups = self
            .0
            .iter()
            .enumerate()
            .map(group)
            .collect::<Result<_, Error>>()?;
        Ok(built(
            cx,
            GroupBy {
                groups,
                identity: Arc::clone(cx.identity()),
            },
        ))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct GroupBy {
    groups: Vec<Group>,
    identity: Arc<Identity>,
}

struct Group {
    check: Query,
    steps: Steps,
}

impl GroupBy {
    /// The group of a message; the number of groups when it belongs to none.
    fn group(&self, batch: &[Message], index: usize) -> usize {
        let belongs = |(number, group): (usize, &Group)| {
            group.check.check(batch, index).unwrap_or_else(|error| {
                self.identity
                    .log_error(format_args!("check of group {number}: {error}"));
                false
            })
        };
        let mut groups = self.groups.iter().enumerate();
        groups.position(belongs).unwrap_or(self.groups.len())
    }
}

impl Composite for GroupBy {
    fn waits(&self) -> bool {
        self.groups.iter().any(|group| group.steps.waits())
    }

    async fn process(&self, batch: MessageBatch) -> Batches {
        let numbers: Vec<usize> = (0..batch.len()).map(|it| self.group(&batch, it)).collect();
        let mut grouped = vec![MessageBatch::new(); self.groups.len() + 1];
        for (message, number) in batch.into_iter().zip(numbers) {
            grouped[number].push(message);
        }
        let mut result = Batches::new();
        let groupless = grouped.pop().unwrap_or_default();
        for (group, messages) in self.groups.iter().zip(grouped) {
            result.extend(group.steps.run(messages).await);
        }
        if !groupless.is_empty() {
            result.push(groupless);
        }
        result
    }

    async fn close(&self) {
        for group in &self.groups {
            group.steps.close().await;
        }
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor(
            "group_by: [ { check: 'content().length() > 5', processors: [ { archive: \
             { format: lines } } ] } ]",
        );
        millrace_component::conformance::processor(&processor).await;
    }
}
