//! How records are printed.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use millrace_kafka_client::Record;
use millrace_spec::Literal;
use millrace_spec::render::emit;

use super::super::kafka::{number, object, text};

#[derive(Clone, Copy)]
pub enum Format {
    /// Values, each with a line break behind it.
    Raw,
    /// An object in one line for each record.
    Json,
}

impl Format {
    /// Prints records to the standard output, as a whole.
    pub fn print(self, records: &[Record]) -> io::Result<()> {
        let mut out = Vec::new();
        for record in records {
            match self {
                Self::Raw => out.extend_from_slice(record.value.as_deref().unwrap_or_default()),
                Self::Json => out.extend_from_slice(emit::json(&json(record)).as_bytes()),
            }
            out.push(b'\n');
        }
        let mut stdout = io::stdout().lock();
        stdout.write_all(&out)?;
        stdout.flush()
    }
}

fn json(record: &Record) -> Literal {
    let headers = record.headers.iter().map(|(key, value)| {
        let name = String::from_utf8_lossy(key).into_owned();
        let (field, value) = bytes("value", "value_base64", value.as_deref());
        object([("key", text(name)), (field, value)])
    });
    object([
        ("topic", text(&*record.topic)),
        ("partition", number(record.partition)),
        ("offset", number(record.offset)),
        ("timestamp", number(record.timestamp)),
        bytes("key", "key_base64", record.key.as_deref()),
        bytes("value", "value_base64", record.value.as_deref()),
        ("headers", Literal::List(headers.collect())),
    ])
}

/// Bytes as text, or in base64 under another name where they are none.
pub fn bytes(
    name: &'static str,
    encoded: &'static str,
    value: Option<&[u8]>,
) -> (&'static str, Literal) {
    match value.map(|it| (std::str::from_utf8(it), it)) {
        None => (name, Literal::Null),
        Some((Ok(plain), _)) => (name, text(plain)),
        Some((Err(_), raw)) => (encoded, text(STANDARD.encode(raw))),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_record_is_an_object_and_what_is_no_text_is_base64() {
        let record = Record {
            topic: "t".into(),
            partition: 1,
            offset: 5,
            timestamp: 9,
            key: Some(Bytes::from_static(b"k\"")),
            value: Some(Bytes::from_static(&[0xff])),
            headers: vec![(Bytes::from_static(b"h"), None)],
        };
        assert_eq!(
            emit::json(&json(&record)),
            r#"{"topic":"t","partition":1,"offset":5,"timestamp":9,"key":"k\"","value_base64":"/w==","headers":[{"key":"h","value":null}]}"#
        );
    }
}
