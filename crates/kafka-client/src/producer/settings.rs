//! How a producer sends.

use std::time::Duration;

use millrace_kafka_wire::batch::Compression;
use tokio::sync::Semaphore;

use crate::Result;
use crate::error::Error;

/// How many requests of an idempotent producer may be open: brokers remember as many batches.
const IDEMPOTENT_IN_FLIGHT: usize = 5;

/// What makes a record sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    /// Handing it to the system: it may be lost, and its offset is not known.
    None,
    /// Its leader wrote it; it may be lost with the leader.
    Leader,
    /// All replicas in sync have it.
    All,
}

impl Acks {
    pub(crate) fn number(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Leader => 1,
            Self::All => -1,
        }
    }
}

/// Where records without a key go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// Into one partition until a batch is full, then into the next.
    Sticky,
    /// Each into the partition after that of the record before.
    RoundRobin,
    /// Each into any.
    Random,
    /// Into one partition until it got so many bytes, then into the next; beginning with any.
    Bytes(usize),
    /// Into one partition until a batch is full or nothing of it is on its way, then into the one of
    /// which the least records are.
    LeastBackup,
}

/// How the partition of a key is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyHash {
    /// As Java's clients do.
    Murmur2,
    /// As Sarama, a client for Go, does.
    Fnv1a,
    /// Not at all: a record with a key goes where those without go.
    Ignored,
}

/// How a producer sends. The defaults are those of Kafka's own producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerSettings {
    pub acks: Acks,
    /// How many bytes a batch has before it is compressed; a larger record is one of its own.
    pub batch_size: usize,
    /// How long a batch waits for more records.
    pub linger: Duration,
    pub compression: Compression,
    /// How many requests may be open at a broker.
    pub max_in_flight_requests: usize,
    /// Whether brokers recognise a batch that is sent again. Without a word it is so where the other
    /// settings allow it.
    pub enable_idempotence: Option<bool>,
    /// How often a batch is sent again.
    pub retries: u32,
    /// How long a response is waited for, and how long the broker waits for replicas.
    pub request_timeout: Duration,
    /// How long a record may take altogether.
    pub delivery_timeout: Duration,
    /// The largest record, with its key and headers.
    pub max_record_bytes: usize,
    /// How many bytes of records may be on their way; who sends more waits.
    pub buffer_bytes: usize,
    /// How many records may be on their way.
    pub buffer_records: usize,
    pub spread: Spread,
    pub key_hash: KeyHash,
}

impl Default for ProducerSettings {
    fn default() -> Self {
        Self {
            acks: Acks::All,
            batch_size: 16_384,
            linger: Duration::from_millis(5),
            compression: Compression::None,
            max_in_flight_requests: IDEMPOTENT_IN_FLIGHT,
            enable_idempotence: None,
            retries: u32::MAX,
            request_timeout: Duration::from_secs(30),
            delivery_timeout: Duration::from_secs(120),
            max_record_bytes: 1 << 20,
            buffer_bytes: 32 << 20,
            buffer_records: Semaphore::MAX_PERMITS,
            spread: Spread::Sticky,
            key_hash: KeyHash::Murmur2,
        }
    }
}

impl ProducerSettings {
    /// Large batches that are waited for.
    pub fn high_throughput() -> Self {
        Self {
            acks: Acks::Leader,
            batch_size: 65_536,
            linger: Duration::from_millis(100),
            compression: Compression::Lz4,
            max_in_flight_requests: 10,
            ..Self::default()
        }
    }

    /// Small batches that wait for nothing.
    pub fn low_latency() -> Self {
        Self {
            acks: Acks::Leader,
            batch_size: 1024,
            linger: Duration::ZERO,
            compression: Compression::None,
            ..Self::default()
        }
    }

    /// Every record on all replicas, once, in order.
    pub fn high_durability() -> Self {
        Self {
            acks: Acks::All,
            retries: 10,
            enable_idempotence: Some(true),
            max_in_flight_requests: 1,
            ..Self::default()
        }
    }

    /// Whether the producer is idempotent.
    pub fn is_idempotent(&self) -> bool {
        self.enable_idempotence
            .unwrap_or_else(|| self.against_idempotence().is_none())
    }

    fn against_idempotence(&self) -> Option<&'static str> {
        match self {
            it if it.acks != Acks::All => Some("it needs `acks` to be `all`"),
            it if it.retries == 0 => Some("it needs `retries` of at least 1"),
            it if it.max_in_flight_requests > IDEMPOTENT_IN_FLIGHT => {
                Some("it needs `max_in_flight_requests` of at most 5")
            }
            _ => None,
        }
    }

    /// Checks what goes together.
    ///
    /// # Errors
    /// Two settings contradict each other, or one allows nothing.
    pub fn check(&self) -> Result<()> {
        if self.max_in_flight_requests == 0 {
            return Err(Error::invalid(
                "`max_in_flight_requests` must be at least 1",
            ));
        }
        if self.batch_size > 256 << 20 {
            return Err(Error::invalid("`batch_size` must be at most 256 MiB"));
        }
        match self.against_idempotence() {
            Some(reason) if self.enable_idempotence == Some(true) => {
                Err(Error::invalid(format!("`enable_idempotence`: {reason}")))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_producer_is_idempotent_unless_its_settings_forbid_it() {
        assert!(ProducerSettings::default().is_idempotent());
        assert!(ProducerSettings::high_durability().is_idempotent());
        assert!(!ProducerSettings::high_throughput().is_idempotent());
        assert!(!ProducerSettings::low_latency().is_idempotent());
    }

    #[test]
    fn idempotence_that_the_other_settings_forbid_is_refused_with_the_reason() {
        let settings = ProducerSettings {
            enable_idempotence: Some(true),
            ..ProducerSettings::high_throughput()
        };
        let refused = settings.check().unwrap_err().to_string();
        assert_eq!(refused, "`enable_idempotence`: it needs `acks` to be `all`");
    }
}
