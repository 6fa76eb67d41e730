//! What a mapping made, as a config whose places are those of the use.
//!
//! A text, list or object that went through the mapping as it was keeps the place where it stands in
//! the config. What the mapping made itself has the place of the use.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use millrace_diagnostics::Span;
use millrace_message::Value;
use millrace_spec::tree::{MAX_ALIASED_NODES, MAX_DEPTH};
use millrace_spec::{Entry, Mapping, Node, Resolved, Scalar, Value as NodeValue};

use crate::plain::value_of;

/// How many values one mapping may make.
pub(super) const VALUES_MAX: usize = MAX_ALIASED_NODES;

/// Whether what a mapping made has no more values than that; it looks at no more of them.
pub(super) fn is_bounded(value: &Value) -> bool {
    fn count(value: &Value, left: &mut usize, depth: usize) -> bool {
        let Some(rest) = left.checked_sub(1) else {
            return false;
        };
        *left = rest;
        match value {
            // It is refused for its depth.
            _ if depth > MAX_DEPTH => true,
            Value::Array(array) => array.iter().all(|it| count(&it, left, depth + 1)),
            Value::Object(object) => {
                let mut entries = object.entries();
                entries.all(|(_, it)| count(&it, left, depth + 1))
            }
            _ => true,
        }
    }
    count(value, &mut { VALUES_MAX }, 0)
}

/// Turns the values of one use into nodes.
pub(super) struct Places<'n> {
    /// Where each value of the fields stands, by its JSON; `None` for one that stands in two places.
    known: HashMap<Bytes, Option<&'n Node>>,
    /// The place of everything else.
    otherwise: Span,
}

impl<'n> Places<'n> {
    /// The places below `fields`.
    pub fn of(fields: &'n Node, otherwise: Span) -> Self {
        let mut places = Self {
            known: HashMap::new(),
            otherwise,
        };
        // The fields together are never what is made of them.
        for entry in fields.as_mapping().map_or(&[][..], |it| &it.entries) {
            places.add(&entry.value);
        }
        places
    }

    fn add(&mut self, node: &'n Node) {
        let value = match &node.value {
            // A string field takes a number by its text.
            NodeValue::Scalar(scalar) => Value::from(&*scalar.text),
            _ => value_of(node),
        };
        if can_be_told_apart(&value) {
            let place = self.known.entry(value.to_json());
            place.and_modify(|it| *it = None).or_insert(Some(node));
        }
        match &node.value {
            NodeValue::Scalar(_) => {}
            NodeValue::Sequence(items) => items.iter().for_each(|it| self.add(it)),
            NodeValue::Mapping(map) => map.entries.iter().for_each(|it| self.add(&it.value)),
        }
    }

    /// The node of a value; `None` when it nests too deep for a config.
    pub fn node(&self, value: &Value) -> Option<Node> {
        self.node_at(value, 0)
    }

    fn node_at(&self, value: &Value, depth: usize) -> Option<Node> {
        if depth > MAX_DEPTH {
            return None;
        }
        if can_be_told_apart(value)
            && let Some(Some(known)) = self.known.get(&value.to_json())
        {
            let mut node = (*known).clone();
            if let NodeValue::Scalar(scalar) = &mut node.value {
                scalar.resolved = Resolved::String;
            }
            return Some(node);
        }
        let made = match value {
            Value::Array(array) => {
                let items = array.iter().map(|it| self.node_at(&it, depth + 1));
                NodeValue::Sequence(Arc::new(items.collect::<Option<_>>()?))
            }
            Value::Object(object) => {
                let entry = |(key, value): (_, std::borrow::Cow<'_, Value>)| {
                    Some(Entry {
                        key: Arc::from(AsRef::<str>::as_ref(&key)),
                        key_span: self.otherwise,
                        value: self.node_at(&value, depth + 1)?,
                    })
                };
                let entries = object.entries().map(entry).collect::<Option<_>>()?;
                NodeValue::Mapping(Mapping {
                    entries: Arc::new(entries),
                })
            }
            scalar => NodeValue::Scalar(of_scalar(scalar)),
        };
        Some(Node {
            span: self.otherwise,
            value: made,
        })
    }
}

/// Whether a value says by itself where it comes from: numbers and what is empty do not.
fn can_be_told_apart(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty(),
        Value::Array(array) => !array.is_empty(),
        Value::Object(object) => !object.is_empty(),
        _ => false,
    }
}

fn of_scalar(value: &Value) -> Scalar {
    let text = value.to_text();
    let resolved = match value {
        Value::Null => Resolved::Null,
        Value::Bool(value) => Resolved::Bool(*value),
        Value::I64(value) => Resolved::Int(*value),
        Value::U64(value) => Resolved::UInt(*value),
        Value::F64(_) | Value::Number(_) => millrace_spec::tree::resolve(&text),
        _ => Resolved::String,
    };
    Scalar::new(&text, resolved)
}
