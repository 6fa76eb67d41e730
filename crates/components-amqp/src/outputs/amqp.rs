//! The `amqp` output.

use std::sync::Arc;

use millrace_component::{
    BuildContext, BuiltOutput, Descriptor, Interpolated, LeafOutput, OutputConfig, OutputPart,
};
use millrace_message::Error;
use millrace_spec::{Node, ReadContext, Spec, codes};

use crate::dial::Dialer;
use crate::publisher::{PublishFields, Publisher, Route};
use crate::urls::{Server, check_tls};

/// Publishes messages to a queue of RabbitMQ, which is created when it is missing.
///
/// It is `amqp_0_9` with `urls: [ url ]`, the default exchange, `key: target`, and `mandatory` and
/// `persistent` switched on. Before the first message goes to a queue on a connection, the queue
/// is looked for; when there is none it is declared, durable and without arguments. One that
/// exists is used as it is, whatever its properties.
///
/// # Delivery
///
/// As `amqp_0_9`: a message is delivered when the broker has confirmed it, and fails when no queue
/// took it. A queue that was deleted is declared again for the next message.
#[derive(Clone, Debug, Spec)]
#[spec(output = "amqp", category = "Services", since = "0.1", check = check)]
pub struct Config {
    /// The broker.
    #[spec(example = "amqp://guest:guest@rabbitmq:5672/")]
    url: Server,
    /// The queue.
    #[spec(example = "inference_requests")]
    target: Interpolated,
    /// Whether a message fails that no queue takes.
    #[spec(default = true, advanced)]
    mandatory: bool,
    #[spec(flatten)]
    publish: PublishFields,
}

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    check_tls(
        std::slice::from_ref(&config.url),
        &config.publish.tls,
        node,
        cx,
    );
    if config.publish.exchange_declare.enabled {
        let span = node.get("exchange_declare").unwrap_or(node).span;
        let message = "the default exchange cannot be declared";
        cx.error(codes::SHOULD_OMIT, span, message).help =
            Some("use the output `amqp_0_9` for an exchange of your own".to_owned());
    }
}

impl OutputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<OutputPart, Error> {
        let route = Route {
            exchange: Interpolated::literal(""),
            key: self.target.clone(),
            declare_queue: true,
            mandatory: self.mandatory,
        };
        let tls = self.publish.tls.clone();
        let dialer = Dialer::new(vec![self.url.clone()], tls, cx.identity());
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
