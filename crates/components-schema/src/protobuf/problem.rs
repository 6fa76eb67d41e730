//! Why a message cannot be converted, and where in it.

use std::fmt::{self, Write};

use millrace_message::Value;
use prost_reflect::Kind;

/// The longest value that an error shows, in bytes.
const SHOWN_MAX: usize = 100;

/// What is wrong at one place of a message.
#[derive(Debug)]
pub(super) struct Problem {
    /// The way to the place, innermost step first.
    path: Vec<Step>,
    reason: Reason,
}

#[derive(Debug)]
enum Step {
    Field(String),
    Element(usize),
    Key(String),
}

#[derive(Debug)]
enum Reason {
    /// The value of the field is not of its type.
    Invalid {
        kind: &'static str,
        shown: String,
    },
    /// There is no such field.
    Unknown(String),
    Other(String),
}

impl Problem {
    pub fn new(text: impl Into<String>) -> Self {
        Self::because(Reason::Other(text.into()))
    }

    /// A value that is not of the type of its field.
    pub fn invalid(kind: &Kind, value: &Value) -> Self {
        let mut shown = String::from_utf8_lossy(&value.to_json()).into_owned();
        if shown.len() > SHOWN_MAX {
            let mut end = SHOWN_MAX;
            while !shown.is_char_boundary(end) {
                end -= 1;
            }
            shown.truncate(end);
            shown.push_str("...");
        }
        Self::because(Reason::Invalid {
            kind: name(kind),
            shown,
        })
    }

    pub fn unknown(member: &str) -> Self {
        Self::because(Reason::Unknown(member.to_owned()))
    }

    pub fn too_deep() -> Self {
        Self::new(format!(
            "messages nest deeper than {} levels",
            super::DEPTH_MAX
        ))
    }

    fn because(reason: Reason) -> Self {
        Self {
            path: Vec::new(),
            reason,
        }
    }

    pub fn in_field(mut self, name: &str) -> Self {
        self.path.push(Step::Field(name.to_owned()));
        self
    }

    pub fn in_element(mut self, index: usize) -> Self {
        self.path.push(Step::Element(index));
        self
    }

    pub fn at_key(mut self, key: &str) -> Self {
        self.path.push(Step::Key(key.to_owned()));
        self
    }

    fn place(&self) -> String {
        let mut place = String::new();
        for step in self.path.iter().rev() {
            let written = match step {
                Step::Field(name) if place.is_empty() => write!(place, "{name}"),
                Step::Field(name) => write!(place, ".{name}"),
                Step::Element(index) => write!(place, "[{index}]"),
                Step::Key(key) => write!(place, "[{key:?}]"),
            };
            written.expect("a text takes what is written into it");
        }
        place
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place();
        match &self.reason {
            Reason::Invalid { kind, shown } if place.is_empty() => {
                write!(f, "invalid value for {kind}: {shown}")
            }
            Reason::Invalid { kind, shown } => {
                write!(f, "invalid value for {kind} field {place}: {shown}")
            }
            Reason::Unknown(name) if place.is_empty() => write!(f, "unknown field {name:?}"),
            Reason::Unknown(name) => write!(f, "unknown field {name:?} in {place}"),
            Reason::Other(text) if place.is_empty() => f.write_str(text),
            Reason::Other(text) => write!(f, "field {place}: {text}"),
        }
    }
}

/// The type as `.proto` files write it.
fn name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Double => "double",
        Kind::Float => "float",
        Kind::Int32 => "int32",
        Kind::Int64 => "int64",
        Kind::Uint32 => "uint32",
        Kind::Uint64 => "uint64",
        Kind::Sint32 => "sint32",
        Kind::Sint64 => "sint64",
        Kind::Fixed32 => "fixed32",
        Kind::Fixed64 => "fixed64",
        Kind::Sfixed32 => "sfixed32",
        Kind::Sfixed64 => "sfixed64",
        Kind::Bool => "bool",
        Kind::String => "string",
        Kind::Bytes => "bytes",
        Kind::Message(_) => "message",
        Kind::Enum(_) => "enum",
    }
}
