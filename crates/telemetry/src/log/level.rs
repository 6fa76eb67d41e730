//! Log levels under Bento's names.

use std::fmt;
use std::str::FromStr;

use tracing::Level;

/// The least severe events that are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum LogLevel {
    /// Nothing at all.
    Off,
    /// Only what ends the process.
    Fatal,
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    pub const ALL: [Self; 7] = [
        Self::Off,
        Self::Fatal,
        Self::Error,
        Self::Warn,
        Self::Info,
        Self::Debug,
        Self::Trace,
    ];

    /// In lower case, as log lines show it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Fatal => "fatal",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }

    pub(super) fn from_u8(level: u8) -> Self {
        Self::ALL[usize::from(level).min(Self::ALL.len() - 1)]
    }

    pub(super) fn of(level: &Level) -> Self {
        match *level {
            Level::ERROR => Self::Error,
            Level::WARN => Self::Warn,
            Level::INFO => Self::Info,
            Level::DEBUG => Self::Debug,
            Level::TRACE => Self::Trace,
        }
    }

    /// What third-party crates may say: their `info` is our `debug`.
    pub(super) fn for_third_party(self) -> Self {
        match self {
            Self::Info => Self::Warn,
            Self::Debug => Self::Info,
            other => other,
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is no log level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "log level `{0}` is unknown; use one of OFF, FATAL, ERROR, WARN, INFO, DEBUG, TRACE, ALL, NONE"
)]
pub struct ParseLogLevelError(String);

impl FromStr for LogLevel {
    type Err = ParseLogLevelError;

    /// In any case; `ALL` is `TRACE` and `NONE` is `OFF`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "none" => Ok(Self::Off),
            "all" => Ok(Self::Trace),
            lower => Self::ALL
                .into_iter()
                .find(|it| it.as_str() == lower)
                .ok_or_else(|| ParseLogLevelError(text.to_owned())),
        }
    }
}
