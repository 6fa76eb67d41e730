//! The `kafka_franz` input.

use std::sync::Arc;
use std::time::Duration;

use millrace_component::{
    BatchPolicy, BuildContext, BuiltInput, Descriptor, InputConfig, InputPart, LeafInput, Pattern,
    RateLimitRef, ReplayPolicy,
};
use millrace_kafka_client::{ConsumerSettings, Reset, Settings};
use millrace_message::Error;
use millrace_spec::{ByteSize, FieldKind, Node, ReadContext, Spec, codes};
use millrace_tls::TlsConfig;

use super::fields::{IsolationLevel, bytes, no_links, some_topic};
use crate::client::sasl::{NamedSasl, first_login, one_login};
use crate::client::{Client, addresses, some_address};
use crate::reader::{Batching, Reader, ReaderConfig, Subscription};
use crate::record::{Naming, Style};
use crate::topics::Topics;

/// How long a member may take to join again when its group changes.
const REBALANCE_TIMEOUT: Duration = Duration::from_secs(60);
/// How assignments are made here, and the default, which is taken for it.
const BALANCERS: [&str; 2] = ["range", "cooperative_sticky"];

/// Reads topics of Kafka, or of another broker that speaks its protocol.
///
/// With a `consumer_group` the input is a member of it: inputs with the same group share the
/// partitions of their topics, and each goes on where the group has left off. Without one, all
/// partitions are read from where `auto_offset_reset` says, and nothing is committed.
///
/// A topic may be named with partitions, as in `orders:0` or `orders:0-5`, and with an offset to
/// begin at, as in `orders:0:100`. Such partitions are read without a group.
///
/// # Delivery
///
/// At least once, with a `consumer_group`. What is committed is the offset before which every
/// message was acknowledged. After a kill, or when the group changes, messages behind it are read
/// again. A message that is given up is read again too, with those behind it.
///
/// A member that was killed belongs to its group until its session times out, after 45 seconds: what is
/// started in its place reads nothing before that, and says so in the log after four seconds.
///
/// Messages of a partition are read in their order, and up to `checkpoint_limit` of them are on their
/// way at a time; a partition of which so many are on their way holds up no other.
///
/// Before a batch that cannot be read a partition stands still, and the others are read on: an error says
/// how to remove it, and a run that ends so fails.
///
/// # Metadata
///
/// `kafka_key`, `kafka_topic`, `kafka_partition`, `kafka_offset`, `kafka_timestamp_unix`,
/// `kafka_timestamp_unix_ms`, `kafka_tombstone_message`, and the headers of the record. A header
/// `traceparent` makes what happens to the message part of the sender's trace.
///
/// # Differences from Bento
///
/// Partitions are assigned by Kafka's range assignor, with every other balancer refused: members of a
/// group whose other members have only `cooperative-sticky`, Bento's default, are not let in by the
/// broker. A record that failed is read again instead of being skipped. Only one mechanism of `sasl`
/// may be named.
///
/// ```yaml
/// input:
///   kafka_franz:
///     seed_brokers: [ 127.0.0.1:9092 ]
///     topics: [ orders ]
///     consumer_group: billing
/// output:
///   stdout: {}
/// ```
#[derive(Clone, Debug, Spec)]
#[spec(input = "kafka_franz", category = "Services", check = check)]
#[expect(dead_code, reason = "of some fields only the check matters")]
pub struct Config {
    /// Brokers to begin with, as HOST:PORT; those of the cluster are learnt from them. An item may
    /// hold several, separated by commas.
    #[spec(example = ["127.0.0.1:9092"], lint = some_address)]
    seed_brokers: Vec<String>,
    /// The topics. An item may hold several, separated by commas, each with partitions and an offset.
    #[spec(
        example = ["orders", "refunds"],
        example = ["orders:0", "refunds:1-3"],
        example = ["orders:0:100"],
        lint = some_topic
    )]
    topics: Vec<String>,
    /// Whether the topics are regular expressions: all are read whose names match one of them, but
    /// for those of the brokers' own. They are looked for every `metadata_max_age`.
    #[spec(default = false)]
    regexp_topics: bool,
    /// The group.
    consumer_group: Option<String>,
    /// What brokers call this client in their logs.
    #[spec(default = "bento", advanced)]
    client_id: String,
    /// The rack of this client; not supported: records are read from the leaders of partitions.
    #[spec(
        default = "",
        advanced,
        unsupported = "records are read from the leaders of partitions"
    )]
    rack_id: String,
    /// How many messages of a partition may be on their way at a time.
    #[spec(default = 1024, advanced)]
    checkpoint_limit: usize,
    /// Whether failed messages are sent again from here; else they are read again from the topic.
    #[spec(default = true)]
    auto_replay_nacks: bool,
    /// How failed messages are sent again.
    #[spec(advanced)]
    replay: ReplayPolicy,
    /// How often offsets are committed; also at the end, and when the group changes.
    #[spec(default = "5s", advanced)]
    commit_period: millrace_spec::Duration,
    /// Whether a group that has committed nothing begins at the oldest record, else behind the
    /// newest one.
    #[spec(default = true, advanced)]
    start_from_oldest: bool,
    /// Without effect: a topic that is deleted and made again is found by its name, without a new
    /// connection.
    #[spec(default = false, advanced, since = "1.8.0")]
    reconnect_on_unknown_topic_or_partition: bool,
    /// Where a group begins that has committed nothing, or whose place is gone; it counts more than
    /// `start_from_oldest`.
    #[spec(advanced, since = "1.6.0")]
    auto_offset_reset: Option<OffsetReset>,
    /// How members of the group share partitions: by Kafka's range assignor, which the default
    /// stands for here as well as `range`.
    #[spec(default = ["cooperative_sticky"], advanced, since = "1.3.0", lint = only_range)]
    group_balancers: Vec<String>,
    /// How often it is looked which topics and partitions there are. Those that are missing are
    /// looked for every second.
    #[spec(default = "5m", advanced, since = "1.3.0")]
    metadata_max_age: millrace_spec::Duration,
    /// How many bytes a broker sends at once, unless its first batch is larger.
    #[spec(default = "50MiB", advanced, since = "1.3.0")]
    fetch_max_bytes: ByteSize,
    /// How many bytes of a partition a broker sends at once, unless its first batch is larger.
    #[spec(default = "1MiB", advanced, since = "1.3.0")]
    fetch_max_partition_bytes: ByteSize,
    /// How long a broker waits for a record before it says that there is none.
    #[spec(default = "5s", advanced, since = "1.3.0")]
    fetch_max_wait: millrace_spec::Duration,
    /// Reads partitions first that lag behind; not supported.
    #[spec(advanced, since = "1.3.0", unsupported = "partitions are read in turn")]
    preferring_lag: Option<i64>,
    /// What is read of transactions.
    #[spec(default = "read_uncommitted", advanced, since = "1.21.0")]
    transaction_isolation_level: IsolationLevel,
    /// Encryption.
    #[spec(advanced)]
    tls: TlsConfig,
    /// Who this client is. One entry is used.
    #[spec(default = [], advanced, lint = one_login)]
    sasl: Vec<NamedSasl>,
    /// Whether each header becomes a list, of all its values.
    #[spec(default = false, advanced)]
    multi_header: bool,
    /// How the messages of a partition become batches.
    #[spec(advanced)]
    batching: BatchPolicy,
    /// A rate limit of which every batch takes a place.
    #[spec(default = "", advanced)]
    rate_limit: Option<RateLimitRef>,
    /// A mapping that finds a message's trace; not supported.
    #[spec(
        advanced,
        kind = FieldKind::Mapping,
        unsupported = "a trace is found in the header `traceparent`"
    )]
    extract_tracing_map: Option<String>,
    /// Whether traces begin here, with a link to that of the message; not supported.
    #[spec(advanced, since = "1.17.0", lint = no_links)]
    new_root_span_with_link: Option<bool>,
}

/// Where a group begins that has no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Spec)]
enum OffsetReset {
    /// At the oldest record.
    Earliest,
    /// Behind the newest record.
    Latest,
    /// Nowhere: it is an error.
    None,
}

#[allow(clippy::ptr_arg, reason = "the signature of a field lint")]
fn only_range(balancers: &Vec<String>, node: &Node, cx: &mut ReadContext) {
    let other = balancers.iter().find(|it| !BALANCERS.contains(&&***it));
    if let Some(other) = other {
        let message = format!("balancer `{other}` is not supported");
        cx.error(codes::NOT_SUPPORTED, node.span, message).help = Some("use `range`".to_owned());
    }
}

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    let has_partitions = config.topics.iter().any(|it| it.contains(':'));
    let place = |field: &str| node.field_span(field);
    if config.regexp_topics {
        check_patterns(config, node, cx);
    } else if has_partitions && config.group().is_some() {
        let message = "topics with partitions are read without a group";
        cx.error(codes::CONFLICT, place("consumer_group"), message)
            .help = Some("remove `consumer_group`, or name whole topics".to_owned());
    }
    let is_none = config.auto_offset_reset == Some(OffsetReset::None);
    if is_none && config.group().is_none() {
        let message = "without a group there is no place but what auto_offset_reset says";
        cx.error(codes::CONFLICT, place("auto_offset_reset"), message)
            .help = Some("say `earliest` or `latest`, or name a `consumer_group`".to_owned());
    }
}

fn check_patterns(config: &Config, node: &Node, cx: &mut ReadContext) {
    let place = node.field_span("topics");
    if config.topics.iter().any(|it| it.contains(':')) {
        let message = "topics that are regular expressions have no partitions";
        cx.error(codes::CONFLICT, place, message).help =
            Some("name the topics, or set `regexp_topics` to false".to_owned());
    } else if let Err(reason) = config.patterns() {
        cx.error(codes::INVALID_VALUE, place, format!("topics: {reason}"))
            .help = Some("write them in the syntax of RE2".to_owned());
    }
}

impl Config {
    fn group(&self) -> Option<&str> {
        self.consumer_group.as_deref().filter(|it| !it.is_empty())
    }

    fn patterns(&self) -> Result<Vec<Pattern>, String> {
        let items = self.topics.iter().flat_map(|it| it.split(','));
        let items = items.map(str::trim).filter(|it| !it.is_empty());
        items.map(Pattern::new).collect()
    }

    fn reset(&self) -> Reset {
        match (self.auto_offset_reset, self.start_from_oldest) {
            (Some(OffsetReset::Earliest), _) | (None, true) => Reset::Earliest,
            (Some(OffsetReset::Latest), _) | (None, false) => Reset::Latest,
            (Some(OffsetReset::None), _) => Reset::None,
        }
    }

    fn subscription(&self) -> Result<Subscription, Error> {
        let failed = |reason| Error::fatal(format!("topics: {reason}"));
        let (topics, patterns) = match self.regexp_topics {
            true => (Topics::default(), self.patterns().map_err(failed)?),
            false => (Topics::parse(&self.topics).map_err(failed)?, Vec::new()),
        };
        Ok(Subscription {
            group: self.group().map(str::to_owned),
            topics: topics.whole,
            patterns,
            partitions: topics.partitions.into_iter().collect(),
            refresh: self.metadata_max_age.get().max(Duration::from_millis(10)),
        })
    }
}

impl InputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<InputPart, Error> {
        let settings = Settings {
            bootstrap: addresses(&self.seed_brokers),
            client_id: self.client_id.clone(),
            login: first_login(&self.sasl),
            ..Settings::default()
        };
        let consumer = ConsumerSettings {
            auto_offset_reset: self.reset(),
            isolation: self.transaction_isolation_level.into(),
            fetch_max_bytes: bytes(self.fetch_max_bytes),
            max_partition_fetch_bytes: bytes(self.fetch_max_partition_bytes),
            fetch_max_wait: self.fetch_max_wait.get(),
            rebalance_timeout: REBALANCE_TIMEOUT,
            auto_commit_interval: None,
            ..ConsumerSettings::default()
        };
        let rate_limit = self.rate_limit.as_deref().map(|it| cx.rate_limit(it));
        let reader = Reader::new(ReaderConfig {
            client: Client::new(settings, Some(&self.tls)),
            consumer,
            subscription: self.subscription()?,
            commit_period: self.commit_period.get().max(Duration::from_millis(1)),
            checkpoint_limit: self.checkpoint_limit.max(1),
            deletes: false,
            flow: cx.flow().clone(),
            identity: Arc::clone(cx.identity()),
            naming: Naming {
                style: Style::KafkaFranz,
                multi_header: self.multi_header,
            },
            batching: Batching::new(&self.batching, cx)?,
            rate_limit: rate_limit.transpose()?,
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
