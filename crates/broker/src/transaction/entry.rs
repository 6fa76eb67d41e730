//! One transactional id, and how it gets from state to state.

use std::collections::{BTreeMap, BTreeSet};

use millrace_kafka_wire::Str;

use super::state::State;

/// No producer id, no epoch, no time.
pub(super) const NONE: i8 = -1;

/// The largest epoch that a producer is given. One more is left, so that it can be fenced.
pub(super) const LAST_EPOCH: i16 = i16::MAX - 1;

/// The version of transactions from which every end raises the epoch (KIP-890).
pub(super) const EPOCH_RISES_FROM: i16 = 2;

/// Topics and the partitions of each.
pub(super) type PartitionSet = BTreeMap<Str, BTreeSet<i32>>;

/// A transactional id: its producer and its transaction.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Transaction {
    pub producer_id: i64,
    /// The id before the last change of anything.
    pub previous_producer_id: i64,
    /// The id after this transaction, when its epochs are used up; −1 else.
    pub next_producer_id: i64,
    pub epoch: i16,
    /// The epoch before the one that the producer gave itself by a request; −1 when there is none,
    /// or another producer took the id. Kafka's records do not have it.
    pub last_epoch: i16,
    pub timeout_ms: i32,
    pub state: State,
    /// Those in the transaction; while it ends, those that were not told.
    pub partitions: PartitionSet,
    /// −1 before the first transaction.
    pub started_at: i64,
    pub updated_at: i64,
    /// The version of transactions by which its state changed last.
    pub version: i16,
}

impl Transaction {
    /// One whose producer has no epoch yet.
    pub fn new(producer_id: i64) -> Self {
        Self {
            producer_id,
            previous_producer_id: NONE.into(),
            next_producer_id: NONE.into(),
            epoch: NONE.into(),
            last_epoch: NONE.into(),
            timeout_ms: 0,
            state: State::Empty,
            partitions: PartitionSet::new(),
            started_at: NONE.into(),
            updated_at: NONE.into(),
            version: 0,
        }
    }

    /// No further epoch can be given out.
    pub fn is_exhausted(&self) -> bool {
        self.epoch >= LAST_EPOCH
    }

    /// Its producer begins anew, without a transaction.
    pub fn restart(&mut self, now: i64, identity: (i64, i16), last_epoch: i16, timeout_ms: i32) {
        self.previous_producer_id = self.producer_id;
        (self.producer_id, self.epoch) = identity;
        self.last_epoch = last_epoch;
        self.timeout_ms = timeout_ms;
        self.state = State::Empty;
        self.partitions.clear();
        self.started_at = NONE.into();
        self.updated_at = now;
    }

    pub fn has(&self, topic: &str, partition: i32) -> bool {
        let partitions = self.partitions.get(topic);
        partitions.is_some_and(|it| it.contains(&partition))
    }

    /// Partitions are in its transaction, which begins if there is none.
    pub fn add(&mut self, now: i64, partitions: PartitionSet, version: i16) {
        if self.state != State::Ongoing {
            self.started_at = now;
        }
        for (topic, indexes) in partitions {
            self.partitions.entry(topic).or_default().extend(indexes);
        }
        self.previous_producer_id = self.producer_id;
        self.state = State::Ongoing;
        self.updated_at = now;
        self.version = version;
    }

    /// It is decided how its transaction ends. `next_producer_id` is given when its epochs are
    /// used up by that.
    pub fn prepare(
        &mut self,
        now: i64,
        is_commit: bool,
        version: i16,
        next_producer_id: Option<i64>,
    ) {
        if version >= EPOCH_RISES_FROM {
            self.last_epoch = self.epoch;
            self.epoch = self.epoch.saturating_add(1);
        }
        // The end of nothing began when it ended.
        if self.state != State::Ongoing {
            self.started_at = now;
        }
        self.previous_producer_id = self.producer_id;
        self.next_producer_id = next_producer_id.unwrap_or(NONE.into());
        self.state = match is_commit {
            true => State::PrepareCommit,
            false => State::PrepareAbort,
        };
        self.updated_at = now;
        self.version = version;
    }

    /// All of its partitions know how its transaction ended.
    pub fn complete(&mut self, now: i64) {
        let identity = self.identity_after_end();
        self.previous_producer_id = self.producer_id;
        (self.producer_id, self.epoch) = identity;
        self.next_producer_id = NONE.into();
        self.partitions.clear();
        self.state = match self.state {
            State::PrepareCommit => State::CompleteCommit,
            _ => State::CompleteAbort,
        };
        self.updated_at = now;
    }

    /// Id and epoch of the producer in its next transaction.
    pub fn identity_after_end(&self) -> (i64, i16) {
        match self.next_producer_id {
            -1 => (self.producer_id, self.epoch),
            next => (next, 0),
        }
    }

    /// A partition was told.
    pub fn remove(&mut self, topic: &str, partition: i32) {
        if let Some(partitions) = self.partitions.get_mut(topic) {
            partitions.remove(&partition);
            if partitions.is_empty() {
                self.partitions.remove(topic);
            }
        }
    }

    /// The end of the last transaction raised the epoch from this one, or began a new producer id
    /// after it: whoever has it may ask again how it ended.
    pub fn ended(&self, producer_id: i64, epoch: i16) -> bool {
        let is_known = self.version >= EPOCH_RISES_FROM;
        let rose = self.producer_id == producer_id && i32::from(epoch) + 1 == i32::from(self.epoch);
        is_known && (rose || self.changed_id(producer_id, epoch))
    }

    fn changed_id(&self, producer_id: i64, epoch: i16) -> bool {
        self.producer_id != producer_id
            && (self.previous_producer_id, LAST_EPOCH, 0) == (producer_id, epoch, self.epoch)
    }

    /// When its transaction times out; `None` for one of Kafka's two-phase commit, which does not.
    pub fn times_out_at(&self) -> Option<i64> {
        let has_timeout = self.timeout_ms != i32::MAX;
        has_timeout.then(|| self.started_at.saturating_add(self.timeout_ms.into()))
    }
}
