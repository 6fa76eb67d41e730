//! The fields of the `logger` block, and how they become a subscriber.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use tracing::Dispatch;
use tracing_subscriber::layer::SubscriberExt as _;

use super::file::LogFile;
use super::layer::{LogHandle, LogLayer};
use super::level::LogLevel;
use super::sink::LogSink;

/// How a line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    #[default]
    Json,
    Logfmt,
}

/// The `logger` block. The names of the three fixed fields hold for both formats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    pub level: LogLevel,
    pub format: LogFormat,
    pub add_timestamp: bool,
    pub timestamp_name: String,
    pub level_name: String,
    pub message_name: String,
    /// Added to every line.
    pub static_fields: BTreeMap<String, String>,
    /// Write to a file instead of standard error.
    pub file: Option<FileSettings>,
    /// Events that carry an `error` are errors, whatever their level.
    pub log_all_errors: bool,
}

/// The `logger.file` block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileSettings {
    pub path: PathBuf,
    /// Start a new file at 10 MiB; one old file is kept.
    pub rotate: bool,
    /// Delete old files after so many days; 0 never.
    pub rotate_max_age_days: u32,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            level: LogLevel::default(),
            format: LogFormat::default(),
            add_timestamp: true,
            timestamp_name: "timestamp".into(),
            level_name: "level".into(),
            message_name: "message".into(),
            static_fields: BTreeMap::from([("@service".into(), "millrace".into())]),
            file: None,
            log_all_errors: false,
        }
    }
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("open log file `{}`: {source}; check `logger.file.path`", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("install the logger: another one is installed already")]
    Installed,
}

impl LogSettings {
    /// Makes these the logs of the process: to standard error, or to the file of the settings.
    /// Loggers of components must be made after it.
    ///
    /// # Errors
    /// The file cannot be opened, or logging was installed before.
    pub fn install(self) -> Result<LogHandle, LogError> {
        let sink = match &self.file {
            Some(file) => LogSink::File(LogFile::open(file).map_err(|source| LogError::File {
                path: file.path.clone(),
                source,
            })?),
            None => LogSink::Stderr,
        };
        self.install_to(sink)
    }

    /// As [`LogSettings::install`], to this sink whatever the settings say.
    ///
    /// # Errors
    /// Logging was installed before.
    pub fn install_to(self, sink: LogSink) -> Result<LogHandle, LogError> {
        let (dispatch, handle) = self.build(sink);
        tracing::dispatcher::set_global_default(dispatch).map_err(|_| LogError::Installed)?;
        Ok(handle)
    }

    /// A subscriber of its own that writes to `sink`, for tests and tools.
    pub fn build(self, sink: LogSink) -> (Dispatch, LogHandle) {
        let (layer, handle) = LogLayer::new(self, sink);
        let subscriber = tracing_subscriber::registry().with(layer);
        (Dispatch::new(subscriber), handle)
    }
}
