//! The spanned tree that every config text becomes.
//!
//! Scalars keep the text that was written beside the value it resolves to, because a string field
//! takes `007` as it stands. Mappings keep their order.

use crate::Literal;
use millrace_diagnostics::Span;
use std::ops::Range;
use std::sync::Arc;

/// A value and the place in the file as written where it stands.
#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    /// The place: of the scalar's text with its quotes, of the collection from its first entry.
    pub span: Span,
    /// The value.
    pub value: Value,
}

/// What a node holds.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// A null, boolean, number or string.
    Scalar(Scalar),
    /// A list. Clones share it until one of them changes, so that a copy of a large config costs
    /// what is changed in it.
    Sequence(Arc<Vec<Node>>),
    /// An object.
    Mapping(Mapping),
}

/// A scalar: its text and what it resolves to by go-yaml's rules.
#[derive(Clone, PartialEq, Debug)]
pub struct Scalar {
    /// The content: quotes and indentation removed, escapes resolved, variables replaced.
    pub text: Arc<str>,
    /// What the text means; always [`Resolved::String`] for quoted and block scalars.
    pub resolved: Resolved,
    /// Where parts of `text` stand in the source, ascending by text; empty when the text was not
    /// written by the user.
    pub(crate) places: Arc<[Place]>,
}

/// Where a part of a scalar's text stands; the part ends where the next place begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    /// Offset in the text.
    pub text: u32,
    /// Offset in the source.
    pub source: u32,
    /// One past the escape or variable that the part was made from; `None` for a copy.
    pub until: Option<u32>,
}

/// The value of a scalar.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Resolved {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer that fits.
    Int(i64),
    /// A positive integer beyond `i64`.
    UInt(u64),
    /// Any other number.
    Float(f64),
    /// Anything else, and everything in quotes.
    String,
}

/// The entries of an object, in the order of the file; keys are unique.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct Mapping {
    /// The entries; clones share them, as those of a list.
    pub entries: Arc<Vec<Entry>>,
}

/// A key with its value.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// The key's text.
    pub key: Arc<str>,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

impl Node {
    /// The node of a literal, such as a default; every part of it has the given span.
    pub fn from_literal(literal: &Literal, span: Span) -> Self {
        let value = match literal {
            Literal::Null => Value::Scalar(Scalar::new("null", Resolved::Null)),
            Literal::Bool(it) => Value::Scalar(Scalar::new(&it.to_string(), Resolved::Bool(*it))),
            Literal::Int(it) => Value::Scalar(Scalar::new(&it.to_string(), Resolved::Int(*it))),
            Literal::UInt(it) => Value::Scalar(Scalar::new(&it.to_string(), Resolved::UInt(*it))),
            Literal::Float(it) => Value::Scalar(Scalar::new(&it.to_string(), Resolved::Float(*it))),
            Literal::String(it) => Value::Scalar(Scalar::new(it, Resolved::String)),
            Literal::List(items) => {
                let items = items.iter().map(|it| Self::from_literal(it, span));
                Value::Sequence(Arc::new(items.collect()))
            }
            Literal::Map(entries) => {
                let entry = |(key, value): &(_, Literal)| Entry {
                    key: Arc::from(AsRef::<str>::as_ref(key)),
                    key_span: span,
                    value: Self::from_literal(value, span),
                };
                Value::Mapping(Mapping {
                    entries: Arc::new(entries.iter().map(entry).collect()),
                })
            }
        };
        Self { span, value }
    }

    /// A string node, for values that come from elsewhere than a file.
    pub fn string(text: &str, span: Span) -> Self {
        Self {
            span,
            value: Value::Scalar(Scalar::new(text, Resolved::String)),
        }
    }

    /// An object without entries.
    pub fn empty_mapping(span: Span) -> Self {
        Self {
            span,
            value: Value::Mapping(Mapping::default()),
        }
    }

    /// The scalar, unless this is a collection.
    pub fn as_scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The text of a scalar, whatever it resolves to.
    pub fn text(&self) -> Option<&str> {
        self.as_scalar().map(|it| &*it.text)
    }

    /// The items, when this is a list.
    pub fn as_sequence(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The entries, when this is an object.
    pub fn as_mapping(&self) -> Option<&Mapping> {
        match &self.value {
            Value::Mapping(mapping) => Some(mapping),
            _ => None,
        }
    }

    /// The value under a key, when this is an object that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_mapping()?.get(key).map(|entry| &entry.value)
    }

    /// Where the value under a key stands, for a complaint about it; the whole node without one.
    pub fn field_span(&self, key: &str) -> Span {
        self.get(key).map_or(self.span, |it| it.span)
    }

    /// The value under a path of keys.
    pub fn get_path(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// Whether this is a null.
    pub fn is_null(&self) -> bool {
        matches!(
            self.as_scalar(),
            Some(Scalar {
                resolved: Resolved::Null,
                ..
            })
        )
    }

    /// What was found, for error texts: `a list`, `the number 5`, `the text `x``, …
    pub fn describe(&self) -> String {
        /// Longer texts are not repeated.
        const LONGEST: usize = 40;
        let scalar = match &self.value {
            Value::Sequence(_) => return "a list".to_owned(),
            Value::Mapping(_) => return "an object".to_owned(),
            Value::Scalar(scalar) => scalar,
        };
        let text = &*scalar.text;
        match scalar.resolved {
            Resolved::Null => "nothing".to_owned(),
            Resolved::String if text.is_empty() => "an empty text".to_owned(),
            Resolved::String if text.len() > LONGEST || text.contains('\n') => "a text".to_owned(),
            Resolved::String => format!("the text `{text}`"),
            Resolved::Bool(_) => format!("the boolean {text}"),
            Resolved::Int(_) | Resolved::UInt(_) | Resolved::Float(_) => {
                format!("the number {text}")
            }
        }
    }

    /// Where the bytes `range` of this scalar's text stand in the source. Block scalars, escapes
    /// and variables are accounted for; for a node without a text of its own it is the whole span.
    pub fn span_of(&self, range: Range<usize>) -> Span {
        let Some(scalar) = self.as_scalar().filter(|it| !it.places.is_empty()) else {
            return self.span;
        };
        let start = scalar.place(range.start).0;
        let end = if range.is_empty() {
            start
        } else {
            scalar.place(range.end - 1).1
        };
        let within = |at: u32| at.clamp(self.span.start, self.span.end);
        Span {
            source: self.span.source,
            start: within(start),
            end: within(end.max(start)),
        }
    }
}

impl Scalar {
    /// A scalar that was not written by the user.
    pub fn new(text: &str, resolved: Resolved) -> Self {
        Self {
            text: Arc::from(text),
            resolved,
            places: Arc::from([]),
        }
    }

    /// Start and end in the source of the byte at `at`.
    fn place(&self, at: usize) -> (u32, u32) {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        let index = self
            .places
            .partition_point(|it| it.text <= at)
            .saturating_sub(1);
        let place = self.places[index];
        let start = place.source.saturating_add(at.saturating_sub(place.text));
        place
            .until
            .map_or((start, start.saturating_add(1)), |until| {
                (place.source, until)
            })
    }
}

impl Mapping {
    /// The entry of a key.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| &*entry.key == key)
    }

    /// The keys in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| &*entry.key)
    }
}
