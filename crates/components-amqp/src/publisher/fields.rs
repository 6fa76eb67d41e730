//! The fields that both outputs have.

use millrace_component::{Interpolated, MetadataExclusion};
use millrace_spec::{Duration, Node, ReadContext, Spec, codes};
use millrace_tls::TlsConfig;

use crate::declare::{Arguments, short};

/// What messages look like, and how they are sent.
#[derive(Clone, Debug, Spec)]
pub struct PublishFields {
    /// Declares the exchange before the first message goes to it: it is created when it is
    /// missing; one that exists with other properties is an error.
    #[spec(advanced)]
    pub exchange_declare: ExchangeDeclare,
    /// The type property of each message; `/` becomes `.`.
    #[spec(default = "")]
    pub r#type: Interpolated,
    /// The content type property.
    #[spec(default = "application/octet-stream", advanced)]
    pub content_type: Interpolated,
    /// The content encoding property.
    #[spec(default = "", advanced)]
    pub content_encoding: Interpolated,
    /// The correlation id property.
    #[spec(default = "", advanced)]
    pub correlation_id: Interpolated,
    /// The reply-to property: the queue for answers.
    #[spec(default = "", advanced)]
    pub reply_to: Interpolated,
    /// The expiration property: milliseconds that the message may wait in a queue.
    #[spec(default = "", advanced)]
    pub expiration: Interpolated,
    /// The message id property.
    #[spec(default = "", advanced)]
    pub message_id: Interpolated,
    /// The user id property; the broker refuses any but the user of the connection.
    #[spec(default = "", advanced)]
    pub user_id: Interpolated,
    /// The application id property.
    #[spec(default = "", advanced)]
    pub app_id: Interpolated,
    /// Which metadata become headers of the message: all but the excluded.
    pub metadata: MetadataExclusion,
    /// The priority property: 0 to 9, or empty.
    #[spec(default = "", advanced, example = ["0", "${! metadata(\"amqp_priority\") }"])]
    pub priority: Interpolated,
    /// How many writes may be under way at a time. Only 1 keeps the order of the messages.
    #[spec(default = 64, lint = positive)]
    pub max_in_flight: usize,
    /// Whether messages outlive a restart of the broker, as far as their queue does.
    #[spec(default = true, advanced)]
    pub persistent: bool,
    /// Whether a message fails that no consumer takes at once. RabbitMQ does not have it, and
    /// closes the connection on which it is asked for.
    #[spec(default = false, advanced)]
    pub immediate: bool,
    /// How long the broker may take to confirm a message before it fails; empty for ever.
    #[spec(default = "", advanced)]
    pub timeout: Option<Duration>,
    /// How long a message waits for the connection before it fails; 0 for ever. Without it, for
    /// ever, and 10 seconds below `fallback`, `drop_on`, `switch` and `broker`.
    #[spec(advanced)]
    pub connect_timeout: Option<Duration>,
    /// TLS settings for `amqps` URLs.
    #[spec(advanced)]
    pub tls: TlsConfig,
}

/// How the exchange is declared.
#[derive(Clone, Debug, Spec)]
pub struct ExchangeDeclare {
    /// Whether the exchange is declared.
    #[spec(default = false)]
    pub enabled: bool,
    /// The type of the exchange.
    #[spec(default = "direct", lint = short)]
    pub r#type: String,
    /// Whether the exchange outlives a restart of the broker.
    #[spec(default = true)]
    pub durable: bool,
    /// Further arguments, such as `alternate-exchange`.
    #[spec(optional, advanced)]
    pub arguments: Arguments,
}

fn positive(value: &usize, node: &Node, cx: &mut ReadContext) {
    if *value == 0 {
        cx.error(
            codes::INVALID_VALUE,
            node.span,
            "max_in_flight must be at least 1",
        );
    }
}
