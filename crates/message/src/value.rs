//! The value of a payload, of a field in it, and of what a mapping computes.
//!
//! A `Value` takes 24 bytes and its clone never copies a subtree: scalars are inline, strings and
//! bytes are shared, an array or object is either a place in a [`Document`] or a shared vector
//! that is copied when it is written to while someone else holds it.

use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Zoned;

pub use array::{Array, ArrayIter};
pub use number::Number;
pub use object::{Entries, Object};
pub use path::{PathError, Segment};

use crate::document::{Document, NodeKind};
use crate::json::JsonError;
use crate::text::Text;

mod array;
mod compare;
pub(crate) mod depth;
mod number;
mod object;
mod path;
pub mod timestamp;
mod weight;

/// Any value that a message can hold.
#[derive(Clone, Debug, Default)]
pub enum Value {
    #[default]
    Null,
    Bool(bool),
    I64(i64),
    U64(u64),
    F64(f64),
    /// A number of a JSON text that is kept as it was written (`1.0`, `1e3`, 20 digits).
    Number(Number),
    String(Text),
    Bytes(Arc<Bytes>),
    /// A point in time with its zone.
    Timestamp(Arc<Zoned>),
    Array(Array),
    Object(Object),
}

const _: () = assert!(size_of::<Value>() <= 24);

thread_local! {
    /// What [`Value::to_json`] prints into, so that a text is allocated once, in its own size.
    static PRINTED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Room that [`PRINTED`] keeps between two texts, in bytes.
const PRINTED_MAX: usize = 64 * 1024;

/// The type of a value as mappings name it; all numbers are one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Null,
    Bool,
    Number,
    String,
    Bytes,
    Timestamp,
    Array,
    Object,
}

impl Kind {
    /// The name that `.type()` gives.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Bool => "bool",
            Kind::Number => "number",
            Kind::String => "string",
            Kind::Bytes => "bytes",
            Kind::Timestamp => "timestamp",
            Kind::Array => "array",
            Kind::Object => "object",
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Value {
    /// Parses a JSON document; its bytes are shared by the value.
    ///
    /// # Errors
    /// When the bytes are not exactly one JSON document (white space around it is allowed).
    pub fn parse_json(source: Bytes) -> Result<Value, JsonError> {
        let document = Arc::new(Document::parse(source)?);
        Ok(Value::at(&document, 0))
    }

    /// The value of a node: scalars inline, containers as a place in the document.
    #[inline]
    pub(crate) fn at(document: &Arc<Document>, index: u32) -> Value {
        let node = document.node(index);
        match node.kind {
            NodeKind::Null => Value::Null,
            NodeKind::True => Value::Bool(true),
            NodeKind::False => Value::Bool(false),
            NodeKind::Integer => Value::I64(number::small_integer(document.raw(node))),
            NodeKind::Number => Value::Number(Number::at(document, node)),
            NodeKind::String | NodeKind::Key => Value::String(document.text(node)),
            NodeKind::Array => Value::Array(Array::at(document, index)),
            NodeKind::Object => Value::Object(Object::at(document, index)),
        }
    }

    /// A string value of a literal.
    pub const fn from_static(text: &'static str) -> Value {
        Value::String(Text::from_static(text))
    }

    /// The type as mappings see it.
    #[inline]
    pub fn kind(&self) -> Kind {
        match self {
            Value::Null => Kind::Null,
            Value::Bool(_) => Kind::Bool,
            Value::I64(_) | Value::U64(_) | Value::F64(_) | Value::Number(_) => Kind::Number,
            Value::String(_) => Kind::String,
            Value::Bytes(_) => Kind::Bytes,
            Value::Timestamp(_) => Kind::Timestamp,
            Value::Array(_) => Kind::Array,
            Value::Object(_) => Kind::Object,
        }
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The text of a string; nothing for any other type, bytes included.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes of a string or of bytes.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Value::String(text) => Some(text.as_bytes()),
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The bool itself; numbers are not converted.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(bool) => Some(*bool),
            _ => None,
        }
    }

    /// A number as an integer: fractions are cut off, as Bento's `%` and index arguments do.
    /// Nothing for other types, and for number texts out of the range of a float.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::I64(integer) => Some(*integer),
            Value::U64(integer) => Some(*integer as i64),
            Value::F64(float) => Some(*float as i64),
            Value::Number(number) => match number.as_i64() {
                Some(integer) => Some(integer),
                None => number.as_f64().map(|float| float as i64),
            },
            _ => None,
        }
    }

    /// A number as a float. Nothing for other types, and for number texts out of range.
    #[inline]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::I64(integer) => Some(*integer as f64),
            Value::U64(integer) => Some(*integer as f64),
            Value::F64(float) => Some(*float),
            Value::Number(number) => number.as_f64(),
            _ => None,
        }
    }

    /// Whether a condition accepts it, by Bento's rule: a bool is itself, a number is true unless
    /// it is 0 (a number text: unless it is `0`). Nothing for other types.
    pub fn truthiness(&self) -> Option<bool> {
        match self {
            Value::Bool(bool) => Some(*bool),
            Value::I64(integer) => Some(*integer != 0),
            Value::U64(integer) => Some(*integer != 0),
            Value::F64(float) => Some(*float != 0.0),
            Value::Number(number) => Some(number.as_str() != "0"),
            _ => None,
        }
    }

    /// The array itself.
    pub fn as_array(&self) -> Option<&Array> {
        match self {
            Value::Array(array) => Some(array),
            _ => None,
        }
    }

    /// The object itself.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Value::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The member `key` of an object; nothing when it is missing or this is no object.
    #[inline]
    pub fn get(&self, key: &str) -> Option<Cow<'_, Value>> {
        self.as_object()?.get(key)
    }

    /// The element `position` of an array; nothing when it is missing or this is no array.
    pub fn index(&self, position: usize) -> Option<Cow<'_, Value>> {
        self.as_array()?.get(position)
    }

    /// Appends the value as JSON: an untouched canonical subtree is copied from its source,
    /// anything else is printed with sorted keys. Bytes are base64 (as in Go), timestamps
    /// RFC 3339, floats that JSON does not have `null`.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        crate::json::print::write_value(self, out);
    }

    /// The value as JSON; an untouched canonical document is shared, not copied.
    pub fn to_json(&self) -> Bytes {
        if let Some(source) = self.canonical_source() {
            return source;
        }
        PRINTED.with_borrow_mut(|printed| {
            printed.clear();
            self.write_json(printed);
            let json = Bytes::copy_from_slice(printed);
            if printed.capacity() > PRINTED_MAX {
                *printed = Vec::new();
            }
            json
        })
    }
    fn canonical_source(&self) -> Option<Bytes> {
        match self {
            Value::Array(array) => array.canonical_source(),
            Value::Object(object) => object.canonical_source(),
            _ => None,
        }
    }

    /// The value as the text that `.string()`, interpolations and a payload are made of: strings
    /// and bytes as they are, null as `null`, containers as JSON in which `<`, `>` and `&` are
    /// escaped (as Go does by default, and Bento here but not in payloads).
    pub fn to_text(&self) -> Text {
        match self {
            Value::String(text) => text.clone(),
            Value::Bytes(bytes) => match Text::from_bytes(bytes) {
                Ok(text) => text,
                Err(_) => {
                    let mut text = String::with_capacity(bytes.len());
                    crate::json::escape::push_lossy(&mut text, bytes);
                    Text::from(text)
                }
            },
            Value::Null => Text::from_static("null"),
            Value::Bool(true) => Text::from_static("true"),
            Value::Bool(false) => Text::from_static("false"),
            Value::Number(number) => Text::from(number.as_str()),
            _ => {
                let mut out = Vec::new();
                self.write_text(&mut out);
                Text::from(String::from_utf8_lossy(&out).as_ref())
            }
        }
    }

    /// Appends what [`Value::to_text`] gives; bytes that are not UTF-8 stay as they are.
    pub fn write_text(&self, out: &mut Vec<u8>) {
        match self {
            Value::String(text) => out.extend_from_slice(text.as_bytes()),
            Value::Bytes(bytes) => out.extend_from_slice(bytes),
            Value::F64(float) => crate::json::number::write_text_float(*float, out),
            Value::Timestamp(at) => {
                out.extend_from_slice(timestamp::rfc3339(at).as_bytes());
            }
            Value::Array(_) | Value::Object(_) => {
                let start = out.len();
                self.write_json(out);
                crate::json::escape_html(out, start);
            }
            other => other.write_json(out),
        }
    }

    /// The value as a payload: strings and bytes raw, everything else as JSON.
    pub fn to_payload(&self) -> Bytes {
        match self {
            Value::String(text) => Bytes::copy_from_slice(text.as_bytes()),
            Value::Bytes(bytes) => bytes.as_ref().clone(),
            other => other.to_json(),
        }
    }

    /// A copy that keeps no payload alive, for what outlives its message (caches, state).
    pub fn detach(&self) -> Value {
        match self {
            Value::String(text) => Value::String(text.detach()),
            Value::Number(number) => Value::Number(number.detach()),
            Value::Bytes(bytes) => Value::Bytes(Arc::new(Bytes::copy_from_slice(bytes))),
            Value::Array(array) => Value::Array(depth::guard(|| array.detach())),
            Value::Object(object) => Value::Object(depth::guard(|| object.detach())),
            scalar => scalar.clone(),
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Value {
        Value::I64(value)
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Value {
        Value::U64(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Value {
        Value::F64(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Value {
        Value::String(Text::from(value))
    }
}

impl From<String> for Value {
    fn from(value: String) -> Value {
        Value::String(Text::from(value))
    }
}

impl From<Text> for Value {
    fn from(value: Text) -> Value {
        Value::String(value)
    }
}

impl From<Bytes> for Value {
    fn from(value: Bytes) -> Value {
        Value::Bytes(Arc::new(value))
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Value {
        Value::Bytes(Arc::new(Bytes::from(value)))
    }
}

impl From<Zoned> for Value {
    fn from(value: Zoned) -> Value {
        Value::Timestamp(Arc::new(value))
    }
}

impl From<Vec<Value>> for Value {
    fn from(value: Vec<Value>) -> Value {
        Value::Array(Array::from(value))
    }
}

impl From<Array> for Value {
    fn from(value: Array) -> Value {
        Value::Array(value)
    }
}

impl From<Object> for Value {
    fn from(value: Object) -> Value {
        Value::Object(value)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

#[cfg(test)]
mod tests;
