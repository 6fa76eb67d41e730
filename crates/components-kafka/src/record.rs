//! Messages as records, and records as messages.

use std::sync::Arc;

use bytes::Bytes;
use millrace_component::{Interpolated, NameFilter};
use millrace_kafka_client::{NewRecord, Record};
use millrace_message::{Context, Error, Message, MessageBatch, Metadata, Text, Value};

/// The header of a record that makes it part of a trace (W3C Trace Context).
const TRACE_PARENT: &str = "traceparent";

/// The message of a record; its payload shares the memory of what was fetched.
pub fn to_message(record: Record) -> Message {
    let mut message = Message::from_bytes(record.value.clone().unwrap_or_default());
    let entries = &mut message.metadata;
    if let Some(key) = &record.key {
        entries.set("kafka_key", text_or_bytes(key));
    }
    entries.set("kafka_topic", Text::from(&*record.topic));
    entries.set("kafka_partition", Value::I64(record.partition.into()));
    entries.set("kafka_offset", Value::I64(record.offset));
    entries.set("kafka_timestamp_ms", Value::I64(record.timestamp));
    entries.set(
        "kafka_timestamp_unix",
        Value::I64(record.timestamp.div_euclid(1000)),
    );
    entries.set(
        "kafka_tombstone_message",
        Value::Bool(record.value.is_none()),
    );
    let mut trace_parent = None;
    for (name, value) in &record.headers {
        let value = value
            .as_ref()
            .map_or_else(|| Value::from(""), text_or_bytes);
        if let (TRACE_PARENT, Value::String(text)) = (&*String::from_utf8_lossy(name), &value) {
            trace_parent = Some(text.as_str().into());
        }
        entries.set(Text::from(&*String::from_utf8_lossy(name)), value);
    }
    if trace_parent.is_some() {
        message.set_context(Some(Arc::new(Context {
            trace_parent,
            ..Context::default()
        })));
    }
    message
}

/// The bytes as text where they are that.
fn text_or_bytes(bytes: &Bytes) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => Value::from(text),
        Err(_) => Value::from(bytes.clone()),
    }
}

/// How a message becomes a record.
pub struct Shape {
    pub topic: Interpolated,
    pub key: Option<Interpolated>,
    pub partition: Option<Interpolated>,
    pub timestamp_ms: Option<Interpolated>,
    /// Which metadata become headers.
    pub headers: NameFilter,
}

impl Shape {
    /// The record of message `index` of the batch.
    ///
    /// # Errors
    /// One of the fields cannot be evaluated, or gives something that cannot be meant.
    pub fn record(&self, batch: &MessageBatch, index: usize) -> Result<NewRecord, Error> {
        let topic = self.topic.resolve(batch, index);
        let topic = topic.map_err(|error| error.context("topic"))?;
        let key = match &self.key {
            Some(key) => {
                let key = key.resolve_bytes(batch, index);
                Some(key.map_err(|error| error.context("key"))?)
            }
            None => None,
        };
        let number = |field: &Option<Interpolated>, name: &str| number(field, name, batch, index);
        let partition =
            match number(&self.partition, "partition")? {
                Some(it) => Some(i32::try_from(it).map_err(|_| {
                    Error::rejected(format!("partition: there is no partition {it}"))
                })?),
                None => None,
            };
        let message = &batch[index];
        Ok(NewRecord {
            topic: (&*topic).into(),
            partition,
            key: key.map(|it| Bytes::from(it.into_owned())),
            value: Some(message.bytes().clone()),
            headers: self.headers(message),
            timestamp: number(&self.timestamp_ms, "timestamp_ms")?,
        })
    }

    fn headers(&self, message: &Message) -> Vec<(Bytes, Option<Bytes>)> {
        let is_none = self.headers.is_empty();
        let kept = |metadata: &Metadata| {
            let kept = metadata
                .iter()
                .filter(|(name, _)| self.headers.includes(name.as_str()));
            kept.map(|(name, value)| (copied(name.as_str()), Some(bytes_of(value))))
                .collect()
        };
        let mut headers: Vec<_> = match is_none {
            true => Vec::new(),
            false => kept(&message.metadata),
        };
        let parent = message.context().and_then(|it| it.trace_parent.as_deref());
        if let Some(parent) = parent {
            headers.retain(|(name, _)| name != TRACE_PARENT);
            headers.push((copied(TRACE_PARENT), Some(copied(parent))));
        }
        headers
    }
}

fn number(
    field: &Option<Interpolated>,
    name: &str,
    batch: &MessageBatch,
    index: usize,
) -> Result<Option<i64>, Error> {
    let Some(field) = field else {
        return Ok(None);
    };
    let text = field.resolve(batch, index);
    let text = text.map_err(|error| error.context(name))?;
    let number = text
        .trim()
        .parse()
        .map_err(|_| Error::rejected(format!("{name}: expected an integer, found `{text}`")))?;
    Ok(Some(number))
}

fn copied(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn bytes_of(value: &Value) -> Bytes {
    match value {
        Value::Bytes(bytes) => Bytes::clone(bytes),
        value => copied(value.to_text().as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use millrace_component::conformance::Workbench;

    fn record(
        value: Option<&'static str>,
        headers: Vec<(&'static str, Option<&'static str>)>,
    ) -> Record {
        let header = |(name, value): (&'static str, Option<&'static str>)| {
            (Bytes::from(name), value.map(Bytes::from))
        };
        Record {
            topic: "orders".into(),
            partition: 3,
            offset: 41,
            timestamp: 1_500,
            key: Some(Bytes::from_static(b"\xffkey")),
            value: value.map(Bytes::from),
            headers: headers.into_iter().map(header).collect(),
        }
    }

    fn text(message: &Message, name: &str) -> String {
        let value = message.metadata.get(name);
        value
            .map(|it| it.to_text().as_str().to_owned())
            .unwrap_or_default()
    }

    #[test]
    fn a_record_tells_where_it_came_from_and_what_was_beside_it() {
        let message = to_message(record(Some("x"), vec![("a", Some("1")), ("b", None)]));
        assert_eq!(message.bytes(), "x");
        assert_eq!(text(&message, "kafka_topic"), "orders");
        assert_eq!(text(&message, "kafka_partition"), "3");
        assert_eq!(text(&message, "kafka_offset"), "41");
        assert_eq!(text(&message, "kafka_timestamp_unix"), "1");
        assert_eq!(text(&message, "kafka_tombstone_message"), "false");
        assert_eq!(
            (text(&message, "a"), text(&message, "b")),
            ("1".into(), String::new())
        );
        let key = message.metadata.get("kafka_key");
        assert!(matches!(key, Some(Value::Bytes(it)) if ***it == *b"\xffkey"));
    }

    #[test]
    fn a_tombstone_is_an_empty_message_that_says_so() {
        let message = to_message(record(None, Vec::new()));
        assert!(message.bytes().is_empty());
        assert_eq!(text(&message, "kafka_tombstone_message"), "true");
    }

    #[test]
    fn a_trace_goes_through_a_topic() {
        let message = to_message(record(
            Some(r#"{"n":1}"#),
            vec![("traceparent", Some("00-1-2-01"))],
        ));
        let parent = message.context().and_then(|it| it.trace_parent.as_deref());
        assert_eq!(parent, Some("00-1-2-01"));
        let shape = shape("[]");
        let sent = shape.record(&message.into(), 0).expect("a record");
        assert_eq!(
            sent.headers,
            [("traceparent".into(), Some("00-1-2-01".into()))]
        );
    }

    fn shape(prefixes: &str) -> Shape {
        let bench = Workbench::new([]);
        let filter: millrace_component::MetadataFilter = bench
            .read(&format!("include_prefixes: {prefixes}"))
            .expect("a filter");
        let interpolated = |text| Interpolated::compile(text).expect("a text");
        Shape {
            topic: interpolated("t-${! json(\"n\") }"),
            key: Some(interpolated("${! @k }")),
            partition: Some(interpolated("${! json(\"n\") }")),
            timestamp_ms: None,
            headers: filter.compile(),
        }
    }

    #[test]
    fn a_message_becomes_the_record_that_its_fields_say() {
        let mut message = Message::from(r#"{"n":7}"#);
        message.metadata.set("k", "key");
        message.metadata.set("other", "x");
        let made = shape("[k]").record(&message.into(), 0).expect("a record");
        assert_eq!((&*made.topic, made.partition), ("t-7", Some(7)));
        assert_eq!(made.key.as_deref(), Some(&b"key"[..]));
        assert_eq!(made.headers, [("k".into(), Some("key".into()))]);
    }

    #[test]
    fn a_partition_that_is_no_number_is_refused_by_its_text() {
        let mut message = Message::from(r#"{"n":"x"}"#);
        message.metadata.set("k", "key");
        let error = shape("[]")
            .record(&message.into(), 0)
            .expect_err("no number");
        assert_eq!(error.text(), "partition: expected an integer, found `x`");
    }
}
