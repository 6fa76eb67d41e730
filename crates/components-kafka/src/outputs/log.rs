//! The `log` output.

use std::time::Duration;

use millrace_component::{
    BatchPolicy, BuildContext, Descriptor, Interpolated, MetadataFilter, OutputConfig, OutputPart,
};
use millrace_kafka_client::ProducerSettings;
use millrace_message::Error;
use millrace_spec::{Node, ReadContext, Spec};

use crate::client::Client;
use crate::record::{Headers, NoKey, Shape};
use crate::writer::WriterConfig;

/// Appends messages to a topic of the log of this process, which the block `log` starts.
///
/// # Delivery
///
/// A message is delivered when it is on disk, together with what other writes have appended
/// meanwhile. The log leaves out what was sent twice because an answer was lost; a message that the
/// output was given again, after a failure or a restart, is appended again. Messages of one
/// partition are in the order in which they were written, with `max_in_flight: 1` that of the
/// stream.
///
/// A topic that does not exist is created, with `num.partitions` of the log, unless
/// `auto.create.topics.enable` is false.
///
/// ```yaml
/// log: {}
/// input:
///   http_server: { path: /orders }
/// output:
///   log: { topic: orders, key: "${! json(\"customer\") }" }
/// ```
#[derive(Clone, Debug, Spec)]
#[spec(output = "log", category = "Services", since = "0.1", check = check)]
pub struct Config {
    /// The topic.
    #[spec(example = "orders")]
    topic: Interpolated,
    /// The key of the record. Messages with the same key go to the same partition, chosen as Kafka's
    /// clients do.
    key: Option<Interpolated>,
    /// The number of the partition; empty for the one that the key says, or any.
    #[spec(advanced)]
    partition: Option<Interpolated>,
    /// The time of the record in milliseconds since 1970; empty for now.
    #[spec(advanced)]
    timestamp_ms: Option<Interpolated>,
    /// Which metadata become headers of the record.
    metadata: MetadataFilter,
    /// How many batches are written at a time; more than one may change the order.
    #[spec(default = 64)]
    max_in_flight: usize,
    /// How messages are collected into batches. Writes that are under way at the same time share
    /// their way to the disk without it.
    batching: BatchPolicy,
}

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    crate::log::add_use(node, cx);
    if let Some(topic) = config.topic.as_static() {
        crate::log::add_topic_of_output(&topic, node.field_span("topic"), cx);
    }
}

impl OutputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<OutputPart, Error> {
        let shape = Shape {
            topic: self.topic.clone(),
            key: self.key.clone(),
            partition: self.partition.clone(),
            timestamp_ms: self.timestamp_ms.clone(),
            headers: Headers::Include(self.metadata.compile()),
            static_headers: Vec::new(),
            no_key: NoKey::Never,
        };
        let producer = ProducerSettings {
            // What waits for the disk makes a batch by itself.
            linger: Duration::ZERO,
            batch_size: 256 << 10,
            ..ProducerSettings::default()
        };
        let writer = WriterConfig {
            client: Client::new(crate::log::settings(cx)?, None),
            producer,
            shape,
            retries: None,
            creation: None,
        };
        Ok(writer.leaf(self.max_in_flight, &self.batching))
    }
}

/// The component.
pub const COMPONENT: Descriptor = Descriptor::output::<Config>();
