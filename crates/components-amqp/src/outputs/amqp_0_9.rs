//! The `amqp_0_9` output.

use std::sync::Arc;

use millrace_component::{
    BuildContext, BuiltOutput, Descriptor, Interpolated, LeafOutput, OutputConfig, OutputPart,
};
use millrace_message::Error;
use millrace_spec::{Node, ReadContext, Spec};

use crate::dial::Dialer;
use crate::publisher::{PublishFields, Publisher, Route};
use crate::urls::{Urls, check_tls};

/// Publishes messages to an exchange of RabbitMQ, or of another broker that speaks AMQP 0.9.1.
///
/// # Delivery
///
/// A message is delivered when the broker has confirmed it: for a persistent message in a durable
/// queue that means it is on disk. A message that no queue takes vanishes in the broker, which
/// confirms it nevertheless; with `mandatory` it fails. In a batch, exactly the messages fail that
/// the broker refused or returned.
///
/// Up to `max_in_flight` writes are under way at a time, each in a channel of its own. When a
/// connection is lost, what was not confirmed is published again, so it may arrive twice.
///
/// Metadata become headers, `_` in their names replaced by `-`. A message that belongs to a trace
/// carries it in the header `traceparent`.
///
/// # Differences from Bento
///
/// Messages are persistent by default: with Bento's default, confirmed messages in a durable
/// queue are gone after a restart of the broker. `mandatory` fails exactly the messages that came
/// back. `exchange_declare.arguments` and `connect_timeout` are new.
#[derive(Clone, Debug, Spec)]
#[spec(output = "amqp_0_9", category = "Services", check = check)]
pub struct Config {
    /// The brokers, tried in turn until one can be connected to. An item may hold several URLs
    /// separated by commas. `amqps` URLs are encrypted.
    #[spec(example = ["amqp://guest:guest@127.0.0.1:5672/"])]
    urls: Urls,
    /// The exchange; the empty one hands each message to the queue that its key names.
    #[spec(example = "my_exchange")]
    exchange: Interpolated,
    /// The routing key; `/` becomes `.`.
    #[spec(default = "")]
    key: Interpolated,
    /// Whether a message fails that no queue takes.
    #[spec(default = false, advanced)]
    mandatory: bool,
    #[spec(flatten)]
    publish: PublishFields,
}

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    check_tls(&config.urls.0, &config.publish.tls, node, cx);
}

impl OutputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<OutputPart, Error> {
        let route = Route {
            exchange: self.exchange.clone(),
            key: self.key.clone(),
            declare_queue: false,
            mandatory: self.mandatory,
        };
        let tls = self.publish.tls.clone();
        let dialer = Dialer::new(self.urls.0.clone(), tls, cx.identity());
        let publisher = Publisher::new(dialer, route, &self.publish);
        Ok(OutputPart::Leaf(LeafOutput {
            output: BuiltOutput::Async(Arc::new(publisher)),
            max_in_flight: self.publish.max_in_flight,
            connect_timeout: self.publish.connect_timeout.as_ref().map(|it| it.get()),
            batching: None,
        }))
    }
}

pub const COMPONENT: Descriptor = Descriptor::output::<Config>();
