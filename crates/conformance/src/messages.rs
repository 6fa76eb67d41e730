//! Messages as rows write them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use millrace_message::{Error, Fault, Message};
use serde_json::Value as Json;

use crate::compare::{ours, theirs};
use crate::rows::{entries, only};
use crate::verdict::Failure;

/// The message that a row describes: `content` or `content_b64`, `meta`, and the error flag.
///
/// # Errors
/// It says something that is not known here.
pub fn message(row: &Json) -> Result<Message, Failure> {
    only(row, &["content", "content_b64", "meta", "error", "err"])?;
    let mut message = Message::from_bytes(content(row)?);
    for (name, value) in entries(row, "meta") {
        message.metadata.set(name.as_str(), ours(value));
    }
    if let Some(error) = row["error"].as_str().or_else(|| row["err"].as_str()) {
        message.set_fault(Fault {
            component: "test".into(),
            path: "root".into(),
            label: "".into(),
            cause: Error::rejected(error),
        });
    }
    Ok(message)
}

fn content(row: &Json) -> Result<Vec<u8>, Failure> {
    match (&row["content"], &row["content_b64"]) {
        (Json::String(text), _) => Ok(text.clone().into_bytes()),
        (_, Json::String(text)) => bytes(text),
        (Json::Null, Json::Null) => Ok(Vec::new()),
        _ => Err(Failure::misread("the content is no text")),
    }
}

/// Bytes that stand as base64.
///
/// # Errors
/// They do not.
pub fn bytes(base64: &str) -> Result<Vec<u8>, Failure> {
    STANDARD
        .decode(base64)
        .map_err(|error| Failure::misread(format!("`{base64}` is no base64: {error}")))
}

/// The metadata of a message.
pub fn metadata(message: &Message) -> Json {
    message
        .metadata
        .iter()
        .map(|(key, value)| (key.to_string(), theirs(value)))
        .collect()
}

/// The payload of a message as text.
pub fn text(message: &Message) -> String {
    String::from_utf8_lossy(message.bytes()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_message_is_what_its_row_says() {
        let row = json!({"content_b64": "aGk=", "meta": {"a": 1}, "error": "bad"});
        let message = message(&row).expect("a message");
        assert_eq!(text(&message), "hi");
        assert_eq!(metadata(&message), json!({"a": 1}));
        assert_eq!(message.fault().expect("a fault").cause.text(), "bad");
        for row in [
            json!({"contents": "x"}),
            json!({"content": 7}),
            json!({"content_b64": "%"}),
        ] {
            assert!(super::message(&row).is_err(), "{row}");
        }
    }
}
