//! From the `logger` block to the logs of the process.

use millrace_telemetry::log::{LogFormat, LogHandle, LogSettings};

use crate::config::{LogFormat as Format, LoggerConfig};

/// Makes the `logger` block the logs of the process; `level` overrides its level.
///
/// # Errors
/// A level that is not known, or a log file that cannot be opened.
pub fn install_logs(config: &LoggerConfig, level: Option<&str>) -> Result<LogHandle, String> {
    let level = level.unwrap_or(&config.level);
    let settings = LogSettings {
        level: level
            .parse()
            .map_err(|error| format!("log level `{level}`: {error}"))?,
        format: match config.format {
            Format::Json => LogFormat::Json,
            Format::Logfmt => LogFormat::Logfmt,
        },
        add_timestamp: config.add_timestamp,
        timestamp_name: config.timestamp_name.clone(),
        level_name: config.level_name.clone(),
        message_name: config.message_name.clone(),
        static_fields: config.static_fields.clone(),
        ..LogSettings::default()
    };
    settings.install().map_err(|error| error.to_string())
}
