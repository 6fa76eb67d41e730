//! From the `logger` block to the logs of the process.

use millrace_telemetry::log::{
    FATAL_TARGET, FileSettings, LogFormat, LogHandle, LogSettings, LogSink,
};

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
        file: (!config.file.path.is_empty()).then(|| FileSettings {
            path: config.file.path.clone().into(),
            rotate: config.file.rotate,
            rotate_max_age_days: config.file.rotate_max_age_days,
        }),
        log_all_errors: config.log_all_errors,
    };
    settings.install().map_err(|error| error.to_string())
}

/// Logs why a run has failed, at every level but `OFF`.
pub fn log_failure(reason: &str) {
    tracing::error!(target: FATAL_TARGET, component = "node", "{reason}");
}

/// Makes what components log from this level on the logs of the process, on the standard output:
/// beside the tests of a config that they run in.
///
/// # Errors
/// A level that is not known, or logs that are installed already.
pub fn install_logs_of_tests(level: &str) -> Result<LogHandle, String> {
    install_plain(level, LogSink::Stdout)
}

/// Logs of a process that has no config, to the standard error.
///
/// # Errors
/// As of [`install_logs_of_tests`].
pub fn install_default_logs(level: &str) -> Result<LogHandle, String> {
    install_plain(level, LogSink::Stderr)
}

fn install_plain(level: &str, sink: LogSink) -> Result<LogHandle, String> {
    let settings = LogSettings {
        level: level
            .parse()
            .map_err(|error| format!("log level `{level}`: {error}"))?,
        ..LogSettings::default()
    };
    let installed = settings.install_to(sink);
    installed.map_err(|error| error.to_string())
}
