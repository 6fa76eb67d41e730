//! Batches made here: markers, the records of coordinators and of metadata, messages of pipelines.

use super::header::{Attributes, BatchHeader, HEADER_SIZE, NO_PRODUCER, PREFIX_SIZE, checksum};
use crate::varint;

/// What a control batch says of the transaction of its producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlType {
    Abort = 0,
    Commit = 1,
}

/// Puts records together to one batch that is not compressed.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    header: BatchHeader,
    bytes: Vec<u8>,
    record: Vec<u8>,
}

impl BatchBuilder {
    /// A batch whose first record will have the given offset.
    pub fn new(base_offset: i64) -> Self {
        Self {
            header: BatchHeader {
                base_offset,
                length: 0,
                leader_epoch: -1,
                crc: 0,
                attributes: Attributes::default(),
                last_offset_delta: -1,
                base_timestamp: -1,
                max_timestamp: -1,
                producer_id: NO_PRODUCER,
                producer_epoch: -1,
                base_sequence: -1,
                record_count: 0,
            },
            bytes: vec![0; HEADER_SIZE],
            record: Vec::new(),
        }
    }

    #[must_use]
    pub fn leader_epoch(mut self, epoch: i32) -> Self {
        self.header.leader_epoch = epoch;
        self
    }

    /// Written by an idempotent producer; the base sequence is −1 in a marker.
    #[must_use]
    pub fn producer(mut self, id: i64, epoch: i16, base_sequence: i32) -> Self {
        self.header.producer_id = id;
        self.header.producer_epoch = epoch;
        self.header.base_sequence = base_sequence;
        self
    }

    #[must_use]
    pub fn transactional(mut self) -> Self {
        self.header.attributes = self.header.attributes.transactional();
        self
    }

    #[must_use]
    pub fn control(mut self) -> Self {
        self.header.attributes = self.header.attributes.control();
        self
    }

    /// The marker that ends a transaction (KIP-98): a batch of one control record.
    pub fn marker(
        kind: ControlType,
        (producer_id, producer_epoch): (i64, i16),
        coordinator_epoch: i32,
        timestamp: i64,
    ) -> Vec<u8> {
        let mut batch = Self::new(0)
            .producer(producer_id, producer_epoch, -1)
            .transactional()
            .control();
        // The key is version and type, the value version and coordinator epoch.
        let key = [0, 0, 0, kind as u8];
        let epoch = coordinator_epoch.to_be_bytes();
        let value = [0, 0, epoch[0], epoch[1], epoch[2], epoch[3]];
        batch.add(timestamp, Some(&key), Some(&value), &[]);
        batch.finish()
    }

    /// How many bytes the batch has so far.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.header.record_count == 0
    }

    /// Appends a record with the next offset.
    pub fn add(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&[u8], Option<&[u8]>)],
    ) {
        let header = &mut self.header;
        if header.record_count == 0 {
            header.base_timestamp = timestamp;
        }
        header.max_timestamp = header.max_timestamp.max(timestamp);
        header.last_offset_delta += 1;
        header.record_count += 1;
        let record = &mut self.record;
        record.clear();
        record.push(0);
        varint::put_i64(timestamp.wrapping_sub(header.base_timestamp), record);
        varint::put_i64(i64::from(header.last_offset_delta), record);
        put_bytes(key, record);
        put_bytes(value, record);
        varint::put_i64(headers.len() as i64, record);
        for (key, value) in headers {
            put_bytes(Some(key), record);
            put_bytes(*value, record);
        }
        put_bytes(Some(record), &mut self.bytes);
    }

    /// The bytes of the batch, with its checksum.
    ///
    /// # Panics
    /// The batch is larger than 2 GiB, which no length can say.
    pub fn finish(mut self) -> Vec<u8> {
        let length = self.bytes.len() - PREFIX_SIZE;
        self.header.length = i32::try_from(length).expect("a batch is smaller than 2 GiB");
        self.bytes[..HEADER_SIZE].copy_from_slice(&self.header.to_bytes());
        self.header.crc = checksum(&self.bytes);
        self.bytes[..HEADER_SIZE].copy_from_slice(&self.header.to_bytes());
        self.bytes
    }
}

fn put_bytes(bytes: Option<&[u8]>, out: &mut Vec<u8>) {
    match bytes {
        Some(bytes) => {
            varint::put_i64(bytes.len() as i64, out);
            out.extend_from_slice(bytes);
        }
        None => varint::put_i64(-1, out),
    }
}
