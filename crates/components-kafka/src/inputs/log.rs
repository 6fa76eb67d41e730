//! The `log` input.

use millrace_component::{BuildContext, Descriptor, InputConfig, InputPart};
use millrace_kafka_client::Reset;
use millrace_message::Error;
use millrace_spec::{Node, ReadContext, Spec, codes};

use super::fields::IsolationLevel;
use super::reading::Reading;
use crate::client::Client;
use crate::reader::{Reader, Subscription};

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
/// Before a batch that cannot be read a partition stands still, and the others are read on: an error says
/// how to remove it, and a run that ends so fails.
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
    /// How the log is read.
    #[spec(flatten)]
    reading: Reading,
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
        let begin = match self.start_offset {
            StartOffset::Earliest => Reset::Earliest,
            StartOffset::Latest => Reset::Latest,
        };
        let client = Client::new(crate::log::settings(cx)?, None);
        let subscription = Subscription::of_group(&self.consumer_group, self.topics.clone());
        let how = (begin, self.isolation_level.into());
        let config = self.reading.of_group(client, subscription, how, cx)?;
        Ok(self.reading.part(Reader::new(config)))
    }
}

/// The component.
pub const COMPONENT: Descriptor = Descriptor::input::<Config>();
