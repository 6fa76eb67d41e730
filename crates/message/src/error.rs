//! The error of a component: what the caller can do about it, and a text that is safe to show.
//!
//! The class is contract, the text is prose: engines decide by [`ErrorClass`] alone.

use std::fmt;
use std::sync::Arc;

/// What the caller of a component can do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The connection is gone or was never there: reconnect, then try the same thing again.
    NotConnected,
    /// The input has no more messages and never will have.
    EndOfInput,
    /// This message will never be accepted as it is; another one may be.
    Rejected,
    /// A passing fault: the same message may be accepted later.
    Retry,
    /// The component cannot go on at all.
    Fatal,
}

impl ErrorClass {
    /// The class as it appears in logs and metric labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotConnected => "not_connected",
            Self::EndOfInput => "end_of_input",
            Self::Rejected => "rejected",
            Self::Retry => "retry",
            Self::Fatal => "fatal",
        }
    }
}

/// An error of a component: class, text and causes.
///
/// Cloning copies a pointer: one failure is recorded for every message of a batch.
/// Whoever makes an error keeps secrets out of its text; sinks redact once more.
#[derive(Clone)]
pub struct Error {
    class: ErrorClass,
    text: Arc<str>,
}

impl Error {
    /// An error of the given class. The text is lower case, without a full stop,
    /// and holds no secret.
    pub fn new(class: ErrorClass, text: impl Into<String>) -> Self {
        Self {
            class,
            text: text.into().into(),
        }
    }

    /// The connection is gone: see [`ErrorClass::NotConnected`].
    pub fn not_connected(text: impl Into<String>) -> Self {
        Self::new(ErrorClass::NotConnected, text)
    }

    /// There is nothing left to read: see [`ErrorClass::EndOfInput`].
    pub fn end_of_input() -> Self {
        Self::new(ErrorClass::EndOfInput, "end of input")
    }

    /// This message is refused: see [`ErrorClass::Rejected`].
    pub fn rejected(text: impl Into<String>) -> Self {
        Self::new(ErrorClass::Rejected, text)
    }

    /// A passing fault: see [`ErrorClass::Retry`].
    pub fn retry(text: impl Into<String>) -> Self {
        Self::new(ErrorClass::Retry, text)
    }

    /// The component cannot go on: see [`ErrorClass::Fatal`].
    pub fn fatal(text: impl Into<String>) -> Self {
        Self::new(ErrorClass::Fatal, text)
    }

    /// What the caller can do.
    pub fn class(&self) -> ErrorClass {
        self.class
    }

    /// The text shown to people, causes included.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The same error with what was being done in front: `context: text`.
    #[must_use]
    pub fn context(&self, context: impl fmt::Display) -> Self {
        Self::new(self.class, format!("{context}: {}", self.text))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({}: {})", self.class.name(), self.text)
    }
}

impl std::error::Error for Error {}

/// Why a message is flagged: a processor failed on it, and it went on with its old content.
///
/// Bento's meaning: `error()` gives the cause, `errored()` is true, `catch` clears it,
/// `reject_errored` nacks the message.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Type name of the component that failed, such as `mapping`.
    pub component: Arc<str>,
    /// Where it stands in the config, such as `root.pipeline.processors.0`.
    pub path: Arc<str>,
    /// Its label, empty when it has none.
    pub label: Arc<str>,
    /// What happened.
    pub cause: Error,
}
