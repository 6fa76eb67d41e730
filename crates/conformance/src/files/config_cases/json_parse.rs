//! `json_parse`: which payloads are JSON.

use millrace_message::Message;
use serde_json::Value as Json;

use crate::rows::text;
use crate::verdict::{Failure, Pass, Verdict};

/// Parses the payload of a row.
pub fn run(row: &Json) -> Verdict {
    let message = Message::from(text(row, "input")?);
    match (&row["expect"]["error"], message.value()) {
        (Json::Null, Ok(_)) | (Json::String(_), Err(_)) => Ok(Pass::Ran),
        (expected, found) => Err(Failure::differs(
            format!("the error {expected}"),
            format!("{found:?}"),
        )),
    }
}
