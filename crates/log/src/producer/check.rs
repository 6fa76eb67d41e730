//! The rules of sequences, epochs and markers.

use millrace_kafka_wire::batch::{BatchHeader, HEADER_SIZE, Records};

use super::{EndedTxn, Producer, Producers, Refusal, Update};
use crate::batch::Batch;

/// Who wrote a batch, which tells what is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A client: epochs and sequences. From version 2 of transactions on (KIP-890), a
    /// transactional producer of which nothing is known must begin with sequence 0.
    Client {
        /// `transaction.version`, from 0.
        transaction_version: u8,
    },
    /// A coordinator: markers, and records without sequences. From version 2 of transactions on,
    /// a marker has a larger epoch than the records that it ends.
    Coordinator {
        /// `transaction.version`, from 0.
        transaction_version: u8,
    },
    /// A leader, which has checked it.
    Leader,
}

/// What is to be done with a batch.
pub(crate) enum Verdict {
    Append(Option<Update>),
    /// It is in the log already, from this offset on.
    Duplicate(i64),
    /// A marker with nothing to end.
    AlreadyEnded,
}

/// What a marker says; see `BatchBuilder::marker`.
pub(crate) struct Marker {
    pub is_aborted: bool,
    pub coordinator_epoch: i32,
}

impl Producers {
    /// Judges a batch that would begin at `base_offset`; `staged` is what batches before it in the
    /// same call did to its producer.
    ///
    /// # Errors
    /// It is not to be appended.
    pub fn judge(
        &self,
        batch: &Batch,
        base_offset: i64,
        origin: Origin,
        staged: Option<&Producer>,
    ) -> Result<Verdict, Refusal> {
        let header = &batch.header;
        if !header.is_idempotent() {
            return Ok(Verdict::Append(None));
        }
        let known = staged.or_else(|| self.get(header.producer_id));
        let producer = known.cloned().unwrap_or_else(Producer::unknown);
        if header.attributes.is_control() {
            // The leader has compacted away what it said, and all that this was said of.
            if origin == Origin::Leader && header.record_count == 0 {
                return Ok(Verdict::Append(None));
            }
            let marker = Marker::read(header, &batch.bytes[HEADER_SIZE..]);
            let marker = marker.ok_or(Refusal::Marker)?;
            return judge_marker(header, &marker, base_offset, origin, producer);
        }
        if let (Origin::Client { .. }, Some(first)) = (origin, producer.duplicate_of(header)) {
            return Ok(Verdict::Duplicate(first.first_offset()));
        }
        check(header, origin, &producer)?;
        Ok(Verdict::Append(Some(data_update(
            header,
            base_offset,
            producer,
        ))))
    }

    /// Accounts for a batch that is in the log; `records` are the bytes behind its header, which
    /// are looked at when it is a control batch.
    pub fn replay(&mut self, header: &BatchHeader, records: &[u8]) -> Option<Update> {
        self.end_offset = header.next_offset();
        if !header.is_idempotent() {
            return None;
        }
        let known = self.get(header.producer_id).cloned();
        let mut producer = known.unwrap_or_else(Producer::unknown);
        if !header.attributes.is_control() {
            return Some(data_update(header, header.base_offset, producer));
        }
        // A cleaner may have emptied it.
        let marker = Marker::read(header, records)?;
        let ended = end(header, &marker, header.base_offset, &mut producer);
        Some(Update {
            id: header.producer_id,
            producer,
            opened: None,
            ended,
        })
    }
}

fn data_update(header: &BatchHeader, base_offset: i64, mut producer: Producer) -> Update {
    let opens = producer.add(header, base_offset);
    Update {
        id: header.producer_id,
        producer,
        opened: opens.then_some(base_offset),
        ended: None,
    }
}

fn check(header: &BatchHeader, origin: Origin, producer: &Producer) -> Result<(), Refusal> {
    if origin == Origin::Leader {
        return Ok(());
    }
    check_epoch(header, producer)?;
    if let Origin::Client {
        transaction_version,
    } = origin
    {
        check_sequence(header, producer, transaction_version)?;
    }
    match producer.txn_first_offset.is_some() && !header.attributes.is_transactional() {
        true => Err(Refusal::TransactionState),
        false => Ok(()),
    }
}

fn check_epoch(header: &BatchHeader, producer: &Producer) -> Result<(), Refusal> {
    match header.producer_epoch < producer.epoch {
        true => Err(Refusal::ProducerEpoch {
            given: header.producer_epoch,
            known: producer.epoch,
        }),
        false => Ok(()),
    }
}

fn check_sequence(
    header: &BatchHeader,
    producer: &Producer,
    transaction_version: u8,
) -> Result<(), Refusal> {
    let given = header.base_sequence;
    let last = producer.last_sequence();
    let is_right = if producer.epoch == -1 {
        // Its records may all be deleted, so that any sequence can be the next one.
        given == 0 || transaction_version < 2 || !header.attributes.is_transactional()
    } else if header.producer_epoch != producer.epoch {
        given == 0
    } else {
        given == last.wrapping_add(1) & i32::MAX
    };
    match is_right {
        true => Ok(()),
        false => Err(Refusal::Sequence { given, last }),
    }
}

fn judge_marker(
    header: &BatchHeader,
    marker: &Marker,
    base_offset: i64,
    origin: Origin,
    mut producer: Producer,
) -> Result<Verdict, Refusal> {
    if origin != Origin::Leader {
        check_epoch(header, &producer)?;
        if marker.coordinator_epoch < producer.coordinator_epoch {
            return Err(Refusal::CoordinatorEpoch {
                given: marker.coordinator_epoch,
                known: producer.coordinator_epoch,
            });
        }
    }
    let is_strict = matches!(
        origin,
        Origin::Coordinator {
            transaction_version: 2..
        }
    );
    if is_strict && header.producer_epoch == producer.epoch {
        if producer.txn_first_offset.is_none() {
            return Ok(Verdict::AlreadyEnded);
        }
        // There is no larger epoch than the largest.
        if header.producer_epoch != i16::MAX {
            return Err(Refusal::ProducerEpoch {
                given: header.producer_epoch,
                known: producer.epoch,
            });
        }
    }
    let ended = end(header, marker, base_offset, &mut producer);
    Ok(Verdict::Append(Some(Update {
        id: header.producer_id,
        producer,
        opened: None,
        ended,
    })))
}

/// A marker ends the transaction of its producer, if there is one.
fn end(
    header: &BatchHeader,
    marker: &Marker,
    offset: i64,
    producer: &mut Producer,
) -> Option<EndedTxn> {
    producer.set_epoch(header.producer_epoch);
    producer.coordinator_epoch = marker.coordinator_epoch;
    producer.last_timestamp = header.max_timestamp;
    let first_offset = producer.txn_first_offset.take()?;
    Some(EndedTxn {
        first_offset,
        last_offset: offset,
        is_aborted: marker.is_aborted,
    })
}

impl Marker {
    /// `None` when the batch is no marker, or an empty one.
    pub fn read(header: &BatchHeader, records: &[u8]) -> Option<Self> {
        let record = Records::new(records, header.record_count).next()?.ok()?;
        // Version and type; of the version only that it is none matters.
        let [high, _, 0, kind @ (0 | 1)] = *record.key?.first_chunk()? else {
            return None;
        };
        let value = record.value?.first_chunk::<6>()?;
        let is_version = |byte: u8| byte < 0x80;
        (is_version(high) && is_version(value[0])).then_some(Self {
            is_aborted: kind == 0,
            coordinator_epoch: i32::from_be_bytes([value[2], value[3], value[4], value[5]]),
        })
    }
}
