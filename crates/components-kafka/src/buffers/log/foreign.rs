//! What others have written into the topic of a buffer: it holds no messages of the buffer's form, so
//! that it cannot leave, and counts as dropped.

use std::sync::Arc;

use millrace_component::{BuildContext, Identity, Ledger, UNREADABLE};
use millrace_kafka_client::Error as KafkaError;
use millrace_message::Outcome;

/// Accounts for it.
pub struct Foreign {
    topic: Box<str>,
    identity: Arc<Identity>,
    ledger: Ledger,
}

impl Foreign {
    pub fn new(topic: &str, cx: &BuildContext) -> Self {
        Self {
            topic: topic.into(),
            identity: Arc::clone(cx.identity()),
            ledger: cx.flow().behind_buffer(),
        }
    }

    /// A record that is none of the buffer's.
    pub fn drop_record(&self, offset: i64) {
        self.count(1);
        let topic = &self.topic;
        self.identity.log_error(format_args!(
            "the record at offset {offset} of topic `{topic}` is dropped: another producer wrote it, \
             and the topic is for this buffer alone"
        ));
    }

    /// A batch that another producer wrote, and that cannot be read.
    pub fn drop_batch(&self, records: usize, offset: i64, error: &KafkaError) {
        self.count(records);
        let (topic, reason) = (&self.topic, error.reason());
        self.identity.log_error(format_args!(
            "the batch at offset {offset} of topic `{topic}` is dropped with its records \
             ({records}): another producer wrote it, and it cannot be read: {reason}"
        ));
    }

    /// Records that were removed before the buffer could deliver them.
    pub fn note_removed(&self, first: i64, start: i64) {
        let topic = &self.topic;
        self.identity.log_warning(format_args!(
            "what was at offsets {first} to {} of topic `{topic}` is not delivered: somebody has \
             removed it",
            start - 1
        ));
    }

    fn count(&self, records: usize) {
        self.ledger.receive(records);
        let dropped = Outcome::Dropped {
            reason: UNREADABLE.into(),
        };
        for _ in 0..records {
            self.ledger.settle(&dropped);
        }
    }
}
