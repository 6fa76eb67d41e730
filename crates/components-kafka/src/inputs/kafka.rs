//! The `kafka` input.

use std::sync::Arc;
use std::time::Duration;

use millrace_component::{
    BatchPolicy, BuildContext, BuiltInput, Descriptor, InputConfig, InputPart, LeafInput,
    ReplayPolicy,
};
use millrace_kafka_client::{ConsumerSettings, Reset, Settings};
use millrace_message::Error;
use millrace_spec::{FieldKind, Node, ReadContext, Spec, codes};
use millrace_tls::TlsConfig;

use super::fields::{IsolationLevel, no_links, some_topic};
use crate::client::sasl::Sasl;
use crate::client::{Client, addresses, some_address};
use crate::reader::{Batching, Reader, ReaderConfig, Subscription};
use crate::record::{Naming, Style};
use crate::topics::Topics;

/// How often it is looked which partitions there are: Sarama's default.
const REFRESH: Duration = Duration::from_secs(600);

/// Bento's linter lets it pass.
const WITHOUT_GROUP: &str = "whole topics are not read without a consumer_group";

/// Reads topics of Kafka, or of another broker that speaks its protocol.
///
/// The input is a member of its `consumer_group`: inputs with the same group share the partitions of
/// their topics, and each goes on where the group has left off.
///
/// Topics may be named with partitions instead, as in `orders:0` or `orders:0-5`. The input is then
/// no member of a group and reads exactly those; with a `consumer_group` it goes on where that one
/// has left off and commits in its name, which the broker refuses as long as the group has members.
///
/// # Delivery
///
/// At least once. What is committed is the offset before which every message was acknowledged. After
/// a kill, or when the group changes, messages behind it are read again. A message that is given up
/// is read again too, with those behind it.
///
/// A member that was killed belongs to its group until `group.session_timeout` is over: what is started
/// in its place reads nothing before that, and says so in the log after four seconds.
///
/// Messages of a partition are read in their order, and up to `checkpoint_limit` of them are on their
/// way at a time; with 1, each waits until the one before it is delivered. Messages are batched by
/// partition; a batch may be larger than `checkpoint_limit`, and the next one waits for it then.
///
/// Before a batch that cannot be read a partition stands still, and the others are read on: an error says
/// how to remove it, and a run that ends so fails.
///
/// # Metadata
///
/// `kafka_key`, `kafka_topic`, `kafka_partition`, `kafka_offset`, `kafka_lag` (how many records were
/// behind it in its partition when it was fetched), `kafka_timestamp_unix`,
/// `kafka_timestamp_unix_ms`, `kafka_tombstone_message`, and the headers of the record. A header
/// `traceparent` makes what happens to the message part of the sender's trace.
///
/// # Differences from Bento
///
/// A message that failed is read again instead of being skipped, also with explicit partitions. The
/// members of a group look for partitions that were added every ten minutes.
///
/// ```yaml
/// input:
///   kafka:
///     addresses: [ 127.0.0.1:9092 ]
///     topics: [ orders ]
///     consumer_group: billing
/// output:
///   stdout: {}
/// ```
#[derive(Clone, Debug, Spec)]
#[spec(input = "kafka", category = "Services", check = check)]
#[expect(dead_code, reason = "of some fields only the check matters")]
pub struct Config {
    /// Brokers to begin with, as HOST:PORT; those of the cluster are learnt from them. An item may
    /// hold several, separated by commas.
    #[spec(example = ["127.0.0.1:9092"], lint = some_address)]
    addresses: Vec<String>,
    /// The topics: all whole, or all with partitions. An item may hold several, separated by commas.
    #[spec(
        example = ["orders", "refunds"],
        example = ["orders:0", "refunds:1-3"],
        lint = some_topic
    )]
    topics: Vec<String>,
    /// Without effect: the versions of the protocol are agreed on with each broker.
    #[spec(example = "3.1.0")]
    target_version: Option<String>,
    /// Encryption.
    #[spec(advanced)]
    tls: TlsConfig,
    /// Who this client is.
    #[spec(advanced)]
    sasl: Sasl,
    /// The group; empty for none, with topics that have partitions.
    #[spec(default = "")]
    consumer_group: String,
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
    /// Whether a group that has committed nothing begins at the oldest record, else behind the
    /// newest one.
    #[spec(default = true, advanced)]
    start_from_oldest: bool,
    /// How many messages of a partition may be on their way at a time.
    #[spec(default = 1024)]
    checkpoint_limit: usize,
    /// Whether failed messages are sent again from here; else they are read again from the topic.
    #[spec(default = true)]
    auto_replay_nacks: bool,
    /// How failed messages are sent again.
    #[spec(advanced)]
    replay: ReplayPolicy,
    /// How often offsets are committed; also at the end, and when the group changes.
    #[spec(default = "1s", advanced)]
    commit_period: millrace_spec::Duration,
    /// What is read of transactions.
    #[spec(default = "read_uncommitted", advanced, since = "1.21.0")]
    transaction_isolation_level: IsolationLevel,
    /// Without effect: a member of a group lives on however long its messages take.
    #[spec(default = "100ms", advanced)]
    max_processing_period: millrace_spec::Duration,
    /// A mapping that finds a message's trace; not supported.
    #[spec(
        advanced,
        kind = FieldKind::Mapping,
        unsupported = "a trace is found in the header `traceparent`"
    )]
    extract_tracing_map: Option<String>,
    /// Whether traces begin here, with a link to that of the message; not supported.
    #[spec(advanced, since = "1.14.0", lint = no_links)]
    new_root_span_with_link: Option<bool>,
    /// How the input is a member of its group.
    #[spec(advanced)]
    group: Group,
    /// How many messages are taken at a time from what was fetched.
    #[spec(default = 256, advanced)]
    fetch_buffer_cap: usize,
    /// Whether each header becomes a list, of all its values.
    #[spec(default = false, advanced)]
    multi_header: bool,
    /// Without effect: it makes the library log that Bento uses.
    #[spec(default = false, advanced, since = "1.16.0")]
    debug: bool,
    /// How the messages of a partition become batches.
    #[spec(advanced)]
    batching: BatchPolicy,
}

/// How a group is kept together.
#[derive(Clone, Debug, Spec)]
struct Group {
    /// Without a sign of life for so long a member is no longer in its group.
    #[spec(default = "10s")]
    session_timeout: millrace_spec::Duration,
    /// How often a sign of life is given.
    #[spec(default = "3s")]
    heartbeat_interval: millrace_spec::Duration,
    /// How long a member may take to join again when its group changes.
    #[spec(default = "60s")]
    rebalance_timeout: millrace_spec::Duration,
}

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    let Ok(topics) = Topics::parse(&config.topics) else {
        return;
    };
    let place = node.field_span("topics");
    if topics.partitions.values().any(Option::is_some) {
        let message = "topics have no offsets to begin at here";
        cx.error(codes::NOT_SUPPORTED, place, message).help =
            Some("use the input `kafka_franz`".to_owned());
    }
    if !topics.whole.is_empty() && !topics.partitions.is_empty() {
        let message = "topics are named whole and with partitions";
        cx.error(codes::CONFLICT, place, message).help =
            Some("use one input for each, or the input `kafka_franz`".to_owned());
    }
    if !topics.whole.is_empty() && config.consumer_group.is_empty() {
        cx.warn(codes::MISSING_FIELD, place, WITHOUT_GROUP).help =
            Some("name a group, or the partitions: `orders:0-5`".to_owned());
    }
}

impl Config {
    fn subscription(&self) -> Result<Subscription, Error> {
        let topics = Topics::parse(&self.topics);
        let topics = topics.map_err(|reason| Error::fatal(format!("topics: {reason}")))?;
        if !topics.whole.is_empty() && self.consumer_group.is_empty() {
            let help = "name a group, or the partitions: `orders:0-5`";
            return Err(Error::fatal(format!("{WITHOUT_GROUP}: {help}")));
        }
        Ok(Subscription {
            group: Some(self.consumer_group.clone()).filter(|it| !it.is_empty()),
            topics: topics.whole,
            patterns: Vec::new(),
            partitions: topics.partitions.into_iter().collect(),
            refresh: REFRESH,
        })
    }
}

impl InputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<InputPart, Error> {
        let settings = Settings {
            bootstrap: addresses(&self.addresses),
            client_id: self.client_id.clone(),
            login: self.sasl.login(),
            ..Settings::default()
        };
        let consumer = ConsumerSettings {
            auto_offset_reset: match self.start_from_oldest {
                true => Reset::Earliest,
                false => Reset::Latest,
            },
            isolation: self.transaction_isolation_level.into(),
            max_poll_records: self.fetch_buffer_cap.max(1),
            session_timeout: self.group.session_timeout.get(),
            heartbeat_interval: self.group.heartbeat_interval.get(),
            rebalance_timeout: self.group.rebalance_timeout.get(),
            auto_commit_interval: None,
            ..ConsumerSettings::default()
        };
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
                style: Style::Kafka,
                multi_header: self.multi_header,
            },
            batching: Batching::new(&self.batching, cx)?,
            rate_limit: None,
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
