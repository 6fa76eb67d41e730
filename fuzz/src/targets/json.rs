//! Payloads that may be JSON.
//!
//! Asked: what is accepted is what another reader accepts, within our bound of depth; what is
//! printed is read back as the same value and prints as itself.

use bytes::Bytes;
use millrace_message::Value;
use millrace_message::json::{DEPTH_MAX, Reason};

pub(super) fn run(data: &[u8]) {
    let source = Bytes::copy_from_slice(data);
    let ours = Value::parse_json(source);
    match &ours {
        Ok(value) => {
            let printed = value.to_json();
            let again = Value::parse_json(printed.clone())
                .unwrap_or_else(|error| panic!("what was printed is not read: {error:?}"));
            assert_eq!(again.to_json(), printed, "it prints in two ways");
        }
        Err(error) => assert!(error.offset() <= data.len(), "{error:?} lies outside"),
    }
    compare(data, &ours);
}

/// Text is compared with serde_json; it refuses what Go and we repair (bytes that are no UTF-8,
/// lone surrogates) and what is out of the range of a float, which we keep as text.
fn compare(data: &[u8], ours: &Result<Value, millrace_message::json::JsonError>) {
    if std::str::from_utf8(data).is_err() {
        return;
    }
    let theirs: Result<serde_json::Value, _> = serde_json::from_slice(data);
    match (ours, theirs) {
        (Err(error), Ok(_)) => assert!(
            matches!(error.reason(), Reason::TooDeep),
            "{error:?} is accepted by another reader, nesting at most {DEPTH_MAX}"
        ),
        (Ok(_), Err(error)) => {
            let text = error.to_string();
            let known = [
                "number out of range",
                "surrogate",
                "hex escape",
                "recursion limit",
            ];
            assert!(
                known.iter().any(|it| text.contains(it)),
                "another reader refuses it: {text}"
            );
        }
        _ => {}
    }
}
