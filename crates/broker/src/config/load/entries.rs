//! The entries of a file: keys within keys joined by dots, and what their values say as texts.

use millrace_spec::{ByteSize, Duration, Node, Value};

use super::integer;
use crate::config::key::{Key, Kind};
use crate::config::value::Invalid;

use millrace_diagnostics::Span;

/// Keys whose values are pairs, so that they may be written as an object.
const PAIRS: &[&str] = &[
    "listener.security.protocol.map",
    "max.connections.per.ip.overrides",
];

/// No key is longer; of one that is only the beginning is shown.
const MAX_NAME_BYTES: usize = 200;

/// A key with its value.
pub(super) struct Entry<'a> {
    /// The key as it is written, with dots between the keys of objects within each other.
    pub written: String,
    /// Where the key stands.
    pub span: Span,
    pub value: &'a Node,
}

/// Why a value has no text.
pub(super) enum NoText<'a> {
    /// It leaves the key unset.
    Unset,
    /// It is of another type.
    Wrong(&'a Node),
}

/// The entries below a node; the node itself when it is none that has entries.
pub(super) fn entries(root: &Node) -> Result<Vec<Entry<'_>>, &Node> {
    let mut found = Vec::new();
    if root.is_null() {
        return Ok(found);
    }
    if root.as_mapping().is_none() {
        return Err(root);
    }
    flatten(root, "", &mut found);
    Ok(found)
}

fn flatten<'a>(node: &'a Node, path: &str, found: &mut Vec<Entry<'a>>) {
    let Some(mapping) = node.as_mapping() else {
        return;
    };
    for entry in mapping.entries.iter() {
        let key = &entry.key[..entry.key.floor_char_boundary(MAX_NAME_BYTES)];
        let written = match path {
            "" => key.to_owned(),
            _ => format!("{path}.{key}"),
        };
        // What stands below a name of this length has no name that is known.
        let is_one_value = entry.value.as_mapping().is_none()
            || written.len() > MAX_NAME_BYTES
            || PAIRS.contains(&&*written.replace('_', "."));
        match is_one_value {
            true => found.push(Entry {
                written,
                span: entry.key_span,
                value: &entry.value,
            }),
            false => flatten(&entry.value, &written, found),
        }
    }
}

impl<'a> Entry<'a> {
    /// What the value says as a text.
    pub(super) fn text(&self, key: &Key) -> Result<String, NoText<'a>> {
        let node = self.value;
        let is_text = matches!(
            key.kind,
            Kind::String | Kind::List | Kind::Class | Kind::Password
        );
        let is_pairs = PAIRS.contains(&key.name);
        match &node.value {
            Value::Scalar(_) if node.is_null() && is_text => Err(NoText::Unset),
            Value::Scalar(_) if node.is_null() => Err(NoText::Wrong(node)),
            Value::Scalar(scalar) if is_text => Ok(scalar.text.to_string()),
            Value::Scalar(scalar) => {
                Ok(integer(scalar.resolved).unwrap_or_else(|| scalar.text.to_string()))
            }
            Value::Sequence(items) if key.kind == Kind::List || is_pairs => {
                let texts: Result<Vec<&str>, _> = items
                    .iter()
                    .map(|item| item.text().ok_or(NoText::Wrong(item)))
                    .collect();
                Ok(texts?.join(","))
            }
            Value::Mapping(mapping) if is_pairs => {
                let pairs: Result<Vec<String>, _> = mapping
                    .entries
                    .iter()
                    .map(|pair| {
                        let value = pair.value.text().ok_or(NoText::Wrong(&pair.value))?;
                        Ok(format!("{}:{value}", pair.key))
                    })
                    .collect();
                Ok(pairs?.join(","))
            }
            _ => Err(NoText::Wrong(node)),
        }
    }
}

/// What may have been meant by a value that a key does not take.
pub(super) fn help(key: &Key, reason: &Invalid, text: &str) -> Option<String> {
    let is_number = matches!(key.kind, Kind::Int | Kind::Long | Kind::Short);
    if !matches!(reason, Invalid::Type(_)) || !is_number {
        return None;
    }
    if key.name.ends_with("bytes") {
        let ByteSize(bytes) = ByteSize::parse(text)?;
        return Some(format!("write {bytes}"));
    }
    let duration = Duration::parse(text).ok()?;
    let millis = key
        .name
        .ends_with("ms")
        .then(|| duration.get().as_millis())?;
    Some(format!("write {millis}"))
}
