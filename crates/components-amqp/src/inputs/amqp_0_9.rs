//! The `amqp_0_9` input.

mod delivery;
mod repeats;
mod session;
mod settlements;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::{FutureExt, StreamExt};
use lapin::options::{
    BasicCancelOptions, BasicConsumeOptions, BasicQosOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, Consumer};
use millrace_component::{
    BuildContext, BuiltInput, Descriptor, Incoming, Input, InputConfig, InputPart, LeafInput,
    Pattern, ReplayPolicy,
};
use millrace_message::{Error, ErrorClass, Outcome};
use millrace_spec::{Node, ReadContext, Spec, codes};
use millrace_tls::TlsConfig;
use parking_lot::Mutex;
use tokio::task::AbortHandle;

use crate::declare::{Arguments, short, short_string};
use crate::dial::{self, Dialer};
use crate::fault;
use crate::urls::Urls;
use delivery::Delivery;
use repeats::Repeats;
use session::Session;
use settlements::Verdict;

/// How long the broker may take to confirm that the consumer is cancelled.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads messages from a queue of RabbitMQ, or of another broker that speaks AMQP 0.9.1.
///
/// # Delivery
///
/// At least once. A message is acknowledged when everything that was made of it is delivered or
/// was removed on purpose; until then the broker keeps it. When it fails, it goes back into the
/// queue, or, when its error matches one of `nack_reject_patterns`, it is rejected: the broker
/// drops it, or hands it to the dead letter exchange of the queue. After a lost connection the
/// broker delivers again what was not acknowledged. Messages are read in the order of the queue.
///
/// A message that fails again after it was delivered again is held for a moment before it goes
/// back, 10 ms at first, then twice as long each time, up to 5 seconds, so that a message which
/// always fails does not keep broker and pipeline busy. While it is held it takes one of the
/// `prefetch_count` places. Give the queue a dead letter exchange and match the error in
/// `nack_reject_patterns` to get it out of the way.
///
/// At most `prefetch_count` messages are read ahead; when the input stops, those that were not
/// passed on go back into the queue at once.
///
/// With `auto_ack` each message is acknowledged when it is read, and lost when it fails.
///
/// # Metadata
///
/// `amqp_content_type`, `amqp_content_encoding`, `amqp_delivery_mode`, `amqp_priority`,
/// `amqp_correlation_id`, `amqp_reply_to`, `amqp_expiration`, `amqp_message_id`, `amqp_timestamp`
/// (seconds since 1970), `amqp_type`, `amqp_user_id`, `amqp_app_id`, `amqp_consumer_tag`,
/// `amqp_delivery_tag`, `amqp_redelivered`, `amqp_exchange`, `amqp_routing_key`, each when it is
/// not empty, and all headers, `-` in their names replaced by `_`, nested ones with the names of
/// their parents in front. A header `traceparent` makes what happens to the message part of the
/// sender's trace.
///
/// # Differences from Bento
///
/// `amqp_delivery_tag` is really set. `auto_ack` respects `prefetch_count`. The pause before a
/// message goes back again. `queue_declare.arguments` is new. `prefetch_size` other than 0 is
/// refused, since RabbitMQ closes the connection that asks for it.
#[derive(Clone, Debug, Spec)]
#[spec(input = "amqp_0_9", category = "Services", check = check)]
pub struct Config {
    /// The brokers, tried in turn until one can be connected to. An item may hold several URLs
    /// separated by commas. `amqps` URLs are encrypted.
    #[spec(example = ["amqp://guest:guest@127.0.0.1:5672/"])]
    urls: Urls,
    /// The queue to read from.
    #[spec(lint = short, example = "my_queue")]
    queue: String,
    /// Declares the queue when connecting: it is created when it is missing; one that exists with
    /// other properties is an error.
    #[spec(advanced)]
    queue_declare: QueueDeclare,
    /// Bindings of the queue, declared when connecting.
    #[spec(default = [], advanced)]
    bindings_declare: Vec<Binding>,
    /// A name for this consumer; the broker makes one up when it is empty.
    #[spec(default = "", lint = short)]
    consumer_tag: String,
    /// Acknowledge messages when they are read: a message that fails, or is under way when the
    /// process ends, is lost.
    #[spec(default = false, advanced)]
    auto_ack: bool,
    /// Regular expressions: a failed message whose error matches one of them is rejected instead
    /// of going back into the queue.
    #[spec(default = [], advanced, example = ["^reject me please:.+$"])]
    nack_reject_patterns: Vec<Pattern>,
    /// How many messages the broker sends ahead of their acknowledgement; 0 stands for 65535,
    /// the most that the protocol can count.
    #[spec(default = 10)]
    prefetch_count: u16,
    /// How many bytes the broker sends ahead. RabbitMQ does not have it: only 0 is accepted.
    #[spec(default = 0, advanced, lint = zero)]
    #[expect(dead_code, reason = "only its check matters")]
    prefetch_size: u32,
    /// TLS settings for `amqps` URLs.
    #[spec(advanced)]
    tls: TlsConfig,
}

/// How the queue is declared.
#[derive(Clone, Debug, Spec)]
struct QueueDeclare {
    /// Whether the queue is declared.
    #[spec(default = false)]
    enabled: bool,
    /// Whether the queue outlives a restart of the broker.
    #[spec(default = true)]
    durable: bool,
    /// Whether the queue is deleted when its last consumer is gone.
    #[spec(default = false)]
    auto_delete: bool,
    /// Further arguments, such as `x-queue-type: quorum`.
    #[spec(optional, advanced)]
    arguments: Arguments,
}

/// A binding of the queue to an exchange.
#[derive(Clone, Debug, Spec)]
struct Binding {
    /// The exchange.
    #[spec(default = "", lint = short)]
    exchange: String,
    /// The routing key.
    #[spec(default = "", lint = short)]
    key: String,
}

fn zero(size: &u32, node: &Node, cx: &mut ReadContext) {
    if *size != 0 {
        let message = "field prefetch_size is not supported: RabbitMQ does not implement it";
        cx.error(codes::NOT_SUPPORTED, node.span, message).help =
            Some("use `prefetch_count`".to_owned());
    }
}

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    crate::urls::check_tls(&config.urls.0, &config.tls, node, cx);
}

impl InputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<InputPart, Error> {
        let input = AmqpInput {
            config: Arc::new(self.clone()),
            dialer: Dialer::new(self.urls.0.clone(), self.tls.clone(), cx.identity()),
            repeats: Arc::default(),
            link: None,
        };
        Ok(InputPart::Leaf(LeafInput {
            input: BuiltInput::Async(Box::new(input)),
            auto_replay: None,
            replay: ReplayPolicy::default(),
        }))
    }

    fn forgets_acknowledged(&self) -> bool {
        true
    }
}

pub const COMPONENT: Descriptor = Descriptor::input::<Config>();

struct AmqpInput {
    config: Arc<Config>,
    dialer: Dialer,
    /// Messages that failed more than once, whatever connection they came through.
    repeats: Arc<Mutex<Repeats>>,
    link: Option<Link>,
}

/// One connection with its consumer.
struct Link {
    connection: Connection,
    channel: Channel,
    consumer: Consumer,
    session: Arc<Session>,
    /// The task of the session.
    sender: AbortHandle,
}

impl Drop for Link {
    fn drop(&mut self) {
        // The connection stays open as long as a task has one of its channels.
        self.sender.abort();
    }
}

#[async_trait]
impl Input for AmqpInput {
    fn in_flight_max(&self) -> Option<usize> {
        Some(usize::from(self.config.prefetch_count)).filter(|count| *count > 0)
    }

    async fn connect(&mut self) -> Result<(), Error> {
        self.link = None;
        let connection = self.dialer.dial().await?;
        let link = self.config.open(connection).await;
        // Whatever the broker has against it now may be changed later.
        let link = link.map_err(|error| Error::new(ErrorClass::NotConnected, error.text()))?;
        self.link = Some(link);
        Ok(())
    }

    async fn read(&mut self) -> Result<Incoming, Error> {
        let Some(link) = &mut self.link else {
            return Err(Error::not_connected("not connected"));
        };
        // Nothing is awaited after this: a dropped future has taken no message.
        match link.consumer.next().await {
            Some(Ok(delivery)) => Ok(self.incoming(delivery)),
            Some(Err(error)) => {
                self.link = None;
                Err(Error::not_connected(fault::of(&error).text()))
            }
            None => {
                self.link = None;
                let queue = &self.config.queue;
                Err(Error::not_connected(format!(
                    "the broker has ended the delivery from queue `{queue}`"
                )))
            }
        }
    }

    async fn stop(&mut self) {
        let Some(link) = &mut self.link else {
            return;
        };
        let cancel = link
            .channel
            .basic_cancel(link.consumer.tag(), BasicCancelOptions::default());
        match tokio::time::timeout(CANCEL_TIMEOUT, cancel).await {
            Ok(Ok(())) => {}
            // The end of the connection gives everything back as well.
            Ok(Err(error)) => tracing::debug!("cancel the consumer: {error}"),
            Err(_) => tracing::debug!("cancel the consumer: no answer"),
        }
        while let Some(Some(Ok(delivery))) = link.consumer.next().now_or_never() {
            link.session.delivered(delivery.delivery_tag);
            let back = Verdict::Requeue(Duration::ZERO);
            link.session.settle(delivery.delivery_tag, back);
        }
        link.session.stop_holding();
    }

    async fn close(&mut self) -> Result<(), Error> {
        let Some(link) = self.link.take() else {
            return Ok(());
        };
        let flushed = link.session.finish().await;
        let closed = dial::close(&link.connection).await;
        flushed.and(closed)
    }
}

impl AmqpInput {
    /// The message of a delivery, with the way to tell the broker what became of it.
    fn incoming(&self, delivery: lapin::message::Delivery) -> Incoming {
        let link = self.link.as_ref();
        let session = Arc::clone(&link.expect("a delivery comes from a link").session);
        let tag = delivery.delivery_tag;
        let consumer_tag = link.map(|it| it.consumer.tag());
        let Delivery {
            message,
            fingerprint,
        } = Delivery::read(delivery, consumer_tag);
        session.delivered(tag);
        let batch = millrace_message::MessageBatch::one(message);
        if self.config.auto_ack {
            session.settle(tag, Verdict::Ack);
            return Incoming::unacknowledged(batch);
        }
        let (config, repeats) = (Arc::clone(&self.config), Arc::clone(&self.repeats));
        Incoming::acknowledged(batch, move |outcomes| {
            let error = outcomes.iter().find_map(Outcome::error);
            session.settle(tag, config.verdict(error, fingerprint, &repeats));
        })
    }
}

impl Config {
    /// What the broker is told of a message.
    fn verdict(
        &self,
        error: Option<&Error>,
        fingerprint: Option<u64>,
        repeats: &Mutex<Repeats>,
    ) -> Verdict {
        let forget = || {
            if let Some(fingerprint) = fingerprint {
                repeats.lock().forget(fingerprint);
            }
        };
        let Some(error) = error else {
            forget();
            return Verdict::Ack;
        };
        let matches = |pattern: &Pattern| pattern.regex().is_match(error.text());
        if self.nack_reject_patterns.iter().any(matches) {
            forget();
            return Verdict::Reject;
        }
        let pause = fingerprint.map(|it| repeats.lock().failed(it));
        Verdict::Requeue(pause.unwrap_or_default())
    }

    /// Opens the channel, declares what is to be declared, and starts the delivery.
    async fn open(&self, connection: Connection) -> Result<Link, Error> {
        let at = |what: String| move |error: lapin::Error| fault::of(&error).context(what);
        let channel = connection
            .create_channel()
            .await
            .map_err(at("open a channel".to_owned()))?;
        self.declare(&channel).await?;
        let count = match self.prefetch_count {
            0 => u16::MAX,
            count => count,
        };
        channel
            .basic_qos(count, BasicQosOptions::default())
            .await
            .map_err(at("set the prefetch count".to_owned()))?;
        let consumer = channel
            .basic_consume(
                short_string("queue", &*self.queue)?,
                short_string("consumer_tag", &*self.consumer_tag)?,
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await
            .map_err(at(format!("consume from queue `{}`", self.queue)))?;
        let (session, sender) = Session::start(channel.clone());
        Ok(Link {
            connection,
            channel,
            consumer,
            session,
            sender,
        })
    }

    async fn declare(&self, channel: &Channel) -> Result<(), Error> {
        let queue = short_string("queue", &*self.queue)?;
        if self.queue_declare.enabled {
            let options = QueueDeclareOptions {
                durable: self.queue_declare.durable,
                auto_delete: self.queue_declare.auto_delete,
                ..QueueDeclareOptions::default()
            };
            let arguments = self.queue_declare.arguments.0.clone();
            channel
                .queue_declare(queue.clone(), options, arguments)
                .await
                .map_err(|error| {
                    fault::of(&error).context(format!("declare queue `{}`", self.queue))
                })?;
        }
        for Binding { exchange, key } in &self.bindings_declare {
            let bound = channel.queue_bind(
                queue.clone(),
                short_string("exchange", &**exchange)?,
                short_string("key", &**key)?,
                QueueBindOptions::default(),
                FieldTable::default(),
            );
            bound.await.map_err(|error| {
                let what = format!("bind queue `{}` to exchange `{exchange}`", self.queue);
                fault::of(&error).context(what)
            })?;
        }
        Ok(())
    }
}
