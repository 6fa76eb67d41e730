//! Why a mapping failed on a message, in the terms of the mapping: types, fields, lines.

use std::fmt;

use millrace_message::{JsonError, PathError, Value};

use crate::outcome::Outcome;

/// The failure of an evaluation. Small, because results travel through every step of a mapping;
/// the text is made where it fails, because `.catch` may want it.
#[derive(Clone, Debug, PartialEq)]
pub struct EvalError(Box<Reason>);

#[derive(Clone, Debug, PartialEq)]
enum Reason {
    /// Another type was needed. `from` names the expression that gave the value.
    Type {
        expected: &'static [&'static str],
        actual: &'static str,
        shown: String,
        from: Option<String>,
    },
    /// Said in full already; an expression around it adds nothing.
    Complete(String),
    /// The mapping may not do as much as it wants to.
    Limit(String),
    /// Without the place; the method that sees it first adds the expression it came from.
    Plain(String),
    /// `this` where there is none.
    NoContext(String),
    /// A statement failed.
    Assignment { line: usize, cause: EvalError },
    /// Maps call maps without end.
    Recursion { map: String, limit: usize },
}

/// From this length on, in bytes, a text is not put into context any more.
const TEXT_MAX: usize = 4096;
/// The most of a value that a text shows, in bytes.
const SHOWN_MAX: usize = 1024;

/// As much of a value's text as an error shows.
pub(crate) fn shortened(text: &str) -> std::borrow::Cow<'_, str> {
    match text.len() {
        0..=SHOWN_MAX => text.into(),
        _ => format!("{}…", &text[..text.floor_char_boundary(SHOWN_MAX)]).into(),
    }
}

impl EvalError {
    /// A failure that is described without naming the expression it happened in.
    #[cold]
    pub fn new(text: impl Into<String>) -> EvalError {
        EvalError(Box::new(Reason::Plain(text.into())))
    }

    /// A failure whose text needs nothing added.
    #[cold]
    pub(crate) fn complete(text: impl Into<String>) -> EvalError {
        EvalError(Box::new(Reason::Complete(text.into())))
    }

    /// A value of another type was needed.
    #[cold]
    pub fn wrong_type(value: &Value, expected: &'static [&'static str]) -> EvalError {
        EvalError::wrong_outcome(&Outcome::Ref(value), expected)
    }

    /// The same for the non-values.
    #[cold]
    pub(crate) fn wrong_outcome(
        outcome: &Outcome<'_>,
        expected: &'static [&'static str],
    ) -> EvalError {
        let shown = match outcome.value() {
            Some(Value::String(text)) => format!("(\"{}\")", shortened(text)),
            Some(
                value @ (Value::Bool(_)
                | Value::I64(_)
                | Value::U64(_)
                | Value::F64(_)
                | Value::Number(_)),
            ) => {
                format!("({})", value.to_text())
            }
            _ => String::new(),
        };
        EvalError(Box::new(Reason::Type {
            expected,
            actual: outcome.type_name(),
            shown,
            from: None,
        }))
    }

    /// `this` (or a field of it) is used where there is no value.
    #[cold]
    pub(crate) fn no_context(field: &str) -> EvalError {
        let text = match field {
            "" => "context was undefined".to_owned(),
            field => format!("context was undefined, unable to reference `{field}`"),
        };
        EvalError(Box::new(Reason::NoContext(text)))
    }

    /// `this` refers to a payload that is not JSON.
    #[cold]
    pub(crate) fn unstructured(field: &str, error: &JsonError) -> EvalError {
        let place = if field.is_empty() {
            "this".to_owned()
        } else {
            format!("this.{field}")
        };
        EvalError(Box::new(Reason::NoContext(format!(
            "unable to reference message as structured (with '{place}'): parse as json: {error}"
        ))))
    }

    /// The mapping has taken all the steps it may take.
    #[cold]
    pub(crate) fn too_many_steps(limit: u64) -> EvalError {
        EvalError(Box::new(Reason::Limit(format!(
            "the mapping takes more than {limit} steps on one message; split the message, let the mapping go through fewer elements or, in a config, raise `mapping_limits.steps`"
        ))))
    }

    /// What the mapping has made takes all the bytes it may take.
    #[cold]
    pub(crate) fn too_many_bytes(limit: u64) -> EvalError {
        EvalError(Box::new(Reason::Limit(format!(
            "what the mapping makes of one message takes more than {limit} bytes; split the message, let the mapping make less of it or, in a config, raise `mapping_limits.bytes`"
        ))))
    }

    /// Whether it might have gone well with higher limits.
    pub(crate) fn is_limit(&self) -> bool {
        matches!(*self.0, Reason::Limit(_))
    }

    #[cold]
    pub(crate) fn recursion(map: &str, limit: usize) -> EvalError {
        EvalError(Box::new(Reason::Recursion {
            map: map.to_owned(),
            limit,
        }))
    }

    /// Names the expression that gave the offending value, unless that is known already.
    #[cold]
    pub(crate) fn blaming(mut self, annotation: impl FnOnce() -> String) -> EvalError {
        match &mut *self.0 {
            Reason::Type {
                from: from @ None, ..
            } => *from = Some(annotation()),
            Reason::Plain(text) => {
                let text = format!("{}: {text}", annotation());
                *self.0 = Reason::Complete(text);
            }
            _ => {}
        }
        self
    }

    /// Puts what was being done before the text.
    #[cold]
    pub(crate) fn context(self, doing: impl fmt::Display) -> EvalError {
        let text = self.to_string();
        if text.len() > TEXT_MAX {
            // Thousands of levels would each add their own.
            return EvalError::complete(text);
        }
        let text = format!("{doing}: {text}");
        EvalError(Box::new(match *self.0 {
            Reason::Limit(_) => Reason::Limit(text),
            _ => Reason::Complete(text),
        }))
    }

    /// The statement at `line` failed. A line of a map inside stays the one that is named, and a
    /// runaway recursion is named once instead of 5,000 times.
    #[cold]
    pub(crate) fn in_map_line(self, line: usize) -> EvalError {
        match *self.0 {
            Reason::Assignment { .. } => self,
            _ => self.in_line(line),
        }
    }

    /// The statement at `line` of the mapping failed.
    #[cold]
    pub(crate) fn in_line(self, line: usize) -> EvalError {
        EvalError(Box::new(Reason::Assignment { line, cause: self }))
    }

    /// The line of the mapping (from 1) whose statement failed, when that is known.
    pub fn line(&self) -> Option<usize> {
        match &*self.0 {
            Reason::Assignment { line, .. } => Some(*line),
            _ => None,
        }
    }
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Reason::Type {
                expected,
                actual,
                shown,
                from,
            } => {
                match expected {
                    [] => f.write_str("unexpected value")?,
                    [one] => write!(f, "expected {one} value")?,
                    [rest @ .., last] => {
                        write!(f, "expected {} or {last} value", rest.join(", "))?;
                    }
                }
                write!(f, ", got {actual}")?;
                if let Some(from) = from {
                    write!(f, " from {from}")?;
                }
                if !shown.is_empty() {
                    write!(f, " {shown}")?;
                }
                Ok(())
            }
            Reason::Complete(text)
            | Reason::Limit(text)
            | Reason::Plain(text)
            | Reason::NoContext(text) => f.write_str(text),
            Reason::Assignment { line, cause } => {
                write!(f, "failed assignment (line {line}): {cause}")
            }
            Reason::Recursion { map, limit } => write!(
                f,
                "entering {map} exceeded maximum allowed stacks of {limit}, this could be due to unbounded recursion"
            ),
        }
    }
}

impl std::error::Error for EvalError {}

impl From<PathError> for EvalError {
    fn from(error: PathError) -> EvalError {
        EvalError::new(error.to_string())
    }
}

impl From<&JsonError> for EvalError {
    fn from(error: &JsonError) -> EvalError {
        EvalError::new(error.to_string())
    }
}
