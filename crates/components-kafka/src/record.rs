//! Messages as records, and records as messages.

mod read;

use bytes::Bytes;
use millrace_component::{Interpolated, MetadataExclusion, NameFilter};
use millrace_kafka_client::NewRecord;
use millrace_message::{Error, Message, MessageBatch, Metadata, Value};

pub use read::{Naming, Style, to_message};

/// The header of a record that makes it part of a trace (W3C Trace Context).
const TRACE_PARENT: &str = "traceparent";

/// Which metadata become headers.
pub enum Headers {
    Include(NameFilter),
    Exclude(MetadataExclusion),
}

impl Headers {
    fn is_empty(&self) -> bool {
        matches!(self, Self::Include(names) if names.is_empty())
    }

    fn includes(&self, name: &str) -> bool {
        match self {
            Self::Include(names) => names.includes(name),
            Self::Exclude(names) => !names.excludes(name),
        }
    }
}

/// What an interpolated key gives for a record without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoKey {
    /// Nothing: an empty key is one.
    Never,
    Empty,
    EmptyOrNull,
}

impl NoKey {
    fn is_none(self, key: &[u8]) -> bool {
        match self {
            Self::Never => false,
            Self::Empty => key.is_empty(),
            Self::EmptyOrNull => key.is_empty() || key == b"null",
        }
    }
}

/// How a message becomes a record.
pub struct Shape {
    pub topic: Interpolated,
    pub key: Option<Interpolated>,
    pub no_key: NoKey,
    pub partition: Option<Interpolated>,
    pub timestamp_ms: Option<Interpolated>,
    pub headers: Headers,
    /// Headers of every record, behind those.
    pub static_headers: Vec<(Bytes, Option<Bytes>)>,
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
            key: key
                .filter(|it| !self.no_key.is_none(it))
                .map(|it| Bytes::from(it.into_owned())),
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
        headers.extend(self.static_headers.iter().cloned());
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
    use std::sync::Arc;

    use super::*;
    use millrace_component::conformance::Workbench;
    use millrace_message::Context;

    #[test]
    fn a_message_of_a_trace_carries_it_in_a_header() {
        let mut message = Message::from(r#"{"n":1}"#);
        message.set_context(Some(Arc::new(Context {
            trace_parent: Some("00-1-2-01".into()),
            ..Context::default()
        })));
        let sent = shape("[]").record(&message.into(), 0).expect("a record");
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
            headers: Headers::Include(filter.compile()),
            static_headers: Vec::new(),
            no_key: NoKey::Never,
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
    fn what_stands_for_no_key_makes_none_and_other_headers_come_last() {
        let mut shape = shape("['']");
        shape.static_headers = vec![("s".into(), Some("1".into()))];
        let key = |shape: &Shape, key: &str| {
            let mut message = Message::from(r#"{"n":7}"#);
            message.metadata.set("k", key);
            shape.record(&message.into(), 0).expect("a record")
        };
        let made = key(&shape, "");
        assert_eq!(made.key.as_deref(), Some(&b""[..]));
        let expected = [
            ("k".into(), Some("".into())),
            ("s".into(), Some("1".into())),
        ];
        assert_eq!(made.headers, expected);
        shape.no_key = NoKey::Empty;
        assert_eq!(key(&shape, "").key, None);
        assert!(key(&shape, "null").key.is_some());
        shape.no_key = NoKey::EmptyOrNull;
        assert_eq!(key(&shape, "null").key, None);
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
