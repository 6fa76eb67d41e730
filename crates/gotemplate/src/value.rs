//! Values as templates see them: with the types that they have in Go, which functions and `printf`
//! tell apart.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Zoned;
use millrace_message::Text;

pub(crate) use list::{Element, List};
pub(crate) use map::{Map, MapKind};
pub(crate) use text::Str;

use crate::functions::semver::Version;

mod compare;
mod convert;
mod list;
mod map;
mod text;

pub(crate) use compare::deep_equal;
pub(crate) use convert::Numbers;

/// How deep values may nest that are walked as a whole.
pub(crate) const DEPTH_MAX: usize = 1000;

/// Any value of a template.
#[derive(Clone)]
pub(crate) enum Val {
    /// No value: what a missing key gives.
    Missing,
    /// `nil`.
    Nil,
    Bool(bool),
    Int(i64),
    Int64(i64),
    Uint64(u64),
    /// An element of a string or of bytes.
    Uint8(u8),
    Float(f64),
    /// A number of the message: in Go a text with methods.
    JsonNumber(Text),
    Str(Str),
    Bytes(Bytes),
    Time(Arc<Zoned>),
    Month(i8),
    Weekday(i8),
    Version(Rc<Version>),
    List(List),
    Map(Map),
}

impl Val {
    pub fn text(text: impl Into<Text>) -> Self {
        Self::Str(Str::Text(text.into()))
    }

    /// The name of the type in Go.
    pub fn type_name(&self) -> &'static str {
        match self {
            Val::Missing | Val::Nil => "<nil>",
            Val::Bool(_) => "bool",
            Val::Int(_) => "int",
            Val::Int64(_) => "int64",
            Val::Uint64(_) => "uint64",
            Val::Uint8(_) => "uint8",
            Val::Float(_) => "float64",
            Val::JsonNumber(_) => "json.Number",
            Val::Str(_) => "string",
            Val::Bytes(_) => "[]uint8",
            Val::Time(_) => "time.Time",
            Val::Month(_) => "time.Month",
            Val::Weekday(_) => "time.Weekday",
            Val::Version(_) => "*semver.Version",
            Val::List(list) => list.element().list_type(),
            Val::Map(map) => map.kind().type_name(),
        }
    }

    /// The name of the kind in Go.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Val::Missing | Val::Nil => "invalid",
            Val::JsonNumber(_) => "string",
            Val::Bytes(_) | Val::List(_) => "slice",
            Val::Time(_) => "struct",
            Val::Month(_) | Val::Weekday(_) => "int",
            Val::Version(_) => "ptr",
            Val::Map(_) => "map",
            other => other.type_name(),
        }
    }

    pub fn is_nil(&self) -> bool {
        matches!(self, Val::Missing | Val::Nil)
    }

    /// Whether a condition accepts it, which is the same as not being `empty`.
    pub fn is_true(&self) -> bool {
        match self {
            Val::Missing | Val::Nil => false,
            Val::Bool(bool) => *bool,
            Val::Int(integer) | Val::Int64(integer) => *integer != 0,
            Val::Uint64(integer) => *integer != 0,
            Val::Uint8(integer) => *integer != 0,
            Val::Float(float) => *float != 0.0,
            Val::JsonNumber(text) => !text.is_empty(),
            Val::Str(text) => !text.is_empty(),
            Val::Bytes(bytes) => !bytes.is_empty(),
            Val::Time(_) | Val::Version(_) => true,
            Val::Month(number) | Val::Weekday(number) => *number != 0,
            Val::List(list) => !list.is_empty(),
            Val::Map(map) => !map.is_empty(),
        }
    }

    /// An integer of any type.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Val::Int(integer) | Val::Int64(integer) => Some(*integer),
            Val::Uint64(integer) => Some(*integer as i64),
            Val::Uint8(integer) => Some(i64::from(*integer)),
            Val::Month(number) | Val::Weekday(number) => Some(i64::from(*number)),
            _ => None,
        }
    }
}

/// Runs one level of a walk over values.
pub(crate) fn nested<T>(level: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(128 * 1024, 1024 * 1024, level)
}
