//! What the log knows of its idempotent and transactional producers (KIP-98, KIP-890).
//!
//! For each producer id: its epoch, its last five batches, and where its open transaction began.
//! A batch that comes twice is answered with the offset that it has; one that comes out of order
//! is refused. Kept in `.snapshot` files and rebuilt from the batches behind the newest of them.

use std::collections::{BTreeMap, HashMap};

use millrace_kafka_wire::batch::BatchHeader;

mod check;
mod entry;
mod refusal;
mod snapshot;

pub use check::Origin;
pub(crate) use check::{Marker, Verdict};
pub use entry::{LastBatch, Producer};
pub use refusal::Refusal;

use crate::txn_index::AbortedTxn;

/// The producers of one log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Producers {
    by_id: HashMap<i64, Producer>,
    /// First offset of each open transaction, and its producer.
    open: BTreeMap<i64, i64>,
    /// First offset of each transaction whose marker may not be replicated, and its last offset.
    ended: BTreeMap<i64, i64>,
    /// The offset after the last batch that is accounted for.
    pub end_offset: i64,
}

/// What a batch does to its producer, before it is written.
#[derive(Clone, Debug)]
pub(crate) struct Update {
    pub id: i64,
    pub producer: Producer,
    /// It opened a transaction at this offset.
    pub opened: Option<i64>,
    pub ended: Option<EndedTxn>,
}

/// Batches of producers that stand in the log, whatever else is known of them.
#[derive(Default)]
pub(crate) struct Older(HashMap<i64, Producer>);

#[derive(Clone, Copy, Debug)]
pub(crate) struct EndedTxn {
    pub first_offset: i64,
    /// That of the marker.
    pub last_offset: i64,
    pub is_aborted: bool,
}

impl Older {
    /// Notes the batch of this header.
    pub fn add(&mut self, header: &BatchHeader) {
        if !header.is_idempotent() {
            return;
        }
        let producer = self.0.entry(header.producer_id);
        let producer = producer.or_insert_with(Producer::unknown);
        match header.attributes.is_control() {
            true => producer.set_epoch(header.producer_epoch),
            false => drop(producer.add(header, header.base_offset)),
        }
    }
}

impl Producers {
    /// None, at an offset.
    pub fn at(end_offset: i64) -> Self {
        Self {
            end_offset,
            ..Self::default()
        }
    }

    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub fn get(&self, id: i64) -> Option<&Producer> {
        self.by_id.get(&id)
    }

    pub fn iter(&self) -> impl Iterator<Item = (i64, &Producer)> {
        self.by_id.iter().map(|(id, producer)| (*id, producer))
    }

    pub fn insert(&mut self, id: i64, producer: Producer) {
        if let Some(first) = producer.txn_first_offset {
            self.open.insert(first, id);
        }
        self.by_id.insert(id, producer);
    }

    /// Takes over the older batches of those producers whose last one is the same.
    pub fn remember(&mut self, older: Older) {
        for (id, older) in older.0 {
            if let Some(known) = self.by_id.get_mut(&id)
                && known.epoch == older.epoch
                && known.last_place().is_some()
                && known.last_place() == older.last_place()
            {
                known.batches = older.batches;
            }
        }
    }

    /// Applies what was written. Returns the transaction that it aborted.
    pub fn apply(&mut self, update: Update) -> Option<AbortedTxn> {
        let id = update.id;
        if let Some(first) = update.opened {
            self.open.insert(first, id);
        }
        self.by_id.insert(id, update.producer);
        let ended = update.ended?;
        self.open.remove(&ended.first_offset);
        self.ended.insert(ended.first_offset, ended.last_offset);
        let next_open = self.open.first_key_value().map(|(first, _)| *first);
        ended.is_aborted.then_some(AbortedTxn {
            producer_id: id,
            first_offset: ended.first_offset,
            last_offset: ended.last_offset,
            last_stable_offset: next_open.unwrap_or(ended.last_offset + 1),
        })
    }

    /// Up to which offset every transaction is decided, for readers that see up to `high_watermark`.
    pub fn last_stable_offset(&self, high_watermark: i64) -> i64 {
        let undecided = self.open.first_key_value().map(|(first, _)| *first);
        let unreplicated = self
            .ended
            .iter()
            .find(|(_, last)| **last >= high_watermark)
            .map(|(first, _)| *first);
        undecided
            .into_iter()
            .chain(unreplicated)
            .fold(high_watermark, i64::min)
    }

    /// Forgets transactions whose markers lie below the high watermark.
    pub fn on_high_watermark(&mut self, high_watermark: i64) {
        self.ended.retain(|_, last| *last >= high_watermark);
    }

    /// Forgets producers that wrote nothing for so long and have no transaction open.
    pub fn expire(&mut self, now: i64, expiration_ms: i64) {
        self.by_id.retain(|_, producer| {
            let idle = now.saturating_sub(producer.last_timestamp);
            producer.txn_first_offset.is_some() || idle < expiration_ms
        });
    }

    /// First offset and producer of the oldest transaction that is open.
    pub fn oldest_open(&self) -> Option<(i64, i64)> {
        self.open.first_key_value().map(|(first, id)| (*first, *id))
    }
}
