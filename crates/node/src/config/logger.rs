//! The `logger` block: what is logged, and how.

use std::collections::BTreeMap;

use millrace_spec::Spec;

/// What is logged, and how.
#[derive(Clone, Debug, Spec)]
pub struct LoggerConfig {
    /// The lowest level that is logged.
    #[spec(
        default = "INFO",
        options(
            "OFF", "FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE", "ALL", "NONE"
        )
    )]
    pub level: String,
    /// How lines are written.
    #[spec(default = "json")]
    pub format: LogFormat,
    /// Whether lines carry the time.
    #[spec(default = true)]
    pub add_timestamp: bool,
    /// The name of the level.
    #[spec(default = "level", advanced)]
    pub level_name: String,
    /// The name of the time.
    #[spec(default = "timestamp", advanced)]
    pub timestamp_name: String,
    /// The name of the text.
    #[spec(default = "message", advanced)]
    pub message_name: String,
    /// Added to every line.
    #[spec(default = {"@service": "millrace"})]
    pub static_fields: BTreeMap<String, String>,
    /// A file instead of the standard error.
    #[spec(advanced)]
    pub file: LogFileConfig,
    /// Lines that carry an error have the level ERROR, whatever they were logged with.
    #[spec(default = false, advanced)]
    pub log_all_errors: bool,
}

/// A log file.
#[derive(Clone, Debug, Spec)]
pub struct LogFileConfig {
    /// Its path; empty for none.
    #[spec(default = "")]
    pub path: String,
    /// Whether a new file is begun when this one has 10 MiB.
    #[spec(default = false)]
    pub rotate: bool,
    /// How many days old files are kept; 0 for ever.
    #[spec(default = 0)]
    pub rotate_max_age_days: u32,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Spec)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// `name=value` pairs.
    Logfmt,
}
