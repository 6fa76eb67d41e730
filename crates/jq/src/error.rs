//! Why a program is refused, or its run ends.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use millrace_message::{Halt, Value};

use crate::encode;

/// Why a text is no program, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// The place in the text, in bytes.
    pub range: Range<usize>,
    /// What is wrong there.
    pub reason: String,
}

impl SyntaxError {
    pub(crate) fn new(range: Range<usize>, reason: impl Into<String>) -> Self {
        Self {
            range,
            reason: reason.into(),
        }
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {})", self.reason, self.range.start)
    }
}

impl std::error::Error for SyntaxError {}

/// Why a run has ended before its end.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The program has failed; the text says on what.
    Failed(String),
    /// The program asked to stop, with `halt` or `halt_error`.
    Halted(String),
    /// A limit of [`crate::Limits`] was met.
    Limit(Limit),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(text) | Self::Halted(text) => f.write_str(text),
            Self::Limit(limit) => limit.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

/// The limit that was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The steps of the run.
    Steps(u64),
    /// The bytes that the run has built.
    Bytes(usize),
    /// The time of the run.
    Time(Duration),
    /// How deep a value nests.
    Depth(usize),
    /// The run was given up.
    GivenUp,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Steps(steps) => {
                write!(f, "the query takes more than {steps} steps on one message")
            }
            Self::Bytes(bytes) => {
                write!(
                    f,
                    "the query builds more than {bytes} bytes for one message"
                )
            }
            Self::Time(time) => {
                let seconds = time.as_secs();
                write!(f, "the query takes more than {seconds} s on one message")
            }
            Self::Depth(depth) => write!(f, "a value nests deeper than {depth} levels"),
            Self::GivenUp => f.write_str(Halt::REASON),
        }
    }
}

/// Why an evaluation goes back to the last `try`, label, or out.
#[derive(Debug)]
pub(crate) enum Fail {
    /// An error with a text, as operations give it.
    Text(Box<str>),
    /// An error with a value, as `error` gives it.
    Value(Box<Value>),
    /// `break` out of the label with this number.
    Break(u64),
    /// `halt` and `halt_error`; nothing catches it.
    Halt(Box<Value>),
    /// Nothing catches it.
    Limit(Limit),
}

impl Fail {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into().into_boxed_str())
    }

    /// Whether `try` ends it.
    pub fn can_be_caught(&self) -> bool {
        matches!(self, Self::Text(_) | Self::Value(_))
    }

    /// What `catch` sees.
    pub fn into_caught(self) -> Value {
        match self {
            Self::Text(text) => Value::from(&*text),
            Self::Value(value) | Self::Halt(value) => *value,
            Self::Break(_) | Self::Limit(_) => Value::Null,
        }
    }

    /// What the caller of the program sees.
    pub fn into_error(self) -> Error {
        match self {
            Self::Text(text) => Error::Failed(text.into()),
            Self::Value(value) => Error::Failed(format!("error: {}", shown(&value))),
            Self::Halt(value) => Error::Halted(format!("halt error: {}", shown(&value))),
            Self::Break(_) => Error::Failed("break out of a label that is over".to_owned()),
            Self::Limit(limit) => Error::Limit(limit),
        }
    }
}

/// The longest text of an error value that is shown, in bytes.
const SHOWN_MAX: usize = 1_000;

fn shown(value: &Value) -> String {
    match value.as_str() {
        Some(text) => text.to_owned(),
        None => encode::preview(value, SHOWN_MAX),
    }
}

/// A value with its type, as errors name it.
pub(crate) fn named(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        value => format!("{} ({})", encode::type_name(value), encode::short(value)),
    }
}

/// A function is not defined for its input.
pub(crate) fn not_for(name: &str, input: &Value) -> Fail {
    Fail::text(format!("{name} cannot be applied to: {}", named(input)))
}

/// A function with an argument is not defined for its input.
pub(crate) fn not_for_with(name: &str, argument: &Value, input: &Value) -> Fail {
    let argument = encode::short(argument);
    Fail::text(format!(
        "{name}({argument}) cannot be applied to: {}",
        named(input)
    ))
}
