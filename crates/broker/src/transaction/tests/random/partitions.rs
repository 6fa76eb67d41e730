//! Partitions, with the checks that a log has, and what became of the records in them.

use std::collections::{BTreeMap, BTreeSet};

use super::super::super::*;

/// A producer in a partition.
#[derive(Debug)]
struct Producer {
    epoch: i16,
    /// Transactions that have records here and no end.
    open: BTreeSet<usize>,
}

/// What is known of a transaction of a client.
#[derive(Debug, Default)]
struct Outcome {
    /// The end that the client was told.
    answered: Option<bool>,
    /// The end that its records have.
    found: Option<bool>,
}

#[derive(Debug, Default)]
pub(super) struct Partitions {
    producers: BTreeMap<(i32, i64), Producer>,
    outcomes: BTreeMap<usize, Outcome>,
}

impl Partitions {
    /// A record of a transaction; a log refuses one of an old epoch.
    pub fn write(&mut self, partition: i32, (id, epoch): (i64, i16), transaction: usize) {
        let unknown = || Producer {
            epoch,
            open: BTreeSet::new(),
        };
        let place = (partition, id);
        let producer = self.producers.entry(place).or_insert_with(unknown);
        if epoch >= producer.epoch {
            producer.epoch = epoch;
            producer.open.insert(transaction);
        }
    }

    /// A marker. One that a log refuses would never be written.
    pub fn tell(&mut self, markers: &Markers, partition: i32) {
        let epoch = markers.producer_epoch;
        let place = (partition, markers.producer_id);
        let unknown = || Producer {
            epoch: -1,
            open: BTreeSet::new(),
        };
        let producer = self.producers.entry(place).or_insert_with(unknown);
        assert!(epoch >= producer.epoch, "{markers:?} for {producer:?}");
        if markers.transaction_version >= 2 && epoch == producer.epoch {
            let is_refused = !producer.open.is_empty() && epoch != i16::MAX;
            assert!(!is_refused, "{markers:?} for {producer:?}");
        }
        producer.epoch = epoch;
        for transaction in std::mem::take(&mut producer.open) {
            let outcome = self.outcomes.entry(transaction).or_default();
            let is_commit = markers.is_commit;
            assert!(
                outcome.agrees(is_commit),
                "{transaction}: {outcome:?} by {markers:?}"
            );
            outcome.found = Some(is_commit);
        }
    }

    /// A client was told how its transaction ended.
    pub fn answered(&mut self, transaction: usize, is_commit: bool) {
        let outcome = self.outcomes.entry(transaction).or_default();
        assert!(outcome.agrees(is_commit), "{transaction}: {outcome:?}");
        outcome.answered = Some(is_commit);
    }

    /// Every record is in a transaction that ended.
    pub fn check_ended(&self) {
        for (place, producer) in &self.producers {
            assert!(producer.open.is_empty(), "{place:?}: {producer:?}");
        }
    }
}

impl Outcome {
    fn agrees(&self, is_commit: bool) -> bool {
        [self.answered, self.found]
            .into_iter()
            .flatten()
            .all(|it| it == is_commit)
    }
}
