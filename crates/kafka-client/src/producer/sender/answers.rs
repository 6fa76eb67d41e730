//! What becomes of batches that were answered.

use millrace_kafka_wire::ErrorCode;
use millrace_kafka_wire::api::produce::{
    PartitionProduceResponse, ProduceRequest, ProduceResponse,
};
use tokio::time::Instant;

use super::{Answered, Sender};
use crate::Result;
use crate::admin::TopicPartition;
use crate::error::{Error, Reason};
use crate::producer::queue::Written;
use crate::settings::LONGEST_PAUSE;

/// After so many attempts, which take some two seconds, who looks hears why a batch is not written.
const TOLD_AFTER: u32 = 6;

impl Sender {
    pub(super) async fn settle(&mut self, answered: Answered) {
        let Answered {
            broker,
            sent,
            result,
        } = answered;
        self.answered(broker);
        for (partition, number) in sent {
            let outcome = match &result {
                Ok(response) => outcome(response, &partition),
                Err(error) => Err(error.clone()),
            };
            match outcome {
                Ok(written) => self.finish(&partition, number, Ok(written)),
                Err(error) => self.again(&partition, number, error.of(&partition)).await,
            }
        }
    }

    /// Sends a batch again if that may help.
    pub(super) async fn again(&mut self, partition: &TopicPartition, number: u64, error: Error) {
        let Some(queue) = self.queues.get_mut(partition) else {
            return;
        };
        let is_too_large = error.code() == Some(ErrorCode::MessageTooLarge);
        if self.fatal.is_none() && is_too_large && queue.split(number, &self.settings) {
            return;
        }
        // What was sent behind a batch that failed has no place yet.
        let is_behind =
            error.code() == Some(ErrorCode::OutOfOrderSequenceNumber) && queue.has_earlier(number);
        if self.fatal.is_none() && (error.is_retriable() || error.is_ambiguous() || is_behind) {
            let attempts = queue.attempts(number).min(16);
            if attempts == TOLD_AFTER {
                tracing::warn!(%error, "a batch is not written yet, and is sent again");
            }
            let first = self.cluster.settings().retry_backoff;
            let pause = first.saturating_mul(1 << attempts).min(LONGEST_PAUSE);
            if queue.retry(number, &self.settings, Instant::now() + pause) {
                self.cluster.forget(&partition.topic).await;
                return;
            }
        }
        // Nor has it any more when that one is given up.
        let is_late = error.code() == Some(ErrorCode::OutOfOrderSequenceNumber);
        match &self.fatal {
            Some(fatal) if is_late => self.fail(partition, number, fatal.clone()),
            _ => self.fail(partition, number, error),
        }
    }

    /// Gives a batch up. An idempotent producer gives up all: the sequence has a gap.
    pub(super) fn fail(&mut self, partition: &TopicPartition, number: u64, error: Error) {
        self.finish(partition, number, Err(error.clone()));
        if self.identity.is_some() && self.fatal.is_none() {
            let behind = error.behind();
            for queue in self.queues.values_mut() {
                queue.fail(&behind);
            }
            self.fatal = Some(behind);
        }
    }
}

/// What a response says of a partition.
fn outcome(response: &ProduceResponse, partition: &TopicPartition) -> Result<Written> {
    let mut topics = response.responses.iter();
    let topic = topics.find(|it| it.name == partition.topic);
    let mut partitions = topic.into_iter().flat_map(|it| &it.partition_responses);
    let Some(found) = partitions.find(|it| it.index == partition.partition) else {
        return Err(Error::new(Reason::Incomplete("leaves out a partition"))
            .during(<ProduceRequest as millrace_kafka_wire::Request>::KEY));
    };
    // It was written before, and the answer was lost.
    if ErrorCode::from_number(found.error_code) == Some(ErrorCode::DuplicateSequenceNumber) {
        return Ok(written(found));
    }
    Error::check(found.error_code, found.error_message.as_ref())
        .map_err(|it| it.during(<ProduceRequest as millrace_kafka_wire::Request>::KEY))?;
    Ok(written(found))
}

fn written(found: &PartitionProduceResponse) -> Written {
    Written {
        base_offset: Some(found.base_offset).filter(|it| *it >= 0),
        append_time: Some(found.log_append_time_ms).filter(|it| *it >= 0),
    }
}
