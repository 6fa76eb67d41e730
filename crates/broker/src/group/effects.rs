//! What is to be written and answered.

use bytes::Bytes;

use super::{Response, Token};

/// A record of the log of groups: its key, and its value or a tombstone.
pub type KeyAndValue = (Bytes, Option<Bytes>);

/// Steps, in the order in which they are to be done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    /// None is empty.
    pub steps: Vec<Step>,
}

/// Records that are appended as one batch, and answers that wait for them and for all records of
/// earlier steps, of these and of earlier effects.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// What is appended as one batch; nothing when empty.
    pub records: Vec<KeyAndValue>,
    /// The producer in whose transaction the batch is: its id and its epoch.
    pub producer: Option<(i64, i16)>,
    /// What is answered when everything up to here is durable.
    pub replies: Vec<(Token, Response)>,
}

/// What a record takes in a batch beside its key and value, at most.
const RECORD_OVERHEAD: usize = 32;
/// What a batch takes beside its records, at most.
const BATCH_OVERHEAD: usize = 128;

/// How many bytes a batch of these records takes at most.
pub(crate) fn batch_size(records: &[KeyAndValue]) -> usize {
    BATCH_OVERHEAD + records.iter().map(record_size).sum::<usize>()
}

fn record_size((key, value): &KeyAndValue) -> usize {
    RECORD_OVERHEAD + key.len() + value.as_ref().map_or(0, Bytes::len)
}

/// Records of which each stands for itself, in batches of at most so many bytes. A record that is
/// larger has a batch of its own.
pub(crate) fn batches(records: Vec<KeyAndValue>, max_batch_bytes: usize) -> Vec<Vec<KeyAndValue>> {
    let mut batches = Vec::new();
    let mut batch = Vec::new();
    let mut size = BATCH_OVERHEAD;
    for record in records {
        let more = record_size(&record);
        if size + more > max_batch_bytes && !batch.is_empty() {
            batches.push(std::mem::take(&mut batch));
            size = BATCH_OVERHEAD;
        }
        size += more;
        batch.push(record);
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    batches
}

impl Effects {
    /// Answers after what was written before.
    pub(super) fn reply(&mut self, token: Token, response: Response) {
        if self.steps.is_empty() {
            self.steps.push(Step::default());
        }
        if let Some(step) = self.steps.last_mut() {
            step.replies.push((token, response));
        }
    }

    /// Writes records that belong together, as one batch.
    pub(super) fn write(&mut self, records: Vec<KeyAndValue>) {
        self.push(records, None);
    }

    /// Writes records that belong together, in the transaction of a producer.
    pub(super) fn write_in_transaction(&mut self, records: Vec<KeyAndValue>, producer: (i64, i16)) {
        self.push(records, Some(producer));
    }

    /// Writes records of which each stands for itself, in batches of at most so many bytes.
    pub(super) fn write_in_parts(&mut self, records: Vec<KeyAndValue>, max_batch_bytes: usize) {
        for batch in batches(records, max_batch_bytes) {
            self.push(batch, None);
        }
    }

    fn push(&mut self, records: Vec<KeyAndValue>, producer: Option<(i64, i16)>) {
        if !records.is_empty() {
            self.steps.push(Step {
                records,
                producer,
                replies: Vec::new(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(size: usize) -> KeyAndValue {
        (Bytes::from(vec![0; size]), None)
    }

    #[test]
    fn independent_records_are_cut_into_batches_that_fit() {
        let mut effects = Effects::default();
        let max = 1000;
        effects.write_in_parts((0..100).map(|_| record(50)).collect(), max);
        let sizes: Vec<_> = effects.steps.iter().map(|it| it.records.len()).collect();
        assert_eq!(sizes.iter().sum::<usize>(), 100);
        assert!(sizes.len() > 1);
        assert!(
            effects
                .steps
                .iter()
                .all(|it| batch_size(&it.records) <= max)
        );
    }

    #[test]
    fn an_answer_belongs_to_the_step_before_it() {
        use millrace_kafka_wire::api::heartbeat::HeartbeatResponse;
        let answer = || Response::Heartbeat(HeartbeatResponse::default());
        let mut effects = Effects::default();
        effects.reply(Token(1), answer());
        effects.write(vec![record(1)]);
        effects.reply(Token(2), answer());
        let shape: Vec<_> = effects
            .steps
            .iter()
            .map(|it| (it.records.len(), it.replies[0].0))
            .collect();
        assert_eq!(shape, [(0, Token(1)), (1, Token(2))]);
    }
}
