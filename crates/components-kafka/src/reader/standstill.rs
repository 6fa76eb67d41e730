//! Partitions that stand still before a batch that cannot be read: they are told of, and tried again
//! after pauses that grow, while the others are read on.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use millrace_component::{Backoff, Identity};
use millrace_kafka_client::{Consumer, Error as KafkaError, TopicPartition};
use parking_lot::Mutex;
use tokio::time::Instant;

/// The pauses between attempts: who has removed the batch waits for the last one at most.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// What is not read, and why, for who ends the input.
pub type Unread = Arc<Mutex<BTreeMap<TopicPartition, KafkaError>>>;

/// The partitions that stand still.
pub struct Standstill {
    identity: Arc<Identity>,
    unread: Unread,
    attempts: HashMap<TopicPartition, Attempt>,
}

struct Attempt {
    backoff: Backoff,
    /// None while it is under way.
    next: Option<Instant>,
}

impl Standstill {
    pub fn new(identity: Arc<Identity>, unread: Unread) -> Self {
        Self {
            identity,
            unread,
            attempts: HashMap::new(),
        }
    }

    /// Tells of what stands still, tries what is due, and forgets what goes on.
    pub fn look_after(&mut self, consumer: &mut Consumer) {
        self.tell(consumer);
        self.try_due(consumer);
        self.forget_others(consumer);
    }

    /// Tells of attempts that have failed.
    fn tell(&mut self, consumer: &Consumer) {
        for (partition, error) in consumer.unreadable() {
            let attempt = self.attempts.entry(partition.clone());
            let attempt = attempt.or_insert_with(|| Attempt {
                backoff: Backoff::new(PAUSE.0, PAUSE.1),
                next: None,
            });
            if attempt.next.is_none() {
                attempt.next = Some(Instant::now() + attempt.backoff.pause());
                self.identity.log_error(error);
                self.unread.lock().insert(partition.clone(), error.clone());
            }
        }
    }

    fn try_due(&mut self, consumer: &mut Consumer) {
        let now = Instant::now();
        for (partition, attempt) in &mut self.attempts {
            if attempt.next.take_if(|at| *at <= now).is_some() {
                consumer.try_again(partition);
            }
        }
    }

    fn forget_others(&mut self, consumer: &Consumer) {
        let others = self.attempts.extract_if(|it, _| !consumer.is_held(it));
        for (partition, _) in others {
            self.unread.lock().remove(&partition);
            if let Some(offset) = consumer.position(&partition) {
                tracing::info!(%partition, offset, "it is read on");
            }
        }
    }
}
