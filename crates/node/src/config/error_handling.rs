//! The `error_handling` block: what becomes of failed messages everywhere.

use millrace_spec::{Node, ReadContext, Spec, codes};
use millrace_stream::{ErrorHandling, ErrorLog};

/// What becomes of messages that a processor failed on.
#[derive(Clone, Debug, Spec)]
#[spec(check = check)]
pub struct ErrorHandlingConfig {
    /// What is done with them. As in Bento, nothing is done in a stream with a `try`, `catch` or
    /// `retry` processor or a `reject_errored` output, which deal with them.
    #[spec(default = "none")]
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
#[spec(check = check_log)]
pub struct ErrorLogConfig {
    /// Whether a line is logged for them.
    #[spec(default = false)]
    pub enabled: bool,
    /// Whether the line holds the payload.
    #[spec(default = false)]
    pub add_payload: bool,
    /// The share of them that is logged, 0 to 1.
    #[spec(default = 1.0)]
    pub sampling_ratio: f64,
}

fn check(config: &mut ErrorHandlingConfig, node: &Node, cx: &mut ReadContext) {
    if config.strategy == ErrorStrategy::Retry {
        let span = node.field_span("strategy");
        let message = "the strategy `retry` is not supported";
        cx.error(codes::NOT_SUPPORTED, span, message).help = Some(
            "`reject` gives a failed batch back to its input, which sends it again".to_owned(),
        );
    }
}

fn check_log(config: &mut ErrorLogConfig, node: &Node, cx: &mut ReadContext) {
    if !(0.0..=1.0).contains(&config.sampling_ratio) {
        let span = node.field_span("sampling_ratio");
        let message = "`sampling_ratio` is a share from 0 to 1";
        cx.error(codes::INVALID_VALUE, span, message);
    }
}

impl ErrorHandlingConfig {
    /// As the engine takes it.
    pub(crate) fn handling(&self) -> ErrorHandling {
        ErrorHandling {
            rejects: self.strategy == ErrorStrategy::Reject,
            log: self.log.enabled.then_some(ErrorLog {
                add_payload: self.log.add_payload,
                sampling_ratio: self.log.sampling_ratio,
            }),
        }
    }
}
