//! Records as messages.

use std::sync::Arc;

use bytes::Bytes;
use millrace_kafka_client::Record;
use millrace_message::{Context, Message, Metadata, Text, Value};

use super::TRACE_PARENT;

/// How what is beside the value of a record is called in metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Log,
    Kafka,
    KafkaFranz,
}

/// How metadata are made of a record.
#[derive(Clone, Copy, Debug)]
pub struct Naming {
    pub style: Style,
    /// Whether each header is a list, of all its values.
    pub multi_header: bool,
}

impl Naming {
    pub fn of(style: Style) -> Self {
        Self {
            style,
            multi_header: false,
        }
    }

    /// Whether it tells how many records are behind one.
    pub fn has_lag(&self) -> bool {
        self.style == Style::Kafka
    }
}

/// The message of a record; its payload shares the memory of what was fetched. `lag` is how many
/// records are behind it, where that is told.
pub fn to_message(record: Record, naming: &Naming, lag: Option<i64>) -> Message {
    let mut message = Message::from_bytes(record.value.clone().unwrap_or_default());
    let entries = &mut message.metadata;
    // Where a header has the name of another entry, the later one stays.
    match naming.style {
        Style::Kafka => {
            set_headers(entries, &record, naming);
            set_place(entries, &record, naming.style);
        }
        Style::Log | Style::KafkaFranz => {
            set_place(entries, &record, naming.style);
            set_headers(entries, &record, naming);
        }
    }
    if let Some(lag) = lag {
        entries.set("kafka_lag", Value::I64(lag));
    }
    if let Some(trace_parent) = trace_parent(&record) {
        message.set_context(Some(Arc::new(Context {
            trace_parent: Some(trace_parent.into()),
            ..Context::default()
        })));
    }
    message
}

/// Where the record stands.
fn set_place(entries: &mut Metadata, record: &Record, style: Style) {
    match (&record.key, style) {
        (Some(key), _) => entries.set("kafka_key", text_or_bytes(key)),
        (None, Style::Kafka) => entries.set("kafka_key", ""),
        (None, _) => {}
    }
    entries.set("kafka_topic", Text::from(&*record.topic));
    entries.set("kafka_partition", Value::I64(record.partition.into()));
    entries.set("kafka_offset", Value::I64(record.offset));
    let millis = match style {
        Style::Log => "kafka_timestamp_ms",
        Style::Kafka | Style::KafkaFranz => "kafka_timestamp_unix_ms",
    };
    entries.set(millis, Value::I64(record.timestamp));
    entries.set(
        "kafka_timestamp_unix",
        Value::I64(record.timestamp.div_euclid(1000)),
    );
    entries.set(
        "kafka_tombstone_message",
        Value::Bool(record.value.is_none()),
    );
}

fn set_headers(entries: &mut Metadata, record: &Record, naming: &Naming) {
    for (at, (name, value)) in record.headers.iter().enumerate() {
        let text = Text::from(&*String::from_utf8_lossy(name));
        if !naming.multi_header {
            entries.set(text, header_value(value.as_ref()));
            continue;
        }
        let is_same = |it: &&(Bytes, Option<Bytes>)| it.0 == *name;
        if record.headers[..at].iter().any(|it| is_same(&it)) {
            continue;
        }
        let values = record.headers[at..].iter().filter(is_same);
        let values: Vec<_> = values.map(|it| header_value(it.1.as_ref())).collect();
        entries.set(text, values);
    }
}

fn header_value(value: Option<&Bytes>) -> Value {
    value.map_or_else(|| Value::from(""), text_or_bytes)
}

fn trace_parent(record: &Record) -> Option<&str> {
    let mut headers = record.headers.iter().rev();
    let found = headers.find(|(name, _)| name == TRACE_PARENT)?;
    std::str::from_utf8(found.1.as_ref()?).ok()
}

/// The bytes as text where they are that.
fn text_or_bytes(bytes: &Bytes) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => Value::from(text),
        Err(_) => Value::from(bytes.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let naming = Naming::of(Style::Log);
        let record = record(Some("x"), vec![("a", Some("1")), ("b", None)]);
        let message = to_message(record, &naming, None);
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
        let message = to_message(record(None, Vec::new()), &Naming::of(Style::Log), None);
        assert!(message.bytes().is_empty());
        assert_eq!(text(&message, "kafka_tombstone_message"), "true");
    }

    #[test]
    fn each_style_has_its_names_and_its_order_of_headers() {
        let headers = || vec![("kafka_topic", Some("of a header"))];
        let of = |style, lag| to_message(record(Some("x"), headers()), &Naming::of(style), lag);
        let kafka = of(Style::Kafka, Some(4));
        assert_eq!(text(&kafka, "kafka_topic"), "orders");
        assert_eq!(text(&kafka, "kafka_lag"), "4");
        assert_eq!(text(&kafka, "kafka_timestamp_unix_ms"), "1500");
        let franz = of(Style::KafkaFranz, None);
        assert_eq!(text(&franz, "kafka_topic"), "of a header");
        assert!(franz.metadata.get("kafka_lag").is_none());
        let keyless = |style| {
            let mut record = record(Some("x"), Vec::new());
            record.key = None;
            to_message(record, &Naming::of(style), None)
        };
        assert!(keyless(Style::Kafka).metadata.get("kafka_key").is_some());
        let franz = keyless(Style::KafkaFranz);
        assert!(franz.metadata.get("kafka_key").is_none());
    }

    #[test]
    fn a_header_is_a_list_of_its_values_where_that_is_asked_for() {
        let headers = vec![("a", Some("1")), ("b", Some("2")), ("a", Some("3"))];
        let mut naming = Naming::of(Style::KafkaFranz);
        let single = to_message(record(Some("x"), headers.clone()), &naming, None);
        assert_eq!(text(&single, "a"), "3");
        naming.multi_header = true;
        let multi = to_message(record(Some("x"), headers), &naming, None);
        assert_eq!(text(&multi, "a"), r#"["1","3"]"#);
        assert_eq!(text(&multi, "b"), r#"["2"]"#);
    }

    #[test]
    fn a_trace_is_found_in_its_header() {
        let record = record(Some("x"), vec![("traceparent", Some("00-1-2-01"))]);
        let message = to_message(record, &Naming::of(Style::Log), None);
        let parent = message.context().and_then(|it| it.trace_parent.as_deref());
        assert_eq!(parent, Some("00-1-2-01"));
    }
}
