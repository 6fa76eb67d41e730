//! One producer.

use millrace_kafka_wire::batch::BatchHeader;

/// How many batches of a producer are remembered.
const REMEMBERED: usize = 5;

/// A batch that a producer wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastBatch {
    /// The sequence of its last record.
    pub last_sequence: i32,
    /// The offset of its last record.
    pub last_offset: i64,
    /// From its first offset to its last.
    pub offset_delta: i32,
    /// Its largest time.
    pub timestamp: i64,
}

impl LastBatch {
    /// The offset of its first record.
    pub fn first_offset(&self) -> i64 {
        self.last_offset - i64::from(self.offset_delta)
    }

    /// Sequences start again at 0 after the largest one.
    pub fn first_sequence(&self) -> i32 {
        self.last_sequence.wrapping_sub(self.offset_delta) & i32::MAX
    }
}

/// What is known of a producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Producer {
    /// −1 when nothing is known.
    pub epoch: i16,
    /// At most five, the newest last; of the present epoch.
    pub batches: Vec<LastBatch>,
    /// The largest timestamp of its last batch or marker.
    pub last_timestamp: i64,
    /// Of the coordinator that wrote its last marker; −1 when there is none.
    pub coordinator_epoch: i32,
    /// Where its open transaction began.
    pub txn_first_offset: Option<i64>,
}

impl Producer {
    pub(crate) fn unknown() -> Self {
        Self {
            epoch: -1,
            batches: Vec::new(),
            last_timestamp: -1,
            coordinator_epoch: -1,
            txn_first_offset: None,
        }
    }

    /// −1 when it wrote nothing in its present epoch.
    pub fn last_sequence(&self) -> i32 {
        self.batches.last().map_or(-1, |it| it.last_sequence)
    }

    /// Sequence and offset of the last record that it wrote in its present epoch.
    pub(crate) fn last_place(&self) -> Option<(i32, i64)> {
        let last = self.batches.last()?;
        Some((last.last_sequence, last.last_offset))
    }

    pub(crate) fn set_epoch(&mut self, epoch: i16) {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.batches.clear();
        }
    }

    /// The batch that `header` repeats.
    pub(crate) fn duplicate_of(&self, header: &BatchHeader) -> Option<&LastBatch> {
        let (first, last) = (header.base_sequence, header.last_sequence());
        let is_same = |it: &&LastBatch| (it.first_sequence(), it.last_sequence) == (first, last);
        match header.producer_epoch == self.epoch && first >= 0 {
            true => self.batches.iter().find(is_same),
            false => None,
        }
    }

    /// Notes a batch that begins at an offset. Tells whether it opens a transaction.
    pub(crate) fn add(&mut self, header: &BatchHeader, base_offset: i64) -> bool {
        self.set_epoch(header.producer_epoch);
        if self.batches.len() == REMEMBERED {
            self.batches.remove(0);
        }
        self.batches.push(LastBatch {
            last_sequence: header.last_sequence(),
            last_offset: base_offset + i64::from(header.last_offset_delta),
            offset_delta: header.last_offset_delta,
            timestamp: header.max_timestamp,
        });
        self.last_timestamp = header.max_timestamp;
        let opens = header.attributes.is_transactional() && self.txn_first_offset.is_none();
        if opens {
            self.txn_first_offset = Some(base_offset);
        }
        opens
    }
}
