//! The `kafka_franz` output.

use std::time::Duration;

use millrace_component::{
    BatchPolicy, BuildContext, Descriptor, Interpolated, MetadataFilter, OutputConfig, OutputPart,
};
use millrace_kafka_client::{KeyHash, ProducerSettings, Settings, Spread};
use millrace_message::Error;
use millrace_spec::{ByteSize, Node, ReadContext, Spec, codes};
use millrace_tls::TlsConfig;

use super::fields::{Compression, check_partition};
use crate::client::sasl::{NamedSasl, first_login, one_login};
use crate::client::{Client, addresses, some_address};
use crate::record::{Headers, NoKey, Shape};
use crate::writer::WriterConfig;

/// How many bytes without a key stay in one partition, as with Java's clients.
const STICKY_BYTES: usize = 16 << 10;
/// The largest batch that the client makes.
const MESSAGE_MAX: u64 = 128 << 20;

/// Writes messages to topics of Kafka, or of another broker that speaks its protocol.
///
/// # Delivery
///
/// A message is delivered when all replicas in sync have it. With `idempotent_write` the brokers
/// leave out what was sent twice because an answer was lost; a message that the output was given
/// again, after a failure or a restart, is written again. In a batch, exactly the messages fail that
/// could not be written.
///
/// Messages of one partition are in the order in which they were written, with `max_in_flight: 1`
/// that of the stream. A topic that does not exist is created if the brokers do so by themselves.
///
/// A message that belongs to a trace carries it in the header `traceparent`.
///
/// # Differences from Bento
///
/// An empty key is none, as is the text `null`: all messages without a key would go to one partition
/// else. Without a key, messages stay in one partition until it got 16 KiB, as with Java's clients,
/// where Bento's library changes it with each batch. `uniform_bytes_options.adaptive` is refused.
///
/// ```yaml
/// input:
///   http_server: { path: /orders }
/// output:
///   kafka_franz:
///     seed_brokers: [ 127.0.0.1:9092 ]
///     topic: orders
///     key: "${! json(\"customer\") }"
/// ```
#[derive(Clone, Debug, Spec)]
#[spec(output = "kafka_franz", category = "Services", check = check)]
#[expect(dead_code, reason = "of some fields only the check matters")]
pub struct Config {
    /// Brokers to begin with, as HOST:PORT; those of the cluster are learnt from them. An item may
    /// hold several, separated by commas.
    #[spec(example = ["127.0.0.1:9092"], lint = some_address)]
    seed_brokers: Vec<String>,
    /// The topic.
    #[spec(example = "orders")]
    topic: Interpolated,
    /// The key of the record; empty, or `null`, for none.
    key: Option<Interpolated>,
    /// How the partition is chosen; without a word as by `murmur2_hash`.
    #[spec(advanced)]
    partitioner: Option<Partitioner>,
    /// How `uniform_bytes` chooses.
    #[spec(advanced)]
    uniform_bytes_options: UniformBytes,
    /// The number of the partition, with the partitioner `manual`.
    #[spec(example = "${! meta(\"partition\") }")]
    partition: Option<Interpolated>,
    /// What brokers call this client in their logs.
    #[spec(default = "bento", advanced)]
    client_id: String,
    /// The rack of this client; not supported: records are written to the leaders of partitions.
    #[spec(
        default = "",
        advanced,
        unsupported = "records are written to the leaders of partitions"
    )]
    rack_id: String,
    /// Whether brokers recognise what is sent twice.
    #[spec(default = true, advanced)]
    idempotent_write: bool,
    /// Which metadata become headers of the record; none by default.
    metadata: MetadataFilter,
    /// How many batches are written at a time; more than one may change the order.
    #[spec(default = 10)]
    max_in_flight: usize,
    /// How long an answer of a broker is waited for, before what it was for is sent again.
    #[spec(default = "10s", advanced)]
    timeout: millrace_spec::Duration,
    /// How messages are collected into batches.
    batching: BatchPolicy,
    /// How many bytes a batch of records has at most, and with it a message.
    #[spec(default = "1MB", advanced, example = "100MB", lint = fits)]
    max_message_bytes: ByteSize,
    /// How many records may wait to be sent; who writes more waits.
    #[spec(default = 10000, advanced)]
    max_buffered_records: usize,
    /// How long what is known of a topic is believed, such as the number of its partitions.
    #[spec(default = "5m", advanced)]
    metadata_max_age: millrace_spec::Duration,
    /// How batches of records are compressed; without a word with Snappy.
    #[spec(advanced)]
    compression: Option<Compression>,
    /// Encryption.
    #[spec(advanced)]
    tls: TlsConfig,
    /// Who this client is. One entry is used.
    #[spec(default = [], advanced, lint = one_login)]
    sasl: Vec<NamedSasl>,
}

/// How the partition of a record is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Spec)]
enum Partitioner {
    /// By the key, as Java's clients do; without one, the same for 16 KiB.
    #[spec(rename = "murmur2_hash")]
    Murmur2Hash,
    /// Each the next one, whatever the key.
    RoundRobin,
    /// The one to which the least records are on their way, for a batch, whatever the key.
    LeastBackup,
    /// The same for as many bytes as `uniform_bytes_options` say.
    UniformBytes,
    /// As `partition` says.
    Manual,
}

/// How `uniform_bytes` chooses.
#[derive(Clone, Debug, Spec)]
#[expect(dead_code, reason = "any value of one but the default is refused")]
struct UniformBytes {
    /// After how many bytes another partition is chosen.
    #[spec(default = "1MB")]
    bytes: ByteSize,
    /// Whether brokers that are busy get less; not supported.
    #[spec(
        default = false,
        unsupported = "brokers get the same; use the partitioner `least_backup`"
    )]
    adaptive: bool,
    /// Whether records with a key go where the key says.
    #[spec(default = false)]
    keys: bool,
}

fn fits(size: &ByteSize, node: &Node, cx: &mut ReadContext) {
    if size.0 == 0 || size.0 > MESSAGE_MAX {
        let message = "max_message_bytes must be from 1 to 128 MiB";
        cx.error(codes::INVALID_VALUE, node.span, message);
    }
}

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    let is_manual = config.partitioner == Some(Partitioner::Manual);
    let places = (node.field_span("partitioner"), node.field_span("partition"));
    check_partition((is_manual, config.partition.is_some()), places, cx);
}

impl Config {
    fn producer(&self) -> ProducerSettings {
        let options = &self.uniform_bytes_options;
        let uniform = usize::try_from(options.bytes.0).unwrap_or(usize::MAX);
        let (spread, key_hash) = match self.partitioner {
            None | Some(Partitioner::Murmur2Hash | Partitioner::Manual) => {
                (Spread::Bytes(STICKY_BYTES), KeyHash::Murmur2)
            }
            Some(Partitioner::RoundRobin) => (Spread::RoundRobin, KeyHash::Ignored),
            Some(Partitioner::LeastBackup) => (Spread::LeastBackup, KeyHash::Ignored),
            Some(Partitioner::UniformBytes) => match options.keys {
                true => (Spread::Bytes(uniform), KeyHash::Murmur2),
                false => (Spread::Bytes(uniform), KeyHash::Ignored),
            },
        };
        let largest = self.max_message_bytes.0.min(MESSAGE_MAX) as usize;
        ProducerSettings {
            batch_size: largest,
            max_record_bytes: largest,
            // A write has its messages together already.
            linger: Duration::ZERO,
            compression: self.compression.unwrap_or(Compression::Snappy).into(),
            enable_idempotence: Some(self.idempotent_write),
            request_timeout: self.timeout.get().max(Duration::from_millis(1)),
            buffer_records: self.max_buffered_records.max(1),
            spread,
            key_hash,
            ..ProducerSettings::default()
        }
    }
}

impl OutputConfig for Config {
    fn build(&self, _: &BuildContext) -> Result<OutputPart, Error> {
        let settings = Settings {
            bootstrap: addresses(&self.seed_brokers),
            client_id: self.client_id.clone(),
            metadata_max_age: Some(self.metadata_max_age.get()),
            retry_for: self.timeout.get(),
            login: first_login(&self.sasl),
            ..Settings::default()
        };
        let writer = WriterConfig {
            client: Client::new(settings, Some(&self.tls)),
            producer: self.producer(),
            shape: Shape {
                topic: self.topic.clone(),
                key: self.key.clone(),
                no_key: NoKey::EmptyOrNull,
                partition: self.partition.clone(),
                timestamp_ms: None,
                headers: Headers::Include(self.metadata.compile()),
                static_headers: Vec::new(),
            },
            retries: None,
            creation: None,
        };
        Ok(writer.leaf(self.max_in_flight, &self.batching))
    }
}

/// The component.
pub const COMPONENT: Descriptor = Descriptor::output::<Config>();
