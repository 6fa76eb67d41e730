//! The `log` input.

use std::time::Duration;

use millrace_component::{
    BatchPolicy, BuildContext, BuiltInput, Descriptor, InputConfig, InputPart, LeafInput,
    ReplayPolicy,
};
use millrace_kafka_client::{ConsumerSettings, Reset};
use millrace_message::Error;
use millrace_spec::{Node, ReadContext, Spec, codes};

use super::fields::IsolationLevel;
use crate::client::Client;
use crate::reader::{Batching, Reader, ReaderConfig, Subscription};
use crate::record::{Naming, Style};

/// Reads topics of the log of this process, which the block `log` starts.
///
/// The input is a member of a consumer group: streams with the same `consumer_group` share the
/// partitions of their topics, and each goes on where the group has left off. A topic that does not
/// exist is created, as the log's `auto.create.topics.enable` says.
///
/// # Delivery
///
/// What is committed is the offset before which every message was acknowledged. After a kill, or
/// when the group changes, messages behind it are read again. A message that is given up is read
/// again too, with those behind it.
///
/// # Metadata
///
/// `kafka_key`, `kafka_topic`, `kafka_partition`, `kafka_offset`, `kafka_timestamp_ms`,
/// `kafka_timestamp_unix`, `kafka_tombstone_message`, and the headers of the record.
///
/// ```yaml
/// log: {}
/// input:
///   log: { topics: [ orders ], consumer_group: billing }
/// output:
///   stdout: {}
/// ```
#[derive(Clone, Debug, Spec)]
#[spec(input = "log", category = "Services", since = "0.1", check = check)]
pub struct Config {
    /// The topics.
    #[spec(example = ["orders"], lint = refuse_none)]
    topics: Vec<String>,
    /// The group. Each input of a config is a member of its own, which a restart finds again.
    #[spec(default = "millrace", lint = refuse_empty)]
    consumer_group: String,
    /// Where a group begins that has committed nothing.
    #[spec(default = "earliest", advanced)]
    start_offset: StartOffset,
    /// What is read of transactions.
    #[spec(default = "read_committed", advanced)]
    isolation_level: IsolationLevel,
    /// How many messages of a partition may be on their way at a time.
    #[spec(default = 1024, advanced)]
    checkpoint_limit: usize,
    /// How often offsets are committed; also at the end, and when the group changes.
    #[spec(default = "1s", advanced)]
    commit_period: millrace_spec::Duration,
    /// How the messages of a partition become batches; without it each is one.
    #[spec(advanced)]
    batching: BatchPolicy,
    /// Whether failed messages are sent again from here; else they are read again from the log.
    #[spec(default = true)]
    auto_replay_nacks: bool,
    /// How failed messages are sent again.
    #[spec(advanced)]
    replay: ReplayPolicy,
}

/// Where a group begins that has committed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Spec)]
enum StartOffset {
    /// At the oldest record.
    Earliest,
    /// Behind the newest record.
    Latest,
}

#[allow(clippy::ptr_arg, reason = "the signature of a field lint")]
fn refuse_none(topics: &Vec<String>, node: &Node, cx: &mut ReadContext) {
    crate::log::check_names(topics, node, cx);
}

fn check(_: &mut Config, node: &Node, cx: &mut ReadContext) {
    crate::log::add_use(node, cx);
}

#[allow(clippy::ptr_arg, reason = "the signature of a field lint")]
fn refuse_empty(group: &String, node: &Node, cx: &mut ReadContext) {
    if group.is_empty() {
        let message = "consumer_group must not be empty";
        cx.error(codes::INVALID_VALUE, node.span, message);
    }
}

impl InputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<InputPart, Error> {
        let consumer = ConsumerSettings {
            auto_offset_reset: match self.start_offset {
                StartOffset::Earliest => Reset::Earliest,
                StartOffset::Latest => Reset::Latest,
            },
            isolation: self.isolation_level.into(),
            auto_commit_interval: None,
            // A process that was killed is not waited for.
            group_instance_id: Some(cx.path().to_owned()),
            ..ConsumerSettings::default()
        };
        let reader = Reader::new(ReaderConfig {
            client: Client::new(crate::log::settings(cx)?, None),
            consumer,
            subscription: Subscription::of_group(&self.consumer_group, self.topics.clone()),
            naming: Naming::of(Style::Log),
            batching: Batching::new(&self.batching, cx)?,
            rate_limit: None,
            commit_period: self.commit_period.get().max(Duration::from_millis(1)),
            checkpoint_limit: self.checkpoint_limit.max(1),
            deletes: false,
            flow: cx.flow().clone(),
        });
        Ok(InputPart::Leaf(LeafInput {
            input: BuiltInput::Async(Box::new(reader)),
            auto_replay: Some(self.auto_replay_nacks),
            replay: self.replay.clone(),
        }))
    }
}

/// The component.
pub const COMPONENT: Descriptor = Descriptor::input::<Config>();
