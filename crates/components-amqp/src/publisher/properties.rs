//! The properties and headers of a message.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use millrace_component::{Interpolated, MetadataExclusion};
use millrace_message::{Error, Message, MessageBatch};

use super::PublishFields;
use crate::declare::short_string;
use crate::headers;

const TRANSIENT: u8 = 1;
const PERSISTENT: u8 = 2;
const PRIORITY_MAX: u8 = 9;

type Setter = fn(BasicProperties, ShortString) -> BasicProperties;

/// How the properties of a message are made.
pub struct Properties {
    texts: Vec<(&'static str, Interpolated, Setter)>,
    kind: Interpolated,
    priority: Interpolated,
    delivery_mode: u8,
    excluded: MetadataExclusion,
}

impl Properties {
    /// As the fields say. Fields that are empty for every message are left out.
    pub fn new(fields: &PublishFields) -> Self {
        let texts: [(&'static str, &Interpolated, Setter); 8] = [
            (
                "content_type",
                &fields.content_type,
                BasicProperties::with_content_type,
            ),
            (
                "content_encoding",
                &fields.content_encoding,
                BasicProperties::with_content_encoding,
            ),
            (
                "correlation_id",
                &fields.correlation_id,
                BasicProperties::with_correlation_id,
            ),
            ("reply_to", &fields.reply_to, BasicProperties::with_reply_to),
            (
                "expiration",
                &fields.expiration,
                BasicProperties::with_expiration,
            ),
            (
                "message_id",
                &fields.message_id,
                BasicProperties::with_message_id,
            ),
            ("user_id", &fields.user_id, BasicProperties::with_user_id),
            ("app_id", &fields.app_id, BasicProperties::with_app_id),
        ];
        let used = texts
            .into_iter()
            .filter(|(_, field, _)| field.as_static().as_deref() != Some(""));
        Self {
            texts: used
                .map(|(name, field, set)| (name, field.clone(), set))
                .collect(),
            kind: fields.r#type.clone(),
            priority: fields.priority.clone(),
            delivery_mode: if fields.persistent {
                PERSISTENT
            } else {
                TRANSIENT
            },
            excluded: fields.metadata.clone(),
        }
    }

    /// The properties of message `index`.
    ///
    /// # Errors
    /// A field cannot be evaluated, or its text is not what the protocol allows.
    pub fn of(&self, batch: &MessageBatch, index: usize) -> Result<BasicProperties, Error> {
        let text = |name: &str, field: &Interpolated| {
            let text = field.resolve(batch, index);
            text.map(std::borrow::Cow::into_owned)
                .map_err(|error| error.context(name))
        };
        let mut properties = BasicProperties::default().with_delivery_mode(self.delivery_mode);
        for (name, field, set) in &self.texts {
            let text = text(name, field)?;
            if !text.is_empty() {
                properties = set(properties, short_string(name, text)?);
            }
        }
        let kind = text("type", &self.kind)?;
        if !kind.is_empty() {
            properties = properties.with_type(short_string("type", kind.replace('/', "."))?);
        }
        let priority = text("priority", &self.priority)?;
        if !priority.is_empty() {
            properties = properties.with_priority(parse_priority(&priority)?);
        }
        let headers = match batch.get(index) {
            Some(message) => self.headers(message)?,
            None => FieldTable::default(),
        };
        if !headers.inner().is_empty() {
            properties = properties.with_headers(headers);
        }
        Ok(properties)
    }

    fn headers(&self, message: &Message) -> Result<FieldTable, Error> {
        let mut table = FieldTable::default();
        for (name, value) in message.metadata.iter() {
            if self.excluded.excludes(name.as_str()) {
                continue;
            }
            headers::insert(name, value, &mut table).map_err(|_| {
                let start: String = name.chars().take(32).collect();
                Error::rejected(format!(
                    "metadata `{start}…` cannot be a header: its name is longer than 255 bytes; \
                     leave it out with `metadata.exclude_prefixes`"
                ))
            })?;
        }
        let trace_parent = message.context().and_then(|it| it.trace_parent.as_deref());
        if let Some(trace_parent) = trace_parent {
            let value = AMQPValue::LongString(trace_parent.into());
            table.insert("traceparent".into(), value);
        }
        Ok(table)
    }
}

fn parse_priority(text: &str) -> Result<u8, Error> {
    let priority = text.parse::<u8>().ok().filter(|it| *it <= PRIORITY_MAX);
    priority.ok_or_else(|| {
        let start: String = text.chars().take(32).collect();
        Error::rejected(format!(
            "priority: `{start}` is not an integer from 0 to {PRIORITY_MAX}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_priority_is_a_digit() {
        assert_eq!(parse_priority("9").unwrap(), 9);
        for text in ["10", "-1", "1.0", "high"] {
            assert!(parse_priority(text).is_err(), "{text}");
        }
    }
}
