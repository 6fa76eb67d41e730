//! `.snapshot` files: the producers at an offset, which is in the name.
//!
//! ```text
//! version i16 = 1 · crc u32 · count i32 · entries
//! entry: producer id i64 · epoch i16 · last sequence i32 · last offset i64 · offset delta i32
//!        · timestamp i64 · coordinator epoch i32 · first offset of the open transaction i64
//! ```
//!
//! The CRC-32C covers what follows it. Only the last batch of a producer is kept. Source: Kafka's
//! `ProducerSnapshot.json`.

use super::{LastBatch, Producer, Producers};

const VERSION: i16 = 1;
const HEADER: usize = 10;
const ENTRY: usize = 46;

impl Producers {
    pub fn to_snapshot(&self) -> Vec<u8> {
        let mut entries: Vec<_> = self.iter().collect();
        entries.sort_unstable_by_key(|(id, _)| *id);
        let mut covered = Vec::with_capacity(4 + entries.len() * ENTRY);
        let count = i32::try_from(entries.len()).expect("two billion producers do not fit memory");
        covered.extend_from_slice(&count.to_be_bytes());
        for (id, producer) in entries {
            put_entry(&mut covered, id, producer);
        }
        let crc = crc32c::crc32c(&covered);
        [&VERSION.to_be_bytes()[..], &crc.to_be_bytes(), &covered].concat()
    }

    /// The producers at `offset`; `None` when the file is not whole.
    pub fn from_snapshot(bytes: &[u8], offset: i64) -> Option<Self> {
        let (header, entries) = bytes.split_at_checked(HEADER)?;
        let crc = u32::from_be_bytes([header[2], header[3], header[4], header[5]]);
        if header[..2] != VERSION.to_be_bytes() || crc32c::crc32c(&bytes[6..]) != crc {
            return None;
        }
        let count = i32::from_be_bytes([header[6], header[7], header[8], header[9]]);
        if usize::try_from(count).ok()?.checked_mul(ENTRY)? != entries.len() {
            return None;
        }
        let mut producers = Self::at(offset);
        for entry in entries.chunks_exact(ENTRY) {
            let (id, producer) = read_entry(entry);
            producers.insert(id, producer);
        }
        Some(producers)
    }
}

fn put_entry(out: &mut Vec<u8>, id: i64, producer: &Producer) {
    let last = producer.batches.last();
    out.extend_from_slice(&id.to_be_bytes());
    out.extend_from_slice(&producer.epoch.to_be_bytes());
    out.extend_from_slice(&producer.last_sequence().to_be_bytes());
    out.extend_from_slice(&last.map_or(-1, |it| it.last_offset).to_be_bytes());
    out.extend_from_slice(&last.map_or(0, |it| it.offset_delta).to_be_bytes());
    out.extend_from_slice(&producer.last_timestamp.to_be_bytes());
    out.extend_from_slice(&producer.coordinator_epoch.to_be_bytes());
    out.extend_from_slice(&producer.txn_first_offset.unwrap_or(-1).to_be_bytes());
}

fn read_entry(entry: &[u8]) -> (i64, Producer) {
    let i32_at = |at| i32::from_be_bytes(array(entry, at));
    let i64_at = |at| i64::from_be_bytes(array(entry, at));
    let (last_offset, timestamp, txn) = (i64_at(14), i64_at(26), i64_at(38));
    let last = (last_offset >= 0).then(|| LastBatch {
        last_sequence: i32_at(10),
        last_offset,
        offset_delta: i32_at(22),
        timestamp,
    });
    let producer = Producer {
        epoch: i16::from_be_bytes(array(entry, 8)),
        batches: last.into_iter().collect(),
        last_timestamp: timestamp,
        coordinator_epoch: i32_at(34),
        txn_first_offset: (txn >= 0).then_some(txn),
    };
    (i64_at(0), producer)
}

/// `at` and what follows lie within the entry.
fn array<const N: usize>(entry: &[u8], at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&entry[at..at + N]);
    bytes
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
