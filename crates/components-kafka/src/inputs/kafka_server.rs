//! The `kafka_server` input.

use std::path::PathBuf;

use async_trait::async_trait;
use millrace_component::{BuildContext, Descriptor, Incoming, Input, InputConfig, InputPart};
use millrace_kafka_client::{Isolation, Reset};
use millrace_message::Error;
use millrace_spec::{Node, ReadContext, Spec, codes};

use super::reading::Reading;
use crate::client::Client;
use crate::reader::{Reader, ReaderConfig, Subscription};
use crate::server::{BrokerSettings, Server, ServerConfig};

/// The group that reads what clients have written.
const GROUP: &str = "millrace";

/// Is a broker for Kafka's clients, and reads what they produce.
///
/// Producers of Kafka write to it as to any broker: it has a log of its own, in `data_dir`, and answers
/// `acks=all` when records are on the disk. Other topics than those of `topics` are refused.
///
/// # Delivery
///
/// Records are read in the order of their partition and are deleted from the log behind what was
/// acknowledged, in steps of 64 MiB. What was not is read again after a stop or a kill, as long as
/// `data_dir` is kept. A message that is given up is read again, with those behind it. Batches that
/// cannot be read are refused when they are sent.
///
/// # Encryption and logins
///
/// `protocol` says what clients speak; certificates and users are settings of the broker. For
/// `SASL_PLAINTEXT` and `SASL_SSL` see the guide of the broker.
///
/// # Metadata
///
/// `kafka_key`, `kafka_topic`, `kafka_partition`, `kafka_offset`, `kafka_timestamp_ms`,
/// `kafka_timestamp_unix`, `kafka_tombstone_message`, and the headers of the record.
///
/// ```yaml
/// input:
///   kafka_server:
///     address: 127.0.0.1:9092
///     topics: [ orders ]
///     data_dir: ./orders-log
/// output:
///   stdout: {}
/// ```
#[derive(Clone, Debug, Spec)]
#[spec(input = "kafka_server", category = "Services", since = "0.1")]
pub struct Config {
    /// Where it listens.
    #[spec(default = "127.0.0.1:9092", lint = needs_port)]
    address: String,
    /// Where clients are told to connect to, such as behind a load balancer; where they did, by default.
    #[spec(default = "", advanced)]
    advertised_address: String,
    /// The topics that clients may write to. Those that do not exist are created.
    #[spec(example = ["orders"], lint = refuse_none)]
    topics: Vec<String>,
    /// How many partitions a topic is created with.
    #[spec(default = 1, lint = needs_one)]
    partitions: i32,
    /// Where the log is, in a directory that nothing else uses.
    #[spec(default = "./millrace-kafka-server")]
    data_dir: String,
    /// What clients speak.
    #[spec(default = "PLAINTEXT", advanced)]
    protocol: Protocol,
    /// Further settings of the broker, by the names that Kafka has for them.
    #[spec(default = {}, advanced, lint = refuse_own)]
    settings: BrokerSettings,
    /// How the log is read.
    #[spec(flatten)]
    reading: Reading,
}

/// What clients speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Spec)]
enum Protocol {
    /// Neither encryption nor logins.
    #[spec(rename = "PLAINTEXT")]
    Plaintext,
    /// TLS.
    #[spec(rename = "SSL")]
    Ssl,
    /// Logins without encryption.
    #[spec(rename = "SASL_PLAINTEXT")]
    SaslPlaintext,
    /// Logins over TLS.
    #[spec(rename = "SASL_SSL")]
    SaslSsl,
}

/// Settings that fields of the input stand for.
const OWN: [&str; 6] = [
    "listeners",
    "advertised.listeners",
    "log.dirs",
    "log.dir",
    "auto.create.topics.enable",
    "node.id",
];

fn refuse_own(settings: &BrokerSettings, node: &Node, cx: &mut ReadContext) {
    for name in settings.0.keys().filter(|it| OWN.contains(&it.as_str())) {
        let message = format!("`{name}` is what a field of the input says, or follows from them");
        cx.error(codes::INVALID_VALUE, node.span, message);
    }
}

fn needs_one(partitions: &i32, node: &Node, cx: &mut ReadContext) {
    if *partitions < 1 {
        let message = "a topic has at least one partition";
        cx.error(codes::INVALID_VALUE, node.span, message);
    }
}

#[allow(clippy::ptr_arg, reason = "the signature of a field lint")]
fn needs_port(address: &String, node: &Node, cx: &mut ReadContext) {
    let port = address
        .rsplit_once(':')
        .map(|(_, port)| port.parse::<u16>());
    if !matches!(port, Some(Ok(_))) {
        let message = "address must be HOST:PORT";
        cx.error(codes::INVALID_VALUE, node.span, message);
    }
}

#[allow(clippy::ptr_arg, reason = "the signature of a field lint")]
fn refuse_none(topics: &Vec<String>, node: &Node, cx: &mut ReadContext) {
    crate::log::check_names(topics, node, cx);
}

impl Config {
    fn broker(&self) -> ServerConfig {
        let mut settings = self.settings.0.clone();
        let listener = |address: &str| format!("{}://{address}", self.protocol.name());
        let mut set = |name: &str, text: String| settings.insert(name.to_owned(), text);
        set("listeners", listener(&self.address));
        if !self.advertised_address.is_empty() {
            set("advertised.listeners", listener(&self.advertised_address));
        }
        set("auto.create.topics.enable", "false".to_owned());
        ServerConfig {
            settings,
            data_dir: PathBuf::from(&self.data_dir),
            topics: self.topics.clone(),
            partitions: self.partitions,
        }
    }
}

impl InputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<InputPart, Error> {
        let server = Server::new(self.broker(), cx)?;
        let client = Client::new(server.settings(), None);
        let subscription = Subscription::of_group(GROUP, self.topics.clone());
        let how = (Reset::Earliest, Isolation::ReadCommitted);
        let reader = Reader::new(ReaderConfig {
            deletes: true,
            ..self.reading.of_group(client, subscription, how, cx)?
        });
        Ok(self.reading.part(KafkaServer { server, reader }))
    }
}

/// A broker, and what reads it.
struct KafkaServer {
    server: Server,
    reader: Reader,
}

#[async_trait]
impl Input for KafkaServer {
    async fn connect(&mut self) -> Result<(), Error> {
        self.server.start().await?;
        self.reader.connect().await
    }

    async fn read(&mut self) -> Result<Incoming, Error> {
        self.reader.read().await
    }

    async fn stop(&mut self) {
        self.reader.stop().await;
    }

    async fn close(&mut self) -> Result<(), Error> {
        let closed = self.reader.close().await;
        self.server.stop().await;
        closed
    }
}

/// The component.
pub const COMPONENT: Descriptor = Descriptor::input::<Config>();
