//! The batching policy: when the messages collected so far become a batch.

use std::sync::Arc;
use std::time::Duration;

use millrace_message::{Error, MessageBatch};
use millrace_spec::Spec;
use millrace_telemetry::metric::BatchMetrics;
use tokio::time::Instant;

use crate::{BuildContext, BuiltProcessor, Flow, Identity, ProcessorChild, Query, process_all};

/// When messages become a batch. Triggers are alternatives: the first one to apply wins.
///
/// A policy only ever joins batches: one that arrives is never cut.
#[derive(Clone, Debug, Default, Spec)]
pub struct BatchPolicy {
    /// How many messages make a batch; 0 for any number.
    #[spec(default = 0)]
    pub count: u64,
    /// How many payload bytes make a batch; 0 for any number.
    #[spec(default = 0)]
    pub byte_size: u64,
    /// How long the first message of a batch waits at most; empty for ever.
    #[spec(default = "")]
    pub period: Option<millrace_spec::Duration>,
    /// A share of `period`, at random, by which it is changed each time: 0.1 for up to a tenth.
    #[spec(default = 0.0, advanced)]
    pub jitter: f64,
    /// A query that is asked for each message and ends the batch when it is true.
    #[spec(default = "")]
    pub check: Option<Query>,
    /// Processors that each batch passes through, such as one that archives it.
    #[spec(default = [], advanced)]
    pub processors: Vec<ProcessorChild>,
}

impl BatchPolicy {
    /// Whether nothing ever triggers it.
    pub fn is_noop(&self) -> bool {
        self.count <= 1
            && self.byte_size == 0
            && self
                .period
                .as_ref()
                .is_none_or(millrace_spec::Duration::is_zero)
            && self.check.is_none()
    }

    /// Builds the policy; `segment` is its field, such as `batching`.
    ///
    /// # Errors
    /// One of its processors cannot be built.
    pub fn build(&self, cx: &BuildContext, segment: &str) -> Result<Batcher, Error> {
        Ok(Batcher {
            policy: self.clone(),
            processors: cx.processors(&self.processors, &format!("{segment}.processors"))?,
            metrics: BatchMetrics::new(cx.metrics()),
            held: MessageBatch::new(),
            held_bytes: 0,
            triggered: None,
            deadline: None,
            identity: Arc::clone(cx.identity()),
            flow: cx.flow().clone(),
        })
    }
}

/// Collects messages by a policy.
pub struct Batcher {
    policy: BatchPolicy,
    processors: Vec<BuiltProcessor>,
    metrics: BatchMetrics,
    held: MessageBatch,
    held_bytes: usize,
    triggered: Option<Trigger>,
    deadline: Option<Instant>,
    identity: Arc<Identity>,
    flow: Flow,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Trigger {
    Count,
    Size,
    Check,
}

impl Batcher {
    /// Adds the messages of a batch; true when a batch is complete.
    pub fn add(&mut self, batch: MessageBatch) -> bool {
        for message in batch {
            self.held_bytes += message.bytes().len();
            self.held.push(message);
            if self.triggered.is_none() {
                self.triggered = self.trigger();
            }
        }
        if self.deadline.is_none() && !self.held.is_empty() {
            self.deadline = self.period().map(|period| Instant::now() + period);
        }
        self.triggered.is_some()
    }

    fn trigger(&self) -> Option<Trigger> {
        let policy = &self.policy;
        if policy.count > 0 && self.held.len() as u64 >= policy.count {
            return Some(Trigger::Count);
        }
        if policy.byte_size > 0 && self.held_bytes as u64 >= policy.byte_size {
            return Some(Trigger::Size);
        }
        let check = policy.check.as_ref()?;
        let last = self.held.len() - 1;
        match check.check(&self.held, last) {
            Ok(true) => Some(Trigger::Check),
            Ok(false) => None,
            Err(error) => {
                self.identity
                    .log_error(format_args!("batching check: {error}; taken as false"));
                None
            }
        }
    }

    fn period(&self) -> Option<Duration> {
        let period = self.policy.period.as_ref()?.get();
        if period.is_zero() {
            return None;
        }
        if self.policy.jitter <= 0.0 {
            return Some(period);
        }
        // As large as it may be, a range of its size need not be a number.
        let share = self.policy.jitter * rand::random_range(-1.0..=1.0);
        let share = share.clamp(-1.0, 1.0);
        Some(period.mul_f64(1.0 + share))
    }

    /// When the messages held have waited long enough.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Waits for [`Batcher::deadline`]; for ever when there is none.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub async fn due(deadline: Option<Instant>) {
        match deadline {
            Some(deadline) => tokio::time::sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The payload bytes held.
    pub fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Takes what is held as one batch, whether it is complete or not.
    pub fn take(&mut self) -> MessageBatch {
        match self.triggered.take() {
            Some(Trigger::Count) => self.metrics.count.inc(),
            Some(Trigger::Size) => self.metrics.size.inc(),
            Some(Trigger::Check) => self.metrics.check.inc(),
            None if self.held.is_empty() => {}
            None => self.metrics.period.inc(),
        }
        self.held_bytes = 0;
        self.deadline = None;
        std::mem::take(&mut self.held)
    }

    /// What the policy's processors make of a batch that was taken.
    pub async fn process(&self, batch: MessageBatch) -> crate::Batches {
        process_all(&self.processors, batch, &self.flow).await
    }

    /// Takes what is held and runs it through the policy's processors.
    pub async fn flush(&mut self) -> crate::Batches {
        let batch = self.take();
        if batch.is_empty() {
            return crate::Batches::new();
        }
        self.process(batch).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::Workbench;

    #[test]
    fn a_period_is_changed_by_no_more_than_itself_however_large_the_jitter() {
        let bench = Workbench::new([]);
        for jitter in ["1", "7", "1.7e308"] {
            let policy = format!("{{ period: 1s, jitter: {jitter} }}");
            let policy: BatchPolicy = bench.read(&policy).expect("it is a policy");
            let batcher = policy.build(&bench.context("x"), "batching");
            let batcher = batcher.unwrap_or_else(|error| panic!("{error}"));
            for _ in 0..100 {
                let period = batcher.period().expect("it has one");
                assert!(period <= Duration::from_secs(2), "{jitter}: {period:?}");
            }
        }
    }
}
