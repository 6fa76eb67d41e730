//! The `log` buffer.

mod foreign;
mod reading;
mod rows;
mod topic;

use millrace_component::{
    BufferConfig, BuildContext, BuiltBuffer, Descriptor, Guarantee, ProcessorChild,
};
use millrace_durable_buffer::{DurableBuffer, Options};
use millrace_message::Error;
use millrace_spec::{ByteSize, Node, ReadContext, Spec};

use crate::log::check_name;
use topic::TopicStore;

/// Stores messages in a topic of the log of this process, which the block `log` starts, and
/// acknowledges them to the input.
///
/// A message is acknowledged when it is on disk; everything that waits is written in one step. A
/// message that the output does not accept is sent again from the buffer, after a growing pause.
/// The buffer commits, once in a second and at its end, how far everything was delivered: after a
/// restart, a crash, or a power cut it begins with the oldest message that was not, and what was
/// delivered behind it is delivered again. Records before that are deleted from the topic.
///
/// Messages that arrive as a batch leave as that batch. One record is one batch, in a form of its
/// own that only this buffer reads; a batch has 64 MiB at most. The topic has one partition, and
/// keeps everything that is not delivered. How far it was read shows as the lag of the group of the
/// topic's name.
///
/// A record that another producer wrote into the topic is logged, and counts as dropped behind the
/// buffer. Before a batch that cannot be read it stands still, with an error that says what to do;
/// a run that ends so fails.
///
/// ```yaml
/// log: {}
/// input:
///   http_server: { path: /events }
/// buffer:
///   log: {}
/// output:
///   http_client: { url: "http://localhost:8080/events" }
/// ```
#[derive(Clone, Debug, Spec)]
#[spec(buffer = "log", category = "Utility", since = "0.1", check = check)]
pub struct Config {
    /// The topic, created when it does not exist. No other buffer may use it, and no output.
    #[spec(default = "millrace-buffer", lint = check_topic)]
    topic: String,
    /// Processors that messages pass before they are stored, such as one that compresses them.
    pre_processors: Option<Vec<ProcessorChild>>,
    /// Processors that messages pass after they left the buffer, such as one that undoes it.
    post_processors: Option<Vec<ProcessorChild>>,
    /// How many bytes of messages may be stored; the input waits while there is no room. A batch
    /// above it is taken once the buffer is empty. The topic takes up to a segment more on disk.
    #[spec(default = "1GiB", advanced)]
    max_bytes: ByteSize,
}

#[allow(clippy::ptr_arg, reason = "the signature of a field lint")]
fn check_topic(topic: &String, node: &Node, cx: &mut ReadContext) {
    check_name(topic, node, cx);
}

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    crate::log::add_use(node, cx);
    crate::log::add_topic_of_buffer(&config.topic, node.field_span("topic"), cx);
}

impl BufferConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltBuffer, Error> {
        let store = TopicStore::new(crate::log::settings(cx)?, &self.topic, cx);
        let options = Options {
            place: format!("topic `{}` of the log", self.topic),
            pre_processors: self.pre_processors.as_deref(),
            post_processors: self.post_processors.as_deref(),
            bytes_max: self.max_bytes.0,
        };
        Ok(Box::new(DurableBuffer::new(store, options, cx)?))
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::WhenDurable
    }
}

/// The component.
pub const COMPONENT: Descriptor = Descriptor::buffer::<Config>();
