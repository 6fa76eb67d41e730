//! The batches of one partition, in their order.

use std::collections::VecDeque;

use bytes::Bytes;
use millrace_kafka_wire::batch::{
    BatchBuilder, BatchHeader, HEADER_SIZE, Records, compress_batch, decompress,
};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;

use super::partitioner::Counted;
use super::settings::ProducerSettings;
use super::{Delivered, NewRecord};
use crate::Result;
use crate::error::Error;

/// Between the numbers of batches, so that there are some for what they are divided into.
const GAP: u64 = 1 << 24;

/// A record that was taken, with who waits for it.
pub struct Accepted {
    pub record: NewRecord,
    pub timestamp: i64,
    pub answer: oneshot::Sender<Result<Delivered>>,
    pub room: Room,
}

/// The room that a record takes; it is given back when this is dropped.
pub struct Room {
    pub _bytes: OwnedSemaphorePermit,
    pub _record: OwnedSemaphorePermit,
    pub _counted: Option<Counted>,
}

/// The number of an idempotent producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    pub id: i64,
    pub epoch: i16,
}

/// Where a batch went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    pub base_offset: Option<i64>,
    /// The broker's time, where it counts.
    pub append_time: Option<i64>,
}

struct Receipt {
    answer: oneshot::Sender<Result<Delivered>>,
    timestamp: i64,
    /// Gives the room back when it is dropped.
    _room: Room,
}

struct Open {
    builder: BatchBuilder,
    receipts: Vec<Receipt>,
    since: Instant,
}

enum State {
    Ready,
    InFlight,
    Done(Result<Written>),
}

struct Batch {
    number: u64,
    bytes: Bytes,
    receipts: Vec<Receipt>,
    since: Instant,
    attempts: u32,
    /// Whether it is a part of one that was divided. Such go one by one: one that has to be divided again
    /// would come behind those that were sent after it.
    is_part: bool,
    state: State,
}

/// The batches of one partition: one that is open, those that wait, those that were sent.
pub struct Queue {
    partition: i32,
    identity: Option<Identity>,
    open: Option<Open>,
    batches: VecDeque<Batch>,
    next_number: u64,
    next_sequence: i32,
    in_flight: usize,
    /// Whether the broker knows a sequence of this producer. It takes any as the first, so the first
    /// batch goes alone: one behind it, on a connection that came later, might be before it.
    is_begun: bool,
    /// Whether a batch is to be sent again: those that were sent behind it are waited for first, so
    /// that their order stays.
    is_recovering: bool,
    not_before: Option<Instant>,
}

impl Queue {
    pub fn new(partition: i32, identity: Option<Identity>) -> Self {
        Self {
            partition,
            identity,
            open: None,
            batches: VecDeque::new(),
            next_number: 0,
            next_sequence: 0,
            in_flight: 0,
            is_begun: identity.is_none(),
            is_recovering: false,
            not_before: None,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.open.is_none() && self.batches.is_empty()
    }

    /// Takes a record into the batch that is open, or into a new one.
    pub fn add(&mut self, accepted: Accepted, settings: &ProducerSettings, now: Instant) {
        let Accepted {
            record,
            timestamp,
            answer,
            room,
        } = accepted;
        let is_full = |it: &Open| it.builder.size() + record.size() > settings.batch_size;
        if self.open.as_ref().is_some_and(is_full) {
            self.close(settings);
        }
        let (identity, sequence) = (self.identity, self.next_sequence);
        let open = self.open.get_or_insert_with(|| Open {
            builder: builder(identity, sequence),
            receipts: Vec::new(),
            since: now,
        });
        let headers = record.headers.iter();
        let headers: Vec<_> = headers
            .map(|(key, value)| (&**key, value.as_deref()))
            .collect();
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        open.builder.add(timestamp, key, value, &headers);
        open.receipts.push(Receipt {
            answer,
            timestamp,
            _room: room,
        });
        // Sequences begin again at 0 behind the largest one.
        self.next_sequence = self.next_sequence.wrapping_add(1) & i32::MAX;
        if open.builder.size() >= settings.batch_size {
            self.close(settings);
        }
    }

    /// Lets no more records into the batch that is open.
    pub fn close(&mut self, settings: &ProducerSettings) {
        let Some(open) = self.open.take() else {
            return;
        };
        let compressed = compress_batch(settings.compression, open.builder.finish());
        let (bytes, state) = match compressed {
            Ok(bytes) => (bytes.into(), State::Ready),
            Err(error) => {
                let error = Error::invalid(format!("a batch cannot be compressed: {error}"));
                (Bytes::new(), State::Done(Err(error)))
            }
        };
        self.batches.push_back(Batch {
            number: self.next_number,
            bytes,
            receipts: open.receipts,
            since: open.since,
            attempts: 0,
            is_part: false,
            state,
        });
        self.next_number += GAP;
    }

    /// When the batch that is open has waited long enough.
    pub fn closes_at(&self, settings: &ProducerSettings) -> Option<Instant> {
        self.open.as_ref().map(|it| it.since + settings.linger)
    }

    /// When something can be sent that cannot yet.
    pub fn ready_at(&self) -> Option<Instant> {
        let waits = self.not_before?;
        let mut batches = self.batches.iter();
        batches
            .any(|it| matches!(it.state, State::Ready))
            .then_some(waits)
    }

    /// The batch that may be sent next.
    pub fn next(&self, now: Instant) -> Option<(u64, Bytes)> {
        let waits = self.not_before.is_some_and(|it| it > now);
        let is_divided = self.batches.front().is_some_and(|it| it.is_part);
        let goes_alone = self.is_recovering || !self.is_begun || is_divided;
        if waits || (goes_alone && self.in_flight > 0) {
            return None;
        }
        let mut batches = self.batches.iter();
        let next = batches.find(|it| matches!(it.state, State::Ready))?;
        Some((next.number, next.bytes.clone()))
    }

    pub fn sent(&mut self, number: u64) {
        if let Some(batch) = self.find(number) {
            batch.state = State::InFlight;
            self.in_flight += 1;
            self.is_recovering = false;
            self.not_before = None;
        }
    }

    /// Whether a batch that was sent before this one is still to be decided.
    pub fn has_earlier(&self, number: u64) -> bool {
        let mut earlier = self.batches.iter().take_while(|it| it.number < number);
        earlier.any(|it| !matches!(it.state, State::Done(_)))
    }

    pub fn finish(&mut self, number: u64, result: Result<Written>) {
        self.is_begun |= result.is_ok();
        self.set(number, State::Done(result));
        self.report();
    }

    /// Has a batch sent again, not before a pause; `None` when that was done often enough.
    pub fn retry(&mut self, number: u64, settings: &ProducerSettings, not_before: Instant) -> bool {
        let Some(batch) = self.find(number) else {
            return true;
        };
        batch.attempts = batch.attempts.saturating_add(1);
        if batch.attempts > settings.retries {
            return false;
        }
        self.set(number, State::Ready);
        self.is_recovering = true;
        self.not_before = Some(not_before);
        true
    }

    /// Has the halves of a batch sent that is too large for its topic, as Java's producer does; false when
    /// it is one record, or cannot be divided.
    pub fn split(&mut self, number: u64, settings: &ProducerSettings) -> bool {
        let Some(at) = self.batches.iter().position(|it| it.number == number) else {
            return true;
        };
        let next = self.batches.get(at + 1).map(|it| it.number);
        let between = number + (next.unwrap_or(self.next_number) - number) / 2;
        if between == number {
            return false;
        }
        let batch = &mut self.batches[at];
        let Some((first, second)) = halves(&batch.bytes, self.identity, settings) else {
            return false;
        };
        let receipts = batch.receipts.split_off(batch.receipts.len() / 2);
        batch.bytes = first;
        batch.is_part = true;
        let second = Batch {
            number: between,
            bytes: second,
            receipts,
            since: batch.since,
            attempts: batch.attempts,
            is_part: true,
            state: State::Ready,
        };
        self.set(number, State::Ready);
        self.batches.insert(at + 1, second);
        self.is_recovering = true;
        true
    }

    /// How often a batch was sent in vain.
    pub fn attempts(&mut self, number: u64) -> u32 {
        self.find(number).map_or(0, |it| it.attempts)
    }

    /// The first batch that waits since before then.
    pub fn expired(&self, before: Instant) -> Option<u64> {
        let mut batches = self.batches.iter();
        let late = batches.find(|it| matches!(it.state, State::Ready) && it.since < before);
        late.map(|it| it.number)
    }

    /// Fails all that is not on its way.
    pub fn fail(&mut self, error: &Error) {
        if let Some(open) = self.open.take() {
            self.batches.push_back(Batch {
                number: self.next_number,
                bytes: Bytes::new(),
                receipts: open.receipts,
                since: open.since,
                attempts: 0,
                is_part: false,
                state: State::Ready,
            });
            self.next_number += GAP;
        }
        for batch in &mut self.batches {
            if matches!(batch.state, State::Ready) {
                batch.state = State::Done(Err(error.clone()));
            }
        }
        self.report();
    }

    fn find(&mut self, number: u64) -> Option<&mut Batch> {
        self.batches.iter_mut().find(|it| it.number == number)
    }

    fn set(&mut self, number: u64, state: State) {
        if let Some(batch) = self.find(number) {
            let was_in_flight = matches!(batch.state, State::InFlight);
            batch.state = state;
            self.in_flight -= usize::from(was_in_flight);
        }
    }

    /// Tells of the batches at the front that are decided.
    pub fn report(&mut self) {
        while matches!(self.batches.front(), Some(it) if matches!(it.state, State::Done(_))) {
            let Some(batch) = self.batches.pop_front() else {
                return;
            };
            if let State::Done(result) = batch.state {
                tell(self.partition, batch.receipts, &result);
            }
        }
    }
}

/// A batch that begins with this sequence, which only an idempotent producer has.
fn builder(identity: Option<Identity>, sequence: i32) -> BatchBuilder {
    match identity {
        Some(it) => BatchBuilder::new(0).producer(it.id, it.epoch, sequence),
        None => BatchBuilder::new(0),
    }
}

/// The two halves of a batch with more than one record, which go on with its sequence; `None` when there
/// are none.
fn halves(
    bytes: &Bytes,
    identity: Option<Identity>,
    settings: &ProducerSettings,
) -> Option<(Bytes, Bytes)> {
    let header = BatchHeader::read(bytes).ok()?;
    let (count, first_count) = (header.record_count, header.record_count / 2);
    if first_count == 0 {
        return None;
    }
    let codec = header.attributes.compression()?;
    let records = decompress(codec, bytes.get(HEADER_SIZE..)?, i32::MAX as usize).ok()?;
    let behind = header.base_sequence.wrapping_add(first_count) & i32::MAX;
    let mut first = builder(identity, header.base_sequence);
    let mut second = builder(identity, behind);
    for (index, record) in (0..).zip(Records::new(&records, count)) {
        let record = record.ok()?;
        let half = match index < first_count {
            true => &mut first,
            false => &mut second,
        };
        let headers: Vec<_> = record.headers.iter().map(|it| (it.key, it.value)).collect();
        let timestamp = header.base_timestamp.saturating_add(record.timestamp_delta);
        half.add(timestamp, record.key, record.value, &headers);
    }
    let whole = |half: BatchBuilder| compress_batch(settings.compression, half.finish()).ok();
    Some((whole(first)?.into(), whole(second)?.into()))
}

fn tell(partition: i32, receipts: Vec<Receipt>, result: &Result<Written>) {
    for (index, receipt) in (0..).zip(receipts) {
        let told = result.as_ref().map_err(Clone::clone).map(|it| Delivered {
            partition,
            offset: it.base_offset.map(|base| base.saturating_add(index)),
            timestamp: it.append_time.unwrap_or(receipt.timestamp),
        });
        // Who sent the record need not wait for it.
        let _unread = receipt.answer.send(told);
    }
}
