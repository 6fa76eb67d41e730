//! How far the messages of each partition have come.

use std::collections::{HashMap, VecDeque};

use millrace_kafka_client::TopicPartition;

/// What is on its way, by partition.
#[derive(Debug, Default)]
pub struct Progress {
    partitions: HashMap<TopicPartition, Partition>,
    /// How many partitions were begun, each time that they were.
    begun: u64,
}

#[derive(Debug, Default)]
struct Partition {
    /// Tells it from the same partition as it was begun at other times.
    number: u64,
    /// Messages that were handed out, in order; those before the first one are acknowledged.
    waiting: VecDeque<Waiting>,
    /// Behind the last one that was handed out.
    next: i64,
    /// How many of them are neither acknowledged nor failed.
    open: usize,
    /// The first one that failed.
    failed: Option<i64>,
    committed: Option<i64>,
}

#[derive(Debug)]
struct Waiting {
    offset: i64,
    is_acknowledged: bool,
}

impl Progress {
    /// Messages are handed out. The number is to be told when they are settled.
    pub fn hand_out(&mut self, partition: &TopicPartition, offsets: &[i64]) -> u64 {
        if !self.partitions.contains_key(partition) {
            self.begun += 1;
            let begun = Partition {
                number: self.begun,
                ..Partition::default()
            };
            self.partitions.insert(partition.clone(), begun);
        }
        let Some(it) = self.partitions.get_mut(partition) else {
            return 0;
        };
        for offset in offsets {
            it.waiting.push_back(Waiting {
                offset: *offset,
                is_acknowledged: false,
            });
            it.next = offset + 1;
            it.open += 1;
        }
        it.number
    }

    /// Forgets some partitions: what is on its way of them is settled in vain.
    pub fn forget(&mut self, is_gone: impl Fn(&TopicPartition) -> bool) {
        self.partitions.retain(|it, _| !is_gone(it));
    }

    /// How many messages of a partition are on their way.
    pub fn open(&self, partition: &TopicPartition) -> usize {
        self.partitions.get(partition).map_or(0, |it| it.open)
    }

    /// Whether nothing of the partition may be handed out, because it is to be read again.
    pub fn is_held(&self, partition: &TopicPartition) -> bool {
        let it = self.partitions.get(partition);
        it.is_some_and(|it| it.failed.is_some())
    }

    /// It is known what became of a message. What was handed out before the partition was forgotten
    /// is no longer waited for.
    pub fn settle(
        &mut self,
        partition: &TopicPartition,
        number: u64,
        offset: i64,
        is_acknowledged: bool,
    ) {
        let it = self.partitions.get_mut(partition);
        let Some(it) = it.filter(|it| it.number == number) else {
            return;
        };
        let found = it.waiting.binary_search_by_key(&offset, |it| it.offset);
        let Ok(index) = found else {
            return;
        };
        it.open = it.open.saturating_sub(1);
        match is_acknowledged {
            true => it.waiting[index].is_acknowledged = true,
            false => it.failed = Some(it.failed.map_or(offset, |first| first.min(offset))),
        }
        while it.waiting.front().is_some_and(|it| it.is_acknowledged) {
            it.waiting.pop_front();
        }
    }

    /// The offsets before which everything is acknowledged, of partitions where they have moved.
    pub fn to_commit(&self) -> HashMap<TopicPartition, i64> {
        let moved = self.partitions.iter().filter_map(|(partition, it)| {
            let offset = it.waiting.front().map_or(it.next, |first| first.offset);
            (it.committed != Some(offset)).then(|| (partition.clone(), offset))
        });
        moved.collect()
    }

    /// These offsets are committed.
    pub fn committed(&mut self, offsets: &HashMap<TopicPartition, i64>) {
        for (partition, offset) in offsets {
            if let Some(it) = self.partitions.get_mut(partition) {
                it.committed = Some(*offset);
            }
        }
    }

    /// Partitions of which nothing is on its way any more and something has failed, each with the
    /// offset from which it is to be read again.
    pub fn take_failed(&mut self) -> Vec<(TopicPartition, i64)> {
        let mut failed = Vec::new();
        for (partition, it) in &mut self.partitions {
            if it.open == 0
                && let Some(first) = it.failed.take()
            {
                it.waiting.clear();
                it.next = first;
                failed.push((partition.clone(), first));
            }
        }
        failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition() -> TopicPartition {
        TopicPartition::new("t", 0)
    }

    fn handed_out(offsets: &[i64]) -> Progress {
        let mut progress = Progress::default();
        assert_eq!(progress.hand_out(&partition(), offsets), 1);
        progress
    }

    fn offset(progress: &Progress) -> Option<i64> {
        progress.to_commit().get(&partition()).copied()
    }

    #[test]
    fn only_what_has_nothing_open_before_it_is_committed() {
        // Offsets have gaps where a topic is compacted.
        let mut progress = handed_out(&[5, 7, 8]);
        assert_eq!(offset(&progress), Some(5));
        progress.settle(&partition(), 1, 7, true);
        assert_eq!(offset(&progress), Some(5));
        progress.settle(&partition(), 1, 5, true);
        assert_eq!(offset(&progress), Some(8));
        progress.settle(&partition(), 1, 8, true);
        assert_eq!(
            (offset(&progress), progress.open(&partition())),
            (Some(9), 0)
        );
    }

    #[test]
    fn what_is_committed_is_not_committed_again() {
        let mut progress = handed_out(&[0]);
        progress.settle(&partition(), 1, 0, true);
        let offsets = progress.to_commit();
        progress.committed(&offsets);
        assert!(progress.to_commit().is_empty());
    }

    #[test]
    fn a_failed_message_is_read_again_once_nothing_is_on_its_way() {
        let mut progress = handed_out(&[0, 1, 2]);
        progress.settle(&partition(), 1, 1, false);
        assert!(progress.is_held(&partition()) && progress.take_failed().is_empty());
        progress.settle(&partition(), 1, 0, true);
        progress.settle(&partition(), 1, 2, true);
        assert_eq!(progress.take_failed(), [(partition(), 1)]);
        assert_eq!(offset(&progress), Some(1));
        assert!(!progress.is_held(&partition()));
        progress.hand_out(&partition(), &[1]);
        progress.settle(&partition(), 1, 1, true);
        assert_eq!(offset(&progress), Some(2));
    }

    #[test]
    fn what_is_unknown_is_no_harm() {
        let mut progress = handed_out(&[3]);
        progress.settle(&partition(), 1, 99, true);
        progress.settle(&TopicPartition::new("other", 0), 1, 3, true);
        assert_eq!(
            (offset(&progress), progress.open(&partition())),
            (Some(3), 1)
        );
    }

    #[test]
    fn what_is_settled_late_settles_nothing_of_a_partition_that_was_begun_again() {
        let mut progress = handed_out(&[0, 1]);
        progress.forget(|it| &*it.topic == "other");
        assert_eq!(progress.open(&partition()), 2);
        progress.forget(|it| &*it.topic == "t");
        let number = progress.hand_out(&partition(), &[0, 1]);
        progress.settle(&partition(), 1, 0, true);
        progress.settle(&partition(), 1, 1, false);
        assert_eq!(
            (offset(&progress), progress.open(&partition())),
            (Some(0), 2)
        );
        assert!(!progress.is_held(&partition()));
        progress.settle(&partition(), number, 0, true);
        assert_eq!(offset(&progress), Some(1));
        progress.forget(|_| true);
        progress.settle(&partition(), number, 1, true);
        assert_eq!(offset(&progress), None);
    }
}
