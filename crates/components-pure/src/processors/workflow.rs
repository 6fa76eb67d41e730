//! The `workflow` processor.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use futures::future::join_all;
use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, Identity, ProcessorConfig, ProcessorRef,
    add_resource_use, expect_resource,
};
use millrace_message::{Error, Message, MessageBatch, Object, Segment, Value};
use millrace_spec::{ComponentKind, Node, OrderedMap, ReadContext, Spec, codes};

use super::branch::{self, Branch, Branched, Results};
use super::composite::{Composite, InPlace, built, one_or_none};

mod order;

/// Runs branches in an order that follows from what they need of each other.
///
/// Each branch is a `branch` processor with a name. The branches stand in tiers: those of one tier
/// see the message as the tier before left it, and are in their processors at the same time where
/// those wait. The tiers are those of `order`; without it a branch whose `request_map` reads what
/// the `result_map` of another one assigns comes in a later tier.
///
/// What became of the branches is recorded in the message at `meta_path`: the names that
/// `succeeded`, were `skipped`, and `failed`, with the reason. A message that comes with such a
/// record skips the branches that succeeded or were skipped before, and those that are not in its
/// list `apply` if it has one; the record itself becomes `previous` of the new one. With an empty
/// `meta_path` nothing is recorded, and failed branches set the error flag of the message.
///
/// A branch that is a resource is built for this workflow again: it shares the caches and limits
/// that it names, and nothing else, with other users of the resource.
///
/// ```yaml
/// pipeline:
///   processors:
///     - workflow:
///         branches:
///           country:
///             request_map: root = this.country_code
///             processors:
///               - mapping: root.name = content().string().uppercase()
///             result_map: root.country = this.name
///           greeting: # reads what `country` assigns: its tier comes second
///             request_map: root.text = "hello " + this.country
///             processors:
///               - mapping: root = this
///             result_map: root.greeting = this.text
/// ```
#[derive(Clone, Debug, Spec)]
#[spec(processor = "workflow", category = "Composition", check = check)]
pub struct Config {
    /// Where the record stands in the message, as a dot path; empty for no record.
    #[spec(default = "meta.workflow")]
    meta_path: String,
    /// The tiers, each a list of names of branches or of processor resources.
    #[spec(default = [], example = [["foo", "bar"], ["baz"]])]
    order: Vec<Vec<String>>,
    /// Processor resources that are branches of this workflow.
    #[spec(default = [], advanced)]
    branch_resources: Vec<ProcessorRef>,
    /// The branches, by name.
    #[spec(default = {})]
    branches: OrderedMap<branch::Config>,
}

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    let span = |field| node.field_span(field);
    let inline: BTreeSet<&str> = config
        .branches
        .0
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    for name in &inline {
        let is_plain = |it: char| it.is_ascii_alphanumeric() || it == '-' || it == '_';
        if name.is_empty() || !name.chars().all(is_plain) {
            let message = format!("branch name `{name}` has characters that names cannot have");
            cx.error(codes::INVALID_VALUE, span("branches"), message)
                .help = Some("use letters, digits, `-` and `_`".to_owned());
        }
    }
    for label in &config.branch_resources {
        if inline.contains(&**label) {
            let message = format!("branch `{}` is both a resource and defined here", &**label);
            cx.error(codes::CONFLICT, span("branch_resources"), message);
        }
    }
    for label in &config.branch_resources {
        let span = span("branch_resources");
        expect_resource(ComponentKind::Processor, label, "branch", span, cx);
    }
    let resources: BTreeSet<&str> = config.branch_resources.iter().map(|it| &**it).collect();
    let named: Vec<&str> = config.order.iter().flatten().map(String::as_str).collect();
    for name in &named {
        if !inline.contains(name) && !resources.contains(name) {
            add_resource_use(ComponentKind::Processor, name, span("order"), cx);
            expect_resource(ComponentKind::Processor, name, "branch", span("order"), cx);
        }
    }
    if !config.order.is_empty() {
        let known = inline.iter().chain(&resources).copied();
        for message in order::complaints(&config.order, known) {
            cx.error(codes::INVALID_VALUE, span("order"), message);
        }
    } else if resources.is_empty()
        && let Err(error) = order::resolve(&config.branches.0)
    {
        cx.error(codes::INVALID_VALUE, span("branches"), error.to_string());
    }
}

impl Config {
    /// Every branch of the workflow with its name.
    fn all(&self, cx: &BuildContext) -> Result<Vec<(String, branch::Config)>, Error> {
        let mut branches = self.branches.0.clone();
        let mut known: HashSet<String> = branches.iter().map(|(name, _)| name.clone()).collect();
        let labels = self.branch_resources.iter().map(|label| label.to_string());
        for label in labels.chain(self.order.iter().flatten().cloned()) {
            if !known.insert(label.clone()) {
                continue;
            }
            let resource = cx.engine().processor_config(&label)?;
            let any: &dyn std::any::Any = &*resource.config;
            let config = any.downcast_ref::<branch::Config>().ok_or_else(|| {
                let name = resource.name;
                Error::fatal(format!(
                    "processor resource `{label}` is a {name}, not a branch"
                ))
            })?;
            branches.push((label, config.clone()));
        }
        Ok(branches)
    }
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        let configs = self.all(cx)?;
        let tiers = match self.order.is_empty() {
            true => order::resolve(&configs)?,
            false => self.order.clone(),
        };
        tracing::debug!(component = "workflow", path = %cx.path(), ?tiers, "order of the branches");
        let mut branches = BTreeMap::new();
        for (index, (name, config)) in configs.iter().enumerate() {
            let segment = format!("branches.{name}.processors");
            // Those of the config come first.
            let branch = match index < self.branches.0.len() {
                true => Branch::build(config, cx, &segment)?,
                false => Branch::build(config, &cx.inlined(name)?, &segment)?,
            };
            branches.insert(name.clone(), branch);
        }
        let tier = |names: Vec<String>| {
            let named = names.into_iter();
            named
                .filter_map(|name| branches.remove(&name).map(|it| (name, it)))
                .collect()
        };
        Ok(built(
            cx,
            Workflow {
                meta_path: match self.meta_path.as_str() {
                    "" => None,
                    path => Some(Segment::parse_dot_path(path)),
                },
                tiers: tiers.into_iter().map(tier).collect(),
                identity: Arc::clone(cx.identity()),
            },
        ))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct Workflow {
    meta_path: Option<Vec<Segment>>,
    tiers: Vec<Vec<(String, Branch)>>,
    identity: Arc<Identity>,
}

/// What became of each branch for one message.
#[derive(Default)]
struct Record<'a> {
    succeeded: BTreeSet<&'a str>,
    skipped: BTreeSet<&'a str>,
    failed: BTreeMap<&'a str, String>,
}

impl<'a> Record<'a> {
    fn note(&mut self, name: &'a str, result: &Branched) {
        match result {
            Branched::Result(_) => self.succeeded.insert(name),
            Branched::Skipped => self.skipped.insert(name),
            // The overlay reports failures, those of the result map included.
            Branched::Failed(_) => true,
        };
    }

    fn fail(&mut self, name: &'a str, error: &Error) {
        self.succeeded.remove(name);
        self.skipped.remove(name);
        self.failed.insert(name, error.text().to_owned());
    }

    fn value(&self, previous: Option<Value>) -> Value {
        let mut object = Object::new();
        let names = |names: &BTreeSet<&str>| {
            Value::from(
                names
                    .iter()
                    .map(|name| Value::from(*name))
                    .collect::<Vec<_>>(),
            )
        };
        if !self.succeeded.is_empty() {
            object.insert("succeeded", names(&self.succeeded));
        }
        if !self.skipped.is_empty() {
            object.insert("skipped", names(&self.skipped));
        }
        if !self.failed.is_empty() {
            let mut failed = Object::new();
            for (name, reason) in &self.failed {
                failed.insert(*name, Value::from(reason.as_str()));
            }
            object.insert("failed", Value::Object(failed));
        }
        if let Some(previous) = previous {
            object.insert("previous", previous);
        }
        Value::Object(object)
    }
}

impl Workflow {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.tiers.iter().flatten().map(|(name, _)| name.as_str())
    }

    /// The branches that the record in the message says to skip.
    fn skips(&self, message: &Message) -> BTreeSet<String> {
        let mut skips = BTreeSet::new();
        let record = self
            .meta_path
            .as_ref()
            .and_then(|path| message.value().ok()?.path(path));
        let Some(record) = record else {
            return skips;
        };
        let list = |field: &str| -> Option<BTreeSet<String>> {
            let list = record.get(field)?;
            let names = list.as_array()?.iter();
            Some(
                names
                    .filter_map(|name| name.as_str().map(str::to_owned))
                    .collect(),
            )
        };
        if let Some(apply) = list("apply").filter(|apply| !apply.is_empty()) {
            skips.extend(
                self.names()
                    .filter(|name| !apply.contains(*name))
                    .map(str::to_owned),
            );
        }
        skips.extend(list("succeeded").into_iter().flatten());
        skips.extend(list("skipped").into_iter().flatten());
        skips
    }

    /// Writes the records into the messages, or flags those with failed branches.
    fn record(&self, batch: &mut [Message], records: &[Record<'_>]) {
        for (message, record) in batch.iter_mut().zip(records) {
            let result = match &self.meta_path {
                Some(path) => write_record(message, path, record),
                None if record.failed.is_empty() => Ok(()),
                None => {
                    let names: Vec<&str> = record.failed.keys().copied().collect();
                    Err(Error::rejected(format!(
                        "workflow branches failed: {}",
                        names.join(", ")
                    )))
                }
            };
            if let Err(error) = result {
                message.set_fault(self.identity.fault(error));
            }
        }
    }
}

/// Runs one branch for the messages that do not skip it.
async fn run_branch(
    name: &str,
    branch: &Branch,
    batch: &[Message],
    skips: &[BTreeSet<String>],
) -> Results {
    branch
        .results(batch, |index| !skips[index].contains(name))
        .await
}

fn write_record(message: &mut Message, path: &[Segment], record: &Record<'_>) -> Result<(), Error> {
    let mut value = message
        .value()
        .cloned()
        .map_err(|error| Error::rejected(format!("write the record: {error}")))?;
    let previous = value.path(path).map(std::borrow::Cow::into_owned);
    let previous = previous.filter(|previous| !previous.is_null());
    value
        .set_path(path, record.value(previous))
        .map_err(|error| Error::rejected(format!("write the record: {error}")))?;
    message.set_value(value);
    Ok(())
}

impl Composite for Workflow {
    fn waits(&self) -> bool {
        self.tiers
            .iter()
            .flatten()
            .any(|(_, branch)| branch.waits())
    }

    async fn process(&self, mut batch: MessageBatch) -> Batches {
        let skips: Vec<_> = batch.iter().map(|message| self.skips(message)).collect();
        let mut records: Vec<Record<'_>> = batch.iter().map(|_| Record::default()).collect();
        for tier in &self.tiers {
            let results: Vec<Results> = match tier.as_slice() {
                [(name, only)] => vec![run_branch(name, only, &batch, &skips).await],
                several => {
                    let run = several
                        .iter()
                        .map(|(name, it)| run_branch(name, it, &batch, &skips));
                    join_all(run).await
                }
            };
            for ((name, branch), results) in tier.iter().zip(results) {
                for (record, result) in records.iter_mut().zip(&results) {
                    record.note(name, result);
                }
                for (index, error) in branch.overlay(&mut batch, results) {
                    records[index].fail(name, &error);
                }
            }
        }
        self.record(&mut batch, &records);
        one_or_none(batch)
    }

    async fn close(&self) {
        for (_, branch) in self.tiers.iter().flatten() {
            branch.close().await;
        }
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor(
            "workflow: { order: [ [ one ], [ two ] ], branches: { one: { processors: \
             [ { mapping: 'root = this.id' } ] }, two: { request_map: 'root = this', \
             processors: [ { noop: {} } ], result_map: 'root.two = this.id' } } }",
        );
        millrace_component::conformance::processor(&processor).await;
    }
}
