//! The `retry` output.

use std::sync::Arc;

use millrace_component::{BuildContext, Descriptor, OutputChild, OutputConfig, OutputPart};
use millrace_message::Error;
use millrace_spec::{Duration, Spec};

use super::retrying::{Attempts, Retrying};

/// Writes messages to its child again until they are accepted.
///
/// Only the messages that failed are written again. Without bounds a message is never given
/// back to its source, and back-pressure grows while the child fails. A child that cannot go on at
/// all, such as one whose database refuses its password, is not written to again.
#[derive(Clone, Debug, Spec)]
#[spec(output = "retry", category = "Utility")]
pub struct Config {
    /// How often a message is written again before it is given back; 0 for ever.
    #[spec(default = 0)]
    max_retries: u64,
    /// The pauses between attempts.
    #[spec(advanced)]
    backoff: BackoffConfig,
    /// The output that is written to.
    output: OutputChild,
}

/// The pauses between attempts.
#[derive(Clone, Debug, Spec)]
struct BackoffConfig {
    /// The first pause; it doubles each time.
    #[spec(default = "500ms")]
    initial_interval: Duration,
    /// The longest pause.
    #[spec(default = "3s")]
    max_interval: Duration,
    /// No attempt is made later than this after the first; 0 for no such bound.
    #[spec(default = "0s")]
    max_elapsed_time: Duration,
}

impl OutputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<OutputPart, Error> {
        let elapsed = self.backoff.max_elapsed_time.get();
        let attempts = Attempts {
            max_retries: (self.max_retries > 0).then_some(self.max_retries),
            initial: self.backoff.initial_interval.get(),
            max: self.backoff.max_interval.get(),
            max_elapsed: (!elapsed.is_zero()).then_some(elapsed),
        };
        let child = cx.output(&self.output, "retry.output")?;
        let retrying = Retrying::new(child, attempts, cx);
        Ok(OutputPart::Composite(Arc::new(retrying)))
    }
}

pub const COMPONENT: Descriptor = Descriptor::output::<Config>();

#[cfg(test)]
mod tests {
    use millrace_component::conformance::{self, Routed};

    use crate::testing::{batch, bench};

    #[tokio::test]
    async fn retry_keeps_the_promises_of_an_output() {
        let yaml = "retry: { backoff: { initial_interval: 1ms, max_interval: 2ms }, output: { scripted: { name: one, refuses: bad, times: 2 } } }";
        let routed = Routed {
            failed: &[],
            arrived: &["one: a", "one: c", "one: bad"],
            closed: &["one"],
        };
        conformance::output_of_children(bench, yaml, || batch(&["a", "bad", "c"]), &routed).await;
    }

    #[tokio::test]
    async fn retry_keeps_the_promises_of_an_output_that_gives_up() {
        let yaml = "retry: { max_retries: 2, backoff: { initial_interval: 1ms, max_interval: 2ms }, output: { scripted: { name: one, refuses: bad } } }";
        let routed = Routed {
            failed: &[1],
            arrived: &["one: a", "one: c"],
            closed: &["one"],
        };
        conformance::output_of_children(bench, yaml, || batch(&["a", "bad", "c"]), &routed).await;
    }
}
