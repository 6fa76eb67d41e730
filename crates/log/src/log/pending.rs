//! What one call writes with one system call.

use std::collections::HashMap;
use std::io::IoSlice;

use millrace_kafka_wire::batch::{BatchHeader, HEADER_SIZE};

use crate::batch::Batch;
use crate::producer::{Producer, Update};

/// What one call writes to one segment with one system call.
#[derive(Default)]
pub(super) struct Pending<'a> {
    /// Which batch of the call it is, its bytes, and the header that it gets.
    pub batches: Vec<(usize, &'a Batch, BatchHeader)>,
    pub updates: Vec<Update>,
    pub bytes: u64,
    /// Producers as they are after the batches.
    pub staged: HashMap<i64, Producer>,
}

impl<'a> Pending<'a> {
    pub fn add(
        &mut self,
        index: usize,
        batch: &'a Batch,
        header: BatchHeader,
        update: Option<Update>,
    ) {
        self.bytes += header.size() as u64;
        self.batches.push((index, batch, header));
        if let Some(update) = update {
            self.staged.insert(update.id, update.producer.clone());
            self.updates.push(update);
        }
    }

    /// The parts of the write: new headers, and the records as they came.
    pub fn parts<'b>(&'b self, headers: &'b mut Vec<u8>) -> Vec<IoSlice<'b>> {
        headers.clear();
        for (_, batch, header) in &self.batches {
            let mut header = *header;
            let is_changed = batch.is_changed
                || header.max_timestamp != batch.header.max_timestamp
                || header.attributes != batch.header.attributes;
            if is_changed {
                let covered = crc32c::crc32c(&header.to_bytes()[21..]);
                header.crc = crc32c::crc32c_append(covered, &batch.bytes[HEADER_SIZE..]);
            }
            headers.extend_from_slice(&header.to_bytes());
        }
        let headers = headers.chunks_exact(HEADER_SIZE);
        let batches = self.batches.iter().zip(headers);
        batches
            .flat_map(|((_, batch, _), header)| [header, &batch.bytes[HEADER_SIZE..]])
            .map(IoSlice::new)
            .collect()
    }
}
