//! Which batches of a log belong to aborted transactions, and which markers have nothing left to
//! decide, while a pass goes through it from the start.

use std::collections::{HashMap, HashSet};
use std::iter::Peekable;
use std::vec::IntoIter;

use millrace_kafka_wire::batch::BatchHeader;

use crate::producer::Marker;
use crate::txn_index::AbortedTxn;

pub(super) struct Transactions {
    /// In the order of their first offsets.
    coming: Peekable<IntoIter<AbortedTxn>>,
    /// By producer: the transaction, and whether a batch of it was seen.
    aborted: HashMap<i64, (AbortedTxn, bool)>,
    /// Producers of which a batch was seen and no marker after it.
    committed: HashSet<i64>,
    /// Those whose markers were seen since the last [`Transactions::take_index`] and are still
    /// needed.
    index: Vec<AbortedTxn>,
}

impl Transactions {
    /// `aborted` are those with records where the pass goes.
    pub fn new(mut aborted: Vec<AbortedTxn>) -> Self {
        aborted.sort_by_key(|it| it.first_offset);
        Self {
            coming: aborted.into_iter().peekable(),
            aborted: HashMap::new(),
            committed: HashSet::new(),
            index: Vec::new(),
        }
    }

    /// Whether a batch of records is of an aborted transaction.
    pub fn on_batch(&mut self, header: &BatchHeader) -> bool {
        self.begin_up_to(header.last_offset());
        if !header.attributes.is_transactional() {
            return false;
        }
        match self.aborted.get_mut(&header.producer_id) {
            Some((_, was_seen)) => {
                *was_seen = true;
                true
            }
            None => {
                self.committed.insert(header.producer_id);
                false
            }
        }
    }

    /// Whether a control batch decides nothing any more: all records of its transaction are gone.
    pub fn on_control(&mut self, header: &BatchHeader, records: &[u8]) -> bool {
        self.begin_up_to(header.last_offset());
        if header.record_count == 0 {
            return true;
        }
        let Some(marker) = Marker::read(header, records) else {
            return false;
        };
        if !marker.is_aborted {
            return !self.committed.remove(&header.producer_id);
        }
        match self.aborted.remove(&header.producer_id) {
            Some((txn, true)) => {
                self.index.push(txn);
                false
            }
            _ => true,
        }
    }

    /// The entries for the index of the segment that was gone through.
    pub fn take_index(&mut self) -> Vec<AbortedTxn> {
        std::mem::take(&mut self.index)
    }

    fn begin_up_to(&mut self, offset: i64) {
        while let Some(txn) = self.coming.next_if(|it| it.first_offset <= offset) {
            self.aborted.entry(txn.producer_id).or_insert((txn, false));
        }
    }
}

#[cfg(test)]
mod tests {
    use millrace_kafka_wire::batch::{
        BatchBuilder, ControlType, HEADER_SIZE, is_intact, set_position,
    };

    use super::*;

    fn txn(producer_id: i64, first_offset: i64, last_offset: i64) -> AbortedTxn {
        AbortedTxn {
            producer_id,
            first_offset,
            last_offset,
            last_stable_offset: last_offset + 1,
        }
    }

    fn batch(id: i64, offset: i64) -> BatchHeader {
        let mut builder = BatchBuilder::new(offset).producer(id, 0, 0).transactional();
        builder.add(0, None, None, &[]);
        is_intact(&builder.finish()).unwrap()
    }

    fn marker(transactions: &mut Transactions, kind: ControlType, id: i64, offset: i64) -> bool {
        let mut bytes = BatchBuilder::marker(kind, (id, 0), 0, 0);
        set_position(&mut bytes, offset, 0);
        let header = is_intact(&bytes).unwrap();
        transactions.on_control(&header, &bytes[HEADER_SIZE..])
    }

    #[test]
    fn a_marker_is_needed_as_long_as_a_batch_of_its_transaction_is_there() {
        let mut transactions = Transactions::new(vec![txn(2, 4, 9), txn(1, 0, 3), txn(1, 20, 23)]);
        assert!(transactions.on_batch(&batch(1, 0)));
        assert!(!transactions.on_batch(&batch(2, 1)));
        assert!(!marker(&mut transactions, ControlType::Commit, 2, 2));
        assert!(!marker(&mut transactions, ControlType::Abort, 1, 3));
        assert_eq!(transactions.take_index(), [txn(1, 0, 3)]);
        // Of these the batches are gone.
        assert!(marker(&mut transactions, ControlType::Abort, 2, 9));
        assert!(marker(&mut transactions, ControlType::Commit, 3, 10));
        // The next transaction of the same producer is another one.
        assert!(!transactions.on_batch(&batch(1, 11)));
        assert!(!marker(&mut transactions, ControlType::Commit, 1, 12));
        assert!(transactions.on_batch(&batch(1, 20)));
        assert!(!marker(&mut transactions, ControlType::Abort, 1, 23));
        assert_eq!(transactions.take_index(), [txn(1, 20, 23)]);
    }
}
