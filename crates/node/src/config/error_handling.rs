//! The `error_handling` block: what becomes of failed messages everywhere.

use millrace_spec::Spec;

/// What becomes of messages that a processor failed on.
#[derive(Clone, Debug, Spec)]
pub struct ErrorHandlingConfig {
    /// What is done with them.
    #[spec(
        default = "none",
        unsupported = "a failed message goes on with its error; wrap the output in `reject_errored`"
    )]
    pub strategy: ErrorStrategy,
    /// Whether they are logged.
    pub log: ErrorLogConfig,
}

/// What is done with messages that a processor failed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Spec)]
pub enum ErrorStrategy {
    /// They go on with their error.
    None,
    /// Their batch goes back to its source.
    Reject,
    /// Their batch is tried again.
    Retry,
}

/// Whether failed messages are logged.
#[derive(Clone, Debug, Spec)]
pub struct ErrorLogConfig {
    /// Whether a line is logged for them.
    #[spec(default = false, unsupported = "each processor logs its errors")]
    pub enabled: bool,
    /// Whether the line holds the payload.
    #[spec(default = false, unsupported = "payloads are not logged")]
    pub add_payload: bool,
    /// The share of them that is logged.
    #[spec(default = 1.0, unsupported = "each processor logs its errors")]
    pub sampling_ratio: f64,
}
