//! Values that are written in Rust: defaults and examples.

use crate::{Entry, Node, Resolved, Scalar, Value};
use std::borrow::Cow;

/// A constant of a field table.
#[derive(Clone, PartialEq, Debug)]
pub enum Literal {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A positive integer beyond `i64`.
    UInt(u64),
    /// A number with a fraction.
    Float(f64),
    /// A string.
    String(Cow<'static, str>),
    /// A list.
    List(Vec<Literal>),
    /// An object, in order.
    Map(Vec<(Cow<'static, str>, Literal)>),
}

impl Literal {
    /// Changes every string value below this one; `change` gives `None` for those that stay.
    pub fn change_strings(&mut self, change: &impl Fn(&str) -> Option<String>) {
        match self {
            Self::String(text) => {
                if let Some(changed) = change(text) {
                    *text = changed.into();
                }
            }
            Self::List(items) => items.iter_mut().for_each(|it| it.change_strings(change)),
            Self::Map(entries) => {
                let values = entries.iter_mut().map(|(_, value)| value);
                values.for_each(|it| it.change_strings(change));
            }
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::UInt(_) | Self::Float(_) => {}
        }
    }

    /// Whether two values mean the same: numbers by value, objects without regard to order.
    pub fn means_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Int(int), Self::Float(float)) | (Self::Float(float), Self::Int(int)) => {
                *int as f64 == *float
            }
            (Self::List(these), Self::List(those)) => {
                these.len() == those.len()
                    && these
                        .iter()
                        .zip(those)
                        .all(|(this, that)| this.means_same(that))
            }
            (Self::Map(these), Self::Map(those)) => {
                let get = |key: &str| those.iter().find(|(it, _)| it == key).map(|(_, it)| it);
                these.len() == those.len()
                    && these
                        .iter()
                        .all(|(key, it)| get(key).is_some_and(|that| it.means_same(that)))
            }
            (this, that) => this == that,
        }
    }

    /// Whether it is an empty list, object or text, or null.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::String(text) => text.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Map(entries) => entries.is_empty(),
            _ => false,
        }
    }
}

impl From<bool> for Literal {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Literal {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for Literal {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&'static str> for Literal {
    fn from(value: &'static str) -> Self {
        Self::String(Cow::Borrowed(value))
    }
}

impl From<String> for Literal {
    fn from(value: String) -> Self {
        Self::String(Cow::Owned(value))
    }
}

impl<T: Into<Literal>> From<Vec<T>> for Literal {
    fn from(items: Vec<T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

impl From<&Scalar> for Literal {
    fn from(scalar: &Scalar) -> Self {
        match scalar.resolved {
            Resolved::Null => Self::Null,
            Resolved::Bool(value) => Self::Bool(value),
            Resolved::Int(value) => Self::Int(value),
            Resolved::UInt(value) => Self::UInt(value),
            Resolved::Float(value) => Self::Float(value),
            Resolved::String => Self::String(Cow::Owned(scalar.text.to_string())),
        }
    }
}

impl From<&Node> for Literal {
    fn from(node: &Node) -> Self {
        match &node.value {
            Value::Scalar(scalar) => scalar.into(),
            Value::Sequence(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Mapping(map) => {
                let entry = |it: &Entry| (Cow::Owned(it.key.to_string()), Self::from(&it.value));
                Self::Map(map.entries.iter().map(entry).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::InterpolatedText;
    use crate::tree;
    use millrace_diagnostics::{Diagnostics, SourceMap};

    #[test]
    fn a_literal_becomes_the_node_that_its_text_is() {
        let text = "{a: [1, x, null]}";
        let sources = SourceMap::new();
        let source = InterpolatedText::verbatim(text, sources.add("literal", text));
        let node = tree::parse(&source, &mut Diagnostics::new()).expect("the text is YAML");
        let list = Literal::List(vec![1.into(), "x".into(), Literal::Null]);
        let literal = Literal::Map(vec![("a".into(), list)]);
        assert_eq!(Literal::from(&node), literal);
        assert_eq!(
            Literal::from(&Node::from_literal(&literal, node.span)),
            literal
        );
    }
}
