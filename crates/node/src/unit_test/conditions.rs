//! What a message that comes out must be like.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use millrace_component::{Pattern, Query, read_file};
use millrace_message::{Message, Value};
use millrace_spec::diagnostics::Span;
use millrace_spec::{OrderedMap, Spec};

use super::case::{FILE_BYTES_MAX, Given};
use super::document::{Document, JsonText};
use super::json_difference::{Comparison, compare};

/// Conditions on one message; all of them must hold.
#[derive(Clone, Debug, Spec)]
pub struct Conditions {
    /// A mapping that gives true for the message.
    #[spec(example = "this.age > 10 && @key.length() > 0")]
    pub bloblang: Option<Given<Query>>,
    /// The content, byte by byte.
    pub content_equals: Option<Given<String>>,
    /// A regular expression (RE2) that matches somewhere in the content.
    #[spec(example = "^foo [a-z]+ bar$")]
    pub content_matches: Option<Given<Pattern>>,
    /// Metadata that the message has, among other.
    #[spec(example = {"key": "value"})]
    pub metadata_equals: Option<Given<OrderedMap<Document>>>,
    /// A file with the content, relative to the config.
    #[spec(example = "./foo/bar.txt")]
    pub file_equals: Option<Given<String>>,
    /// A file with a JSON document that the content is equal to, whatever their form.
    #[spec(example = "./foo/bar.json")]
    pub file_json_equals: Option<Given<String>>,
    /// A JSON document that the content is equal to, whatever their form.
    #[spec(example = {"key": "value"})]
    pub json_equals: Option<Given<JsonText>>,
    /// A JSON document of which the content has every member, among other; of an array, its first
    /// elements.
    #[spec(example = {"key": "value"})]
    pub json_contains: Option<Given<JsonText>>,
    /// As `json_contains`, with the document in a file.
    #[spec(example = "./foo/bar.json")]
    pub file_json_contains: Option<Given<String>>,
}

/// A condition that a message does not meet.
#[derive(Clone, Debug)]
pub struct Unmet {
    /// The name of the condition.
    pub condition: &'static str,
    /// Why; over several lines where something is compared.
    pub reason: String,
    /// Where the condition stands.
    pub span: Span,
}

impl Conditions {
    /// The conditions that a message does not meet, by name. Files are found from `directory`.
    pub fn check(&self, message: &Message, directory: &Path) -> Vec<Unmet> {
        let mut unmet = Vec::new();
        let file = |path: &str| File(directory.join(path));
        let mut note = |condition, span, result: Result<(), String>| {
            if let Err(reason) = result {
                unmet.push(Unmet {
                    condition,
                    reason,
                    span,
                });
            }
        };
        if let Some(Given { value, span }) = &self.bloblang {
            note("bloblang", *span, holds(value, message));
        }
        if let Some(Given { value, span }) = &self.content_equals {
            note("content_equals", *span, equals(message, value.as_bytes()));
        }
        if let Some(Given { value, span }) = &self.content_matches {
            note("content_matches", *span, matches(value, message));
        }
        if let Some(Given { value, span }) = &self.file_equals {
            let content = file(value).read("comparison file");
            let result = content.and_then(|content| equals(message, &content));
            note("file_equals", *span, result);
        }
        if let Some(Given { value, span }) = &self.file_json_contains {
            let expected = file(value).read_json();
            let result = expected.and_then(|it| json_contains(message, &it));
            note("file_json_contains", *span, result);
        }
        if let Some(Given { value, span }) = &self.file_json_equals {
            let expected = file(value).read_json();
            let result = expected.and_then(|it| json_equals(message, &it));
            note("file_json_equals", *span, result);
        }
        if let Some(Given { value, span }) = &self.json_contains {
            note("json_contains", *span, json_contains(message, &value.0));
        }
        if let Some(Given { value, span }) = &self.json_equals {
            note("json_equals", *span, json_equals(message, &value.0));
        }
        if let Some(Given { value, span }) = &self.metadata_equals {
            note("metadata_equals", *span, has_metadata(message, value));
        }
        unmet
    }
}

/// The reason that shows what was expected and what came.
fn mismatch(what: &str, expected: &[u8], received: &[u8]) -> String {
    let text = String::from_utf8_lossy;
    let (expected, received) = (text(expected), text(received));
    format!("{what}\n  expected: {expected}\n  received: {received}")
}

fn holds(query: &Query, message: &Message) -> Result<(), String> {
    match query.check(std::slice::from_ref(message), 0) {
        Ok(true) => Ok(()),
        Ok(false) => Err("bloblang expression was false".to_owned()),
        Err(error) => Err(error.text().to_owned()),
    }
}

fn equals(message: &Message, expected: &[u8]) -> Result<(), String> {
    let received = message.bytes();
    if received[..] == *expected {
        return Ok(());
    }
    Err(mismatch("content mismatch", expected, received))
}

fn json_equals(message: &Message, expected: &Value) -> Result<(), String> {
    let comparison = Comparison::default();
    check_json(message, expected, comparison, "JSON content mismatch")
}

fn json_contains(message: &Message, expected: &Value) -> Result<(), String> {
    let comparison = Comparison {
        may_have_more: true,
    };
    check_json(message, expected, comparison, "JSON superset mismatch")
}

fn check_json(
    message: &Message,
    expected: &Value,
    comparison: Comparison,
    what: &str,
) -> Result<(), String> {
    // What goes out is compared: a timestamp is a text there, as bytes are.
    let received = match Value::parse_json(message.bytes().clone()) {
        Ok(received) => received,
        Err(error) => {
            let what = format!("{what}: the content is not JSON: {error}");
            return Err(mismatch(&what, &expected.to_json(), message.bytes()));
        }
    };
    let differences = compare(&received, expected, comparison);
    if differences.is_empty() {
        return Ok(());
    }
    let mut reason = mismatch(what, &expected.to_json(), &received.to_json());
    for difference in differences {
        reason.push_str("\n  ");
        reason.push_str(&difference);
    }
    Err(reason)
}

fn has_metadata(message: &Message, expected: &OrderedMap<Document>) -> Result<(), String> {
    for (key, Document(expected)) in &expected.0 {
        let Some(received) = message.metadata.get(key) else {
            return Err(format!("metadata key '{key}' expected but not found"));
        };
        if !expected.loosely_equals(received) {
            let what = format!("metadata key '{key}' mismatch");
            let (expected, received) = told_apart(expected, received);
            return Err(mismatch(&what, expected.as_bytes(), received.as_bytes()));
        }
    }
    Ok(())
}

/// Two values as texts; when these are the same, each with its type.
fn told_apart(expected: &Value, received: &Value) -> (String, String) {
    let text = |value: &Value| String::from_utf8_lossy(value.to_text().as_bytes()).into_owned();
    let (one, other) = (text(expected), text(received));
    if one != other {
        return (one, other);
    }
    let typed = |value: &Value, text: String| format!("{text} (a {})", value.kind());
    (typed(expected, one), typed(received, other))
}

fn matches(pattern: &Pattern, message: &Message) -> Result<(), String> {
    let received = String::from_utf8_lossy(message.bytes());
    if pattern.regex().is_match(&received) {
        return Ok(());
    }
    let pattern = pattern.as_str();
    Err(format!(
        "pattern mismatch\n   pattern: {pattern}\n  received: {received}"
    ))
}

/// A file that a condition names.
struct File(PathBuf);

impl File {
    fn read(&self, what: &str) -> Result<Vec<u8>, String> {
        let read = read_file(&self.0, FILE_BYTES_MAX);
        read.map_err(|error| format!("read {what} {}: {error}", self.0.display()))
    }

    fn read_json(&self) -> Result<Value, String> {
        let content = Bytes::from(self.read("comparison JSON file")?);
        Value::parse_json(content)
            .map_err(|error| format!("comparison file {} is not JSON: {error}", self.0.display()))
    }
}
