//! From a delivery of the broker to a message.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, ShortString};
use millrace_message::{Context, Message, Metadata};

use crate::headers;

/// A delivery as this input hands it on.
pub struct Delivery {
    /// Payload and metadata.
    pub message: Message,
    /// What the message is known by when the broker delivers it again; only messages that were
    /// delivered before have one.
    pub fingerprint: Option<u64>,
}

impl Delivery {
    /// Reads a delivery; the payload is moved, not copied.
    pub fn read(delivery: lapin::message::Delivery, consumer_tag: Option<ShortString>) -> Self {
        let fingerprint = delivery.redelivered.then(|| fingerprint_of(&delivery));
        let mut metadata = Metadata::default();
        let headers = delivery.properties.headers().as_ref();
        if let Some(headers) = headers {
            headers::to_metadata(headers, &mut metadata);
        }
        let trace_parent = headers.and_then(|it| match it.inner().get("traceparent") {
            Some(AMQPValue::LongString(text)) => std::str::from_utf8(text.as_bytes()).ok(),
            Some(AMQPValue::ShortString(text)) => Some(text.as_str()),
            _ => None,
        });
        let context = trace_parent.map(|it| {
            Arc::new(Context {
                trace_parent: Some(it.into()),
                ..Context::default()
            })
        });
        add_properties(&delivery.properties, &mut metadata);
        let mut set = |name, text| headers::set(name, text, &mut metadata);
        set(
            "amqp_consumer_tag",
            consumer_tag.map_or_else(String::new, String::from),
        );
        set("amqp_delivery_tag", delivery.delivery_tag.to_string());
        set("amqp_redelivered", delivery.redelivered.to_string());
        set("amqp_exchange", delivery.exchange.to_string());
        set("amqp_routing_key", delivery.routing_key.to_string());

        let mut message = Message::from_bytes(Bytes::from(delivery.data));
        message.metadata = metadata;
        message.set_context(context);
        Self {
            message,
            fingerprint,
        }
    }
}

fn add_properties(properties: &BasicProperties, metadata: &mut Metadata) {
    let text = |it: &Option<ShortString>| it.as_ref().map_or_else(String::new, ToString::to_string);
    let mut set = |name, text| headers::set(name, text, metadata);
    set("amqp_content_type", text(properties.content_type()));
    set("amqp_content_encoding", text(properties.content_encoding()));
    let mode = properties.delivery_mode().filter(|it| *it != 0);
    set(
        "amqp_delivery_mode",
        mode.map_or_else(String::new, |it| it.to_string()),
    );
    set(
        "amqp_priority",
        properties.priority().unwrap_or(0).to_string(),
    );
    set("amqp_correlation_id", text(properties.correlation_id()));
    set("amqp_reply_to", text(properties.reply_to()));
    set("amqp_expiration", text(properties.expiration()));
    set("amqp_message_id", text(properties.message_id()));
    set(
        "amqp_timestamp",
        properties
            .timestamp()
            .map_or_else(String::new, |it| it.to_string()),
    );
    set("amqp_type", text(properties.kind()));
    set("amqp_user_id", text(properties.user_id()));
    set("amqp_app_id", text(properties.app_id()));
}

/// The protocol gives messages no identity, so this is what stays the same in all deliveries.
fn fingerprint_of(delivery: &lapin::message::Delivery) -> u64 {
    let mut hasher = DefaultHasher::new();
    delivery.exchange.as_str().hash(&mut hasher);
    delivery.routing_key.as_str().hash(&mut hasher);
    let id = delivery.properties.message_id().as_ref();
    id.map(ShortString::as_str).hash(&mut hasher);
    delivery.data.hash(&mut hasher);
    hasher.finish()
}
