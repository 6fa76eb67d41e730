//! How a batch is written into a row.
//!
//! ```text
//! row       1 (version) · u32 messages · message…
//! message   bytes payload · u32 entries · (text key · value)… · fault · context
//! value     0 bytes JSON | 1 text | 2 bytes | 3 text timestamp with zone
//! fault     0 | 1 u8 class · text component · text path · text label · text cause
//! context   0 | 1 text traceparent
//! bytes     u32 length · content          integers are little endian
//! ```

use std::sync::Arc;

use bytes::{Buf, Bytes};
use millrace_message::{Context, Error, ErrorClass, Fault, Message, MessageBatch, Value};

const VERSION: u8 = 1;
/// The beginning of a row, which says how many messages are in it.
pub const HEAD_BYTES: i64 = 5;
const CLASSES: [ErrorClass; 5] = [
    ErrorClass::NotConnected,
    ErrorClass::EndOfInput,
    ErrorClass::Rejected,
    ErrorClass::Retry,
    ErrorClass::Fatal,
];

/// Writes a batch.
///
/// # Errors
/// `Rejected`: a message is longer than 4 GiB.
pub fn encode(batch: &[Message]) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(64 + batch.iter().map(|it| it.bytes().len()).sum::<usize>());
    out.push(VERSION);
    put_count(&mut out, batch.len())?;
    for message in batch {
        put_bytes(&mut out, message.bytes())?;
        put_count(&mut out, message.metadata.len())?;
        for (key, value) in message.metadata.iter() {
            put_bytes(&mut out, key.as_bytes())?;
            put_value(&mut out, value)?;
        }
        put_fault(&mut out, message.fault().map(AsRef::as_ref))?;
        let parent = message.context().and_then(|it| it.trace_parent.as_deref());
        out.push(u8::from(parent.is_some()));
        if let Some(parent) = parent {
            put_bytes(&mut out, parent.as_bytes())?;
        }
    }
    Ok(out)
}

fn put_count(out: &mut Vec<u8>, count: usize) -> Result<(), Error> {
    let count = u32::try_from(count)
        .map_err(|_| Error::rejected("the message is too long for the buffer"))?;
    out.extend_from_slice(&count.to_le_bytes());
    Ok(())
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Error> {
    put_count(out, bytes.len())?;
    out.extend_from_slice(bytes);
    Ok(())
}

fn put_value(out: &mut Vec<u8>, value: &Value) -> Result<(), Error> {
    match value {
        Value::String(text) => {
            out.push(1);
            put_bytes(out, text.as_bytes())
        }
        Value::Bytes(bytes) => {
            out.push(2);
            put_bytes(out, bytes)
        }
        Value::Timestamp(at) => {
            out.push(3);
            put_bytes(out, at.to_string().as_bytes())
        }
        other => {
            out.push(0);
            put_bytes(out, &other.to_json())
        }
    }
}

fn put_fault(out: &mut Vec<u8>, fault: Option<&Fault>) -> Result<(), Error> {
    let Some(fault) = fault else {
        out.push(0);
        return Ok(());
    };
    let class = CLASSES.iter().position(|it| *it == fault.cause.class());
    out.push(1);
    out.push(class.and_then(|it| u8::try_from(it).ok()).unwrap_or(3));
    for text in [
        &*fault.component,
        &*fault.path,
        &*fault.label,
        fault.cause.text(),
    ] {
        put_bytes(out, text.as_bytes())?;
    }
    Ok(())
}

/// How many messages are in the row that begins like this; `None` when it is not one.
pub fn count_in(mut head: &[u8]) -> Option<u32> {
    (head.try_get_u8().ok()? == VERSION).then_some(())?;
    head.try_get_u32_le().ok()
}

/// Reads a batch; its payloads share the bytes of the row. `None` when it is not one.
pub fn decode(mut row: Bytes) -> Option<MessageBatch> {
    if row.try_get_u8().ok()? != VERSION {
        return None;
    }
    let count = row.try_get_u32_le().ok()?;
    let mut batch = MessageBatch::new();
    for _ in 0..count {
        let mut message = Message::from_bytes(take_bytes(&mut row)?);
        for _ in 0..row.try_get_u32_le().ok()? {
            let key = take_text(&mut row)?;
            let value = take_value(&mut row)?;
            message.metadata.set(key, value);
        }
        if let Some(fault) = take_fault(&mut row)? {
            message.set_fault(fault);
        }
        if row.try_get_u8().ok()? == 1 {
            let context = Context {
                trace_parent: Some(take_text(&mut row)?.into_boxed_str()),
                ..Context::default()
            };
            message.set_context(Some(Arc::new(context)));
        }
        batch.push(message);
    }
    row.is_empty().then_some(batch)
}

fn take_bytes(row: &mut Bytes) -> Option<Bytes> {
    let length = row.try_get_u32_le().ok()? as usize;
    (length <= row.len()).then(|| row.split_to(length))
}

fn take_text(row: &mut Bytes) -> Option<String> {
    String::from_utf8(take_bytes(row)?.into()).ok()
}

fn take_value(row: &mut Bytes) -> Option<Value> {
    let tag = row.try_get_u8().ok()?;
    let bytes = take_bytes(row)?;
    match tag {
        0 => Value::parse_json(bytes).ok(),
        1 => Some(Value::from(std::str::from_utf8(&bytes).ok()?)),
        2 => Some(Value::from(bytes)),
        3 => {
            let text = std::str::from_utf8(&bytes).ok()?;
            text.parse::<jiff::Zoned>().ok().map(Value::from)
        }
        _ => None,
    }
}

fn take_fault(row: &mut Bytes) -> Option<Option<Fault>> {
    if row.try_get_u8().ok()? == 0 {
        return Some(None);
    }
    let class = *CLASSES.get(usize::from(row.try_get_u8().ok()?))?;
    Some(Some(Fault {
        component: take_text(row)?.into(),
        path: take_text(row)?.into(),
        label: take_text(row)?.into(),
        cause: Error::new(class, take_text(row)?),
    }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends where something is wrong")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(payload: &[u8], metadata: &[(String, String)], is_faulty: bool) -> Message {
        let mut message = Message::from_bytes(Bytes::copy_from_slice(payload));
        for (key, value) in metadata {
            message.metadata.set(key.clone(), value.clone());
        }
        if is_faulty {
            message.set_fault(Fault {
                component: "mapping".into(),
                path: "root.p".into(),
                label: "".into(),
                cause: Error::rejected("no"),
            });
        }
        message
    }

    proptest! {
        #[test]
        fn a_batch_comes_back_as_it_was(
            payloads in proptest::collection::vec(any::<Vec<u8>>(), 0..5),
            metadata in proptest::collection::vec(("\\PC{0,8}", "\\PC{0,8}"), 0..4),
            is_faulty in any::<bool>(),
        ) {
            let batch: Vec<_> = payloads.iter().map(|it| message(it, &metadata, is_faulty)).collect();
            let read = decode(encode(&batch).unwrap().into()).unwrap();
            prop_assert_eq!(read.len(), batch.len());
            for (one, other) in read.iter().zip(&batch) {
                prop_assert_eq!(one.bytes(), other.bytes());
                prop_assert_eq!(&one.metadata, &other.metadata);
                let text = |it: &Message| it.fault().map(|it| format!("{it:?}"));
                prop_assert_eq!(text(one), text(other));
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(row in any::<Vec<u8>>()) {
            let _read = decode([vec![VERSION], row].concat().into());
        }
    }

    #[test]
    fn metadata_keeps_its_types() {
        let mut message = Message::from("x");
        let at: jiff::Zoned = "2024-02-03T04:05:06+01:00[Europe/Berlin]".parse().unwrap();
        message.metadata.set("at", at);
        message.metadata.set("raw", vec![0_u8, 255]);
        message.metadata.set("n", 7_i64);
        message.metadata.set("none", Value::Null);
        let read = decode(encode(&[message.clone()]).unwrap().into()).unwrap();
        assert_eq!(read[0].metadata, message.metadata);
    }

    #[test]
    fn a_torn_row_is_refused() {
        let row = encode(&[message(b"payload", &[("k".into(), "v".into())], true)]).unwrap();
        for length in 0..row.len() {
            assert!(
                decode(Bytes::copy_from_slice(&row[..length])).is_none(),
                "{length}"
            );
        }
    }
}
