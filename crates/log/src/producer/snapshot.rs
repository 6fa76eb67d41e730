//! `.snapshot` files: the producers at an offset, which is in the name.
//!
//! A version of two bytes and a [`ProducerSnapshot`], whose CRC-32C covers what follows it. Only the
//! last batch of a producer is kept.

use bytes::Bytes;
use millrace_kafka_wire::records::producer_snapshot::{ProducerEntry, ProducerSnapshot};
use millrace_kafka_wire::{Message, Reader, write_prefixed};

use super::{LastBatch, Producer, Producers};

const VERSION: i16 = 1;
/// Where the checksum lies, and where what it covers begins.
const CRC_AT: usize = 2;
const COVERED_AT: usize = 6;

impl Producers {
    pub fn to_snapshot(&self) -> Vec<u8> {
        let mut entries: Vec<_> = self.iter().map(|(id, it)| to_entry(id, it)).collect();
        entries.sort_unstable_by_key(|it| it.producer_id);
        let snapshot = ProducerSnapshot {
            crc: 0,
            producer_entries: entries,
        };
        let written = write_prefixed(VERSION, &snapshot, VERSION);
        let written = written
            .expect("the version has all fields, and two billion producers do not fit memory");
        let mut bytes = written.to_vec();
        let crc = crc32c::crc32c(&bytes[COVERED_AT..]);
        bytes[CRC_AT..COVERED_AT].copy_from_slice(&crc.to_be_bytes());
        bytes
    }

    /// The producers at `offset`; `None` when the file is not whole.
    pub fn from_snapshot(bytes: &[u8], offset: i64) -> Option<Self> {
        let crc = crc32c::crc32c(bytes.get(COVERED_AT..)?);
        let snapshot = bytes.strip_prefix(&VERSION.to_be_bytes())?;
        let mut reader = Reader::new(Bytes::copy_from_slice(snapshot));
        let snapshot = ProducerSnapshot::read(&mut reader, VERSION).ok()?;
        if snapshot.crc != crc || reader.left() > 0 {
            return None;
        }
        let mut producers = Self::at(offset);
        for entry in &snapshot.producer_entries {
            producers.insert(entry.producer_id, from_entry(entry));
        }
        Some(producers)
    }
}

fn to_entry(id: i64, producer: &Producer) -> ProducerEntry {
    let last = producer.batches.last();
    ProducerEntry {
        producer_id: id,
        epoch: producer.epoch,
        last_sequence: producer.last_sequence(),
        last_offset: last.map_or(-1, |it| it.last_offset),
        offset_delta: last.map_or(0, |it| it.offset_delta),
        timestamp: producer.last_timestamp,
        coordinator_epoch: producer.coordinator_epoch,
        current_txn_first_offset: producer.txn_first_offset.unwrap_or(-1),
    }
}

fn from_entry(entry: &ProducerEntry) -> Producer {
    let last = (entry.last_offset >= 0).then_some(LastBatch {
        last_sequence: entry.last_sequence,
        last_offset: entry.last_offset,
        offset_delta: entry.offset_delta,
        timestamp: entry.timestamp,
    });
    let txn = entry.current_txn_first_offset;
    Producer {
        epoch: entry.epoch,
        batches: last.into_iter().collect(),
        last_timestamp: entry.timestamp,
        coordinator_epoch: entry.coordinator_epoch,
        txn_first_offset: (txn >= 0).then_some(txn),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one() -> Producers {
        let mut producers = Producers::default();
        let last = LastBatch {
            last_sequence: 9,
            last_offset: 0x100,
            offset_delta: 2,
            timestamp: 0x200,
        };
        let producer = Producer {
            epoch: 3,
            batches: vec![last],
            last_timestamp: 0x200,
            coordinator_epoch: 5,
            txn_first_offset: Some(0xfe),
        };
        producers.insert(7, producer);
        producers.end_offset = 0x101;
        producers
    }

    #[test]
    fn a_snapshot_is_laid_out_as_kafka_does() {
        let bytes = one().to_snapshot();
        #[rustfmt::skip]
        let covered = [
            0, 0, 0, 1,
            0, 0, 0, 0, 0, 0, 0, 7, 0, 3, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2,
            0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0xfe,
        ];
        assert_eq!(bytes[..2], [0, 1]);
        assert_eq!(bytes[2..6], crc32c::crc32c(&covered).to_be_bytes());
        assert_eq!(bytes[6..], covered);
    }

    #[test]
    fn what_is_written_is_read_and_a_changed_bit_is_found() {
        let mut bytes = one().to_snapshot();
        let read = Producers::from_snapshot(&bytes, 0x101).unwrap();
        assert_eq!(read.get(7), one().get(7));
        assert_eq!(read.oldest_open(), Some((0xfe, 7)));
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Producers::from_snapshot(&bytes, 0x101).is_none(), "{bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        assert!(Producers::from_snapshot(&bytes[..20], 0x101).is_none());
        assert!(Producers::from_snapshot(&[], 0x101).is_none());
    }
}
