//! The `kafka` output.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use millrace_component::{
    BatchPolicy, BuildContext, Descriptor, Interpolated, MetadataExclusion, OutputConfig,
    OutputPart,
};
use millrace_kafka_client::{Acks, KeyHash, ProducerSettings, Settings, Spread};
use millrace_message::Error;
use millrace_spec::{FieldKind, Node, ReadContext, Spec, codes};
use millrace_tls::TlsConfig;

use super::fields::{Compression, check_partition};
use crate::client::sasl::Sasl;
use crate::client::{Client, addresses, some_address};
use crate::record::{Headers, NoKey, Shape};
use crate::writer::{Creation, Retries, WriterConfig};

/// How often a batch of records is sent again before that counts as an attempt, as with Sarama.
const RETRIES: u32 = 3;
/// How many requests are open at a broker at a time.
const REQUESTS: usize = 5;
/// The largest batch that the client makes.
const MESSAGE_MAX: usize = 128 << 20;

/// Writes messages to topics of Kafka, or of another broker that speaks its protocol.
///
/// # Delivery
///
/// A message is delivered when the leader of its partition has written it, and may be lost with that
/// broker; with `ack_replicas` when all replicas in sync have it. What could not be written is
/// written again, as `max_retries` and `backoff` say, and then fails; what can never be written,
/// such as a message that is too large, fails at once. In a batch, exactly the messages fail that
/// could not be written.
///
/// For the order of the stream in each partition, set `max_in_flight: 1`, `retry_as_batch: true` and
/// no bound of the retries: `max_retries: 0` and an empty `backoff.max_elapsed_time`.
///
/// A topic that does not exist is created if the brokers do so by themselves, or as
/// `custom_topic_creation` says.
///
/// All metadata become headers, but for those that `metadata` excludes. A message that belongs to a
/// trace carries it in the header `traceparent`.
///
/// The defaults are Bento's, and differ from those of Kafka's own clients: the leader alone
/// acknowledges, nothing is idempotent, and keys are hashed by FNV-1a, so that a key goes to another
/// partition than with them. `ack_replicas: true`, `idempotent_write: true` and
/// `partitioner: murmur2_hash` are theirs.
///
/// # Differences from Bento
///
/// A message that can never be written fails at once, and alone. `idempotent_write` needs
/// `ack_replicas`, as the protocol does. `custom_topic_creation` takes every number that the brokers
/// take.
///
/// ```yaml
/// input:
///   http_server: { path: /orders }
/// output:
///   kafka:
///     addresses: [ 127.0.0.1:9092 ]
///     topic: orders
///     key: "${! json(\"customer\") }"
///     ack_replicas: true
/// ```
#[derive(Clone, Debug, Spec)]
#[spec(output = "kafka", category = "Services", check = check)]
#[expect(dead_code, reason = "of some fields only the check matters")]
pub struct Config {
    /// Brokers to begin with, as HOST:PORT; those of the cluster are learnt from them. An item may
    /// hold several, separated by commas.
    #[spec(example = ["127.0.0.1:9092"], lint = some_address)]
    addresses: Vec<String>,
    /// Encryption.
    #[spec(advanced)]
    tls: TlsConfig,
    /// Who this client is.
    #[spec(advanced)]
    sasl: Sasl,
    /// The topic.
    #[spec(example = "orders")]
    topic: Interpolated,
    /// What brokers call this client in their logs.
    #[spec(default = "bento", advanced)]
    client_id: String,
    /// Without effect: the versions of the protocol are agreed on with each broker.
    #[spec(example = "3.1.0")]
    target_version: Option<String>,
    /// The rack of this client; not supported: records are written to the leaders of partitions.
    #[spec(
        default = "",
        advanced,
        unsupported = "records are written to the leaders of partitions"
    )]
    rack_id: String,
    /// The key of the record; empty for none.
    #[spec(default = "")]
    key: Option<Interpolated>,
    /// How the partition is chosen.
    #[spec(default = "fnv1a_hash")]
    partitioner: Partitioner,
    /// The number of the partition, with the partitioner `manual`.
    #[spec(default = "", advanced)]
    partition: Option<Interpolated>,
    /// How topics are made that do not exist.
    #[spec(advanced)]
    custom_topic_creation: TopicCreation,
    /// How batches of records are compressed.
    #[spec(default = "none")]
    compression: Compression,
    /// Headers of every record, behind those of the metadata.
    #[spec(default = {}, example = {"source": "billing"})]
    static_headers: BTreeMap<String, String>,
    /// Which metadata become headers of the record; all by default.
    metadata: MetadataExclusion,
    /// A mapping that puts the trace into the message; not supported.
    #[spec(
        advanced,
        kind = FieldKind::Mapping,
        unsupported = "a trace goes into the header `traceparent`"
    )]
    inject_tracing_map: Option<String>,
    /// How many batches are written at a time; more than one may change the order.
    #[spec(default = 64)]
    max_in_flight: usize,
    /// Whether brokers recognise what is sent twice because an answer was lost.
    #[spec(default = false, advanced)]
    idempotent_write: bool,
    /// Whether all replicas in sync must have a message before it is delivered, and not its leader
    /// alone.
    #[spec(default = false, advanced)]
    ack_replicas: bool,
    /// How many bytes a batch of records has at most, and with it a message.
    #[spec(default = 1000000, advanced, lint = fits)]
    max_msg_bytes: usize,
    /// How long an answer of a broker is waited for, before what it was for is sent again.
    #[spec(default = "5s", advanced)]
    timeout: millrace_spec::Duration,
    /// Whether all messages of a batch are written again when one of them was not.
    #[spec(default = false, advanced)]
    retry_as_batch: bool,
    /// How messages are collected into batches.
    batching: BatchPolicy,
    /// How often messages are written again; 0 for as often as `backoff` allows.
    #[spec(default = 0, advanced)]
    max_retries: u64,
    /// The pauses before that.
    #[spec(advanced)]
    backoff: Pauses,
}

/// How the partition of a record is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Spec)]
enum Partitioner {
    /// By the key, as Sarama does; without one, any.
    #[spec(rename = "fnv1a_hash")]
    Fnv1aHash,
    /// By the key, as Java's clients do; without one, any.
    #[spec(rename = "murmur2_hash")]
    Murmur2Hash,
    /// Each any, whatever the key.
    Random,
    /// Each the next one, whatever the key.
    RoundRobin,
    /// As `partition` says.
    Manual,
}

/// How topics are made.
#[derive(Clone, Debug, Spec)]
struct TopicCreation {
    /// Whether a topic that does not exist is made before it is written to.
    #[spec(default = false)]
    enabled: bool,
    /// The number of its partitions; -1 for that of the brokers.
    #[spec(default = -1, lint = some_number)]
    partitions: i32,
    /// The number of its replicas; -1 for that of the brokers.
    #[spec(default = -1, lint = some_number)]
    replication_factor: i16,
}

/// The pauses between attempts.
#[derive(Clone, Debug, Spec)]
struct Pauses {
    /// The first pause; it doubles each time.
    #[spec(default = "3s")]
    initial_interval: millrace_spec::Duration,
    /// The longest pause.
    #[spec(default = "10s")]
    max_interval: millrace_spec::Duration,
    /// No attempt begins later than this after the first one; empty or 0 for no such bound.
    #[spec(default = "30s")]
    max_elapsed_time: Option<millrace_spec::Duration>,
}

fn fits(size: &usize, node: &Node, cx: &mut ReadContext) {
    if *size == 0 || *size > MESSAGE_MAX {
        let message = "max_msg_bytes must be from 1 to 128 MiB";
        cx.error(codes::INVALID_VALUE, node.span, message);
    }
}

fn some_number<T: Copy + Into<i64>>(count: &T, node: &Node, cx: &mut ReadContext) {
    let count: i64 = (*count).into();
    if count < 1 && count != -1 {
        let message = format!("{count} is no number of partitions or replicas");
        cx.error(codes::INVALID_VALUE, node.span, message).help =
            Some("from 1 on, or -1 for that of the brokers".to_owned());
    }
}

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    let is_manual = config.partitioner == Partitioner::Manual;
    let places = (node.field_span("partitioner"), node.field_span("partition"));
    check_partition((is_manual, config.partition.is_some()), places, cx);
    if config.idempotent_write && !config.ack_replicas {
        let message = "idempotent_write needs the acknowledgement of all replicas";
        cx.error(
            codes::CONFLICT,
            node.field_span("idempotent_write"),
            message,
        )
        .help = Some("set `ack_replicas: true`".to_owned());
    }
}

impl Config {
    fn producer(&self) -> ProducerSettings {
        let (spread, key_hash) = match self.partitioner {
            Partitioner::Fnv1aHash => (Spread::Random, KeyHash::Fnv1a),
            Partitioner::Murmur2Hash => (Spread::Random, KeyHash::Murmur2),
            Partitioner::Random | Partitioner::Manual => (Spread::Random, KeyHash::Ignored),
            Partitioner::RoundRobin => (Spread::RoundRobin, KeyHash::Ignored),
        };
        // Without a sequence, a request that is sent again comes behind those sent after it.
        let is_in_order = self.max_in_flight <= 1 && !self.idempotent_write;
        ProducerSettings {
            acks: match self.ack_replicas {
                true => Acks::All,
                false => Acks::Leader,
            },
            batch_size: self.max_msg_bytes,
            max_record_bytes: self.max_msg_bytes,
            // A write has its messages together already.
            linger: Duration::ZERO,
            compression: self.compression.into(),
            max_in_flight_requests: if is_in_order { 1 } else { REQUESTS },
            enable_idempotence: Some(self.idempotent_write),
            retries: RETRIES,
            request_timeout: self.timeout.get().max(Duration::from_millis(1)),
            spread,
            key_hash,
            ..ProducerSettings::default()
        }
    }

    fn retries(&self) -> Retries {
        let elapsed = self.backoff.max_elapsed_time.as_ref();
        let elapsed = elapsed.filter(|it| !it.is_zero());
        Retries {
            max: (self.max_retries > 0).then_some(self.max_retries),
            initial: self.backoff.initial_interval.get(),
            max_pause: self.backoff.max_interval.get(),
            max_elapsed: elapsed.map(millrace_spec::Duration::get),
            as_batch: self.retry_as_batch,
        }
    }

    fn creation(&self) -> Option<Creation> {
        let creation = &self.custom_topic_creation;
        creation.enabled.then_some(Creation {
            partitions: Some(creation.partitions).filter(|it| *it > 0),
            replication_factor: Some(creation.replication_factor).filter(|it| *it > 0),
        })
    }
}

impl OutputConfig for Config {
    fn build(&self, _: &BuildContext) -> Result<OutputPart, Error> {
        let settings = Settings {
            bootstrap: addresses(&self.addresses),
            client_id: self.client_id.clone(),
            // As Sarama does.
            metadata_max_age: Some(Duration::from_secs(600)),
            // What takes longer is an attempt that failed.
            retry_for: self.timeout.get(),
            login: self.sasl.login(),
            ..Settings::default()
        };
        let copied = |text: &String| Bytes::copy_from_slice(text.as_bytes());
        let headers = self.static_headers.iter();
        let writer = WriterConfig {
            client: Client::new(settings, Some(&self.tls)),
            producer: self.producer(),
            shape: Shape {
                topic: self.topic.clone(),
                key: self.key.clone(),
                no_key: NoKey::Empty,
                partition: self.partition.clone(),
                timestamp_ms: None,
                headers: Headers::Exclude(self.metadata.clone()),
                static_headers: headers
                    .map(|(name, value)| (copied(name), Some(copied(value))))
                    .collect(),
            },
            retries: Some(self.retries()),
            creation: self.creation(),
        };
        Ok(writer.leaf(self.max_in_flight, &self.batching))
    }
}

/// The component.
pub const COMPONENT: Descriptor = Descriptor::output::<Config>();
