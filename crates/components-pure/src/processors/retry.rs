//! The `retry` processor.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use millrace_component::{
    Batches, BuildContext, BuiltProcessor, Descriptor, ProcessorChild, ProcessorConfig, clock,
};
use millrace_message::{Error, Message, MessageBatch, Origin, Outcome, Settle, Transaction, Value};
use millrace_spec::{Node, ReadContext, Spec, codes};
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::composite::{Composite, Steps, built, one_or_none};

/// Runs processors on each message until none of the results has its error flag set.
///
/// Each message is processed as a batch of one, and each attempt begins with the message as it
/// came in, without an error flag. Between attempts it waits; when the attempts or the time are
/// used up, the results of the last attempt go on, flagged. The results carry the metadata
/// `retry_count` and `backoff_duration`, in nanoseconds.
///
/// What the attempts before the last one made is discarded, and is not acknowledged: only the
/// results that go on are.
///
/// ```yaml
/// pipeline:
///   processors:
///     - retry:
///         max_retries: 5
///         processors:
///           - http:
///               url: http://localhost:8080/lookup
///               verb: POST
///               retries: 0
///     - catch: # what still fails
///         - log: { level: ERROR, message: 'not found: ${! error() }' }
///         - mapping: root = deleted()
/// ```
#[derive(Clone, Debug, Spec)]
#[spec(processor = "retry", category = "Composition", check = check)]
pub struct Config {
    /// The pauses between attempts.
    backoff: BackoffConfig,
    /// The processors.
    processors: Vec<ProcessorChild>,
    /// Whether the messages of a batch are processed at the same time, instead of one by one.
    #[spec(default = false)]
    parallel: bool,
    /// How often a message may fail; 0 for any number of times.
    #[spec(default = 0)]
    max_retries: u64,
}

/// The pauses between attempts: each is half as long again as the one before, give or take half of
/// it at random.
#[derive(Clone, Debug, Spec)]
struct BackoffConfig {
    /// The first pause.
    #[spec(default = "500ms")]
    initial_interval: millrace_spec::Duration,
    /// The longest pause.
    #[spec(default = "10s")]
    max_interval: millrace_spec::Duration,
    /// No attempt is made later than this after the first one; `0s` for no such bound.
    #[spec(default = "1m")]
    max_elapsed_time: millrace_spec::Duration,
}

fn check(config: &mut Config, node: &Node, cx: &mut ReadContext) {
    if config.processors.is_empty() {
        let span = node.field_span("processors");
        cx.error(
            codes::INVALID_VALUE,
            span,
            "a retry needs at least one processor",
        );
    }
}

impl ProcessorConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<BuiltProcessor, Error> {
        Ok(built(
            cx,
            Retry {
                backoff: self.backoff.clone(),
                steps: Steps::build(cx, &self.processors, "processors")?,
                parallel: self.parallel,
                max_retries: self.max_retries,
            },
        ))
    }
}

pub const COMPONENT: Descriptor = Descriptor::processor::<Config>();

struct Retry {
    backoff: BackoffConfig,
    steps: Steps,
    parallel: bool,
    max_retries: u64,
}

impl Retry {
    async fn run_message(&self, mut message: Message) -> MessageBatch {
        message.clear_fault();
        let mut origin = message.take_origin();
        let mut pauses = Pauses::new(&self.backoff);
        let mut failures = 0;
        loop {
            let mut attempt = message.clone();
            let held = HeldOrigin::lend(origin, &mut attempt);
            let mut result = self.steps.run_message(attempt).await;
            let has_failed = result.iter().any(|it| it.fault().is_some());
            failures += u64::from(has_failed);
            let is_last = !has_failed || failures == self.max_retries;
            match if is_last { None } else { pauses.next() } {
                Some(pause) => {
                    origin = held.take_back();
                    drop(result);
                    clock::sleep(pause).await;
                }
                None => {
                    for message in result.iter_mut() {
                        message.metadata.set("retry_count", Value::U64(failures));
                        message.metadata.set("backoff_duration", pauses.paused());
                    }
                    return result;
                }
            }
        }
    }
}

impl Composite for Retry {
    fn waits(&self) -> bool {
        true
    }

    async fn process(&self, batch: MessageBatch) -> Batches {
        let mut result = MessageBatch::new();
        if self.parallel {
            let at_once = batch.len().max(1);
            let mut results = futures::stream::iter(batch)
                .map(|message| self.run_message(message))
                .buffered(at_once);
            while let Some(messages) = results.next().await {
                result.append(messages);
            }
        } else {
            for message in batch {
                result.append(self.run_message(message).await);
            }
        }
        one_or_none(result)
    }

    async fn close(&self) {
        self.steps.close().await;
    }
}

/// The origin of a message while an attempt is made at it: what the attempt makes settles the
/// origin, unless it is taken back before.
struct HeldOrigin(Arc<Mutex<Origin>>);

impl HeldOrigin {
    fn lend(origin: Origin, attempt: &mut Message) -> Self {
        let is_detached = origin.is_detached();
        let held = Self(Arc::new(Mutex::new(origin)));
        if !is_detached {
            let settle = SettleHeld(Arc::clone(&held.0));
            let lent = Transaction::open(1, Box::new(settle)).into_iter().next();
            attempt.set_origin(lent.unwrap_or_default());
        }
        held
    }

    fn take_back(self) -> Origin {
        std::mem::take(&mut *self.0.lock())
    }
}

struct SettleHeld(Arc<Mutex<Origin>>);

impl Settle for SettleHeld {
    fn settle(self: Box<Self>, outcomes: SmallVec<[Outcome; 1]>) {
        let origin = std::mem::take(&mut *self.0.lock());
        if let Some(outcome) = outcomes.into_iter().next() {
            origin.settle(outcome);
        }
    }

    fn show_held(&self, show: &mut dyn FnMut(&Origin)) -> bool {
        show(&self.0.lock());
        true
    }
}

/// The pauses between the attempts at one message.
struct Pauses {
    next: Duration,
    max: Duration,
    /// No pause may end later.
    deadline: Option<Instant>,
    paused: Duration,
}

impl Pauses {
    fn new(config: &BackoffConfig) -> Self {
        let limit = config.max_elapsed_time.get();
        Self {
            next: config.initial_interval.get(),
            max: config.max_interval.get(),
            deadline: (!limit.is_zero())
                .then(|| clock::instant().checked_add(limit))
                .flatten(),
            paused: Duration::ZERO,
        }
    }

    fn next(&mut self) -> Option<Duration> {
        let pause = self.next.mul_f64(rand::random_range(0.5..1.5));
        self.next = self.next.mul_f64(1.5).min(self.max);
        if self
            .deadline
            .is_some_and(|deadline| clock::instant() + pause > deadline)
        {
            return None;
        }
        self.paused += pause;
        Some(pause)
    }

    /// All pauses so far, in nanoseconds.
    fn paused(&self) -> Value {
        Value::I64(i64::try_from(self.paused.as_nanos()).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod contract {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_the_promises_of_a_processor() {
        let processor = crate::testing::processor(
            "retry: { max_retries: 1, backoff: { initial_interval: 1ms, max_interval: \
             1ms }, processors: [ { mapping: 'root = this.id' } ] }",
        );
        millrace_component::conformance::processor(&processor).await;
    }
}
