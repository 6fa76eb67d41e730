//! The records of `__transaction_state`, in the version that Kafka 4.3.1 writes.

use std::fmt;

use bytes::Bytes;
use millrace_kafka_wire::records::transaction_log::{
    PartitionsSchema, TransactionLogKey, TransactionLogValue,
};
use millrace_kafka_wire::{
    Message, ReadError, Reader, Str, read_prefix, read_versioned, write_prefixed,
};

use super::entry::{NONE, PartitionSet, Transaction};
use super::state::State;
use crate::group::KeyAndValue;

const VALUE_VERSION: i16 = 1;

/// The longest transactional id that a key can hold, in bytes.
pub(super) const ID_MAX: usize = i16::MAX as usize;

const FITS: &str =
    "ids and topics are short enough for a record: they were checked, or read from one";

/// A record that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// It has not the format of its version, or a version that is not known.
    Format(ReadError),
    /// It is in a state that no version of Kafka writes.
    Status {
        /// Whose record it is.
        transactional_id: Str,
        /// The number that stands for the state.
        status: i8,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format(error) => error.fmt(f),
            Self::Status {
                transactional_id,
                status,
            } => write!(
                f,
                "transactional id {transactional_id:?} has status {status}, but a record has one from 0 to 5"
            ),
        }
    }
}

impl std::error::Error for LoadError {}

impl From<ReadError> for LoadError {
    fn from(error: ReadError) -> Self {
        Self::Format(error)
    }
}

/// What a record is of.
#[derive(Debug, PartialEq)]
pub(super) enum Key {
    Transaction(Str),
    /// A record of a kind that is not known, by its number.
    Other(i16),
}

pub(super) fn read_key(key: Bytes) -> Result<Key, ReadError> {
    let mut reader = Reader::new(key);
    match read_prefix(&mut reader)? {
        TransactionLogKey::ID => {
            let key = TransactionLogKey::read(&mut reader, 0)?;
            Ok(Key::Transaction(key.transactional_id))
        }
        number => Ok(Key::Other(number)),
    }
}

pub(super) fn read_value(id: &Str, value: Bytes) -> Result<Transaction, LoadError> {
    let (_, value) = read_versioned::<TransactionLogValue>(value)?;
    let status = value.transaction_status;
    let state = State::from_number(status).ok_or_else(|| LoadError::Status {
        transactional_id: id.detach(),
        status,
    })?;
    let mut partitions = PartitionSet::new();
    for it in value.transaction_partitions.into_iter().flatten() {
        let of_topic = partitions.entry(it.topic.detach()).or_default();
        of_topic.extend(it.partition_ids);
    }
    partitions.retain(|_, it| !it.is_empty());
    Ok(Transaction {
        producer_id: value.producer_id,
        previous_producer_id: value.previous_producer_id,
        next_producer_id: value.next_producer_id,
        epoch: value.producer_epoch,
        last_epoch: NONE.into(),
        timeout_ms: value.transaction_timeout_ms,
        state,
        partitions,
        started_at: value.transaction_start_timestamp_ms,
        updated_at: value.transaction_last_update_timestamp_ms,
        version: value.client_transaction_version,
    })
}

pub(super) fn record(id: &Str, transaction: &Transaction) -> KeyAndValue {
    let partitions = transaction.partitions.iter().map(|(topic, indexes)| {
        let partition_ids = indexes.iter().copied().collect();
        PartitionsSchema {
            topic: topic.clone(),
            partition_ids,
        }
    });
    let partitions = match transaction.state {
        State::Empty => None,
        _ => Some(partitions.collect()),
    };
    let value = TransactionLogValue {
        producer_id: transaction.producer_id,
        previous_producer_id: transaction.previous_producer_id,
        next_producer_id: transaction.next_producer_id,
        producer_epoch: transaction.epoch,
        transaction_timeout_ms: transaction.timeout_ms,
        transaction_status: transaction.state.number(),
        transaction_partitions: partitions,
        transaction_last_update_timestamp_ms: transaction.updated_at,
        transaction_start_timestamp_ms: transaction.started_at,
        client_transaction_version: transaction.version,
        ..TransactionLogValue::default()
    };
    let value = write_prefixed(VALUE_VERSION, &value, VALUE_VERSION).expect(FITS);
    (key(id), Some(value))
}

pub(super) fn tombstone(id: &Str) -> KeyAndValue {
    (key(id), None)
}

fn key(id: &Str) -> Bytes {
    let key = TransactionLogKey {
        transactional_id: id.clone(),
    };
    write_prefixed(TransactionLogKey::ID, &key, 0).expect(FITS)
}
