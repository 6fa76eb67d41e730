//! Records that were polled and not handed out.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use millrace_kafka_client::{Record, TopicPartition};

/// Records that wait, by partition. A partition that may go on does not wait for one that may not.
#[derive(Default)]
pub struct Ready {
    /// None is empty.
    partitions: VecDeque<(Arc<TopicPartition>, VecDeque<Record>)>,
}

impl Ready {
    pub fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }

    /// Which partitions have records here.
    pub fn partitions(&self) -> HashSet<TopicPartition> {
        let names = self.partitions.iter();
        names.map(|(it, _)| TopicPartition::clone(it)).collect()
    }

    /// Adds what a poll returned: the records of a partition stand together.
    pub fn extend(&mut self, records: Vec<Record>) {
        let mut last: Option<usize> = None;
        for record in records {
            let is_of =
                |it: &TopicPartition| it.partition == record.partition && it.topic == record.topic;
            if !last.is_some_and(|at| is_of(&self.partitions[at].0)) {
                last = self.partitions.iter().position(|(it, _)| is_of(it));
            }
            let at = last.unwrap_or_else(|| {
                let name = TopicPartition {
                    topic: record.topic.clone(),
                    partition: record.partition,
                };
                self.partitions.push_back((Arc::new(name), VecDeque::new()));
                self.partitions.len() - 1
            });
            last = Some(at);
            self.partitions[at].1.push_back(record);
        }
    }

    /// Forgets what there is of some partitions.
    pub fn remove(&mut self, is_gone: impl Fn(&TopicPartition) -> bool) {
        self.partitions.retain(|(it, _)| !is_gone(it));
    }

    /// The next record of the first partition that may go on.
    pub fn pop(
        &mut self,
        may_go_on: impl Fn(&TopicPartition) -> bool,
    ) -> Option<(Arc<TopicPartition>, Record)> {
        let mut partitions = self.partitions.iter();
        let at = partitions.position(|(it, _)| may_go_on(it))?;
        let (partition, records) = &mut self.partitions[at];
        let (partition, record) = (Arc::clone(partition), records.pop_front()?);
        if records.is_empty() {
            self.partitions.remove(at);
        }
        Some((partition, record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(partition: i32, offset: i64) -> Record {
        Record {
            topic: "t".into(),
            partition,
            offset,
            timestamp: 0,
            key: None,
            value: None,
            headers: Vec::new(),
        }
    }

    fn popped(ready: &mut Ready, blocked: &[i32]) -> Vec<(i32, i64)> {
        let mut all = Vec::new();
        while let Some((_, it)) = ready.pop(|it| !blocked.contains(&it.partition)) {
            all.push((it.partition, it.offset));
        }
        all
    }

    #[test]
    fn records_stay_in_order_and_a_partition_that_waits_holds_up_no_other() {
        let mut ready = Ready::default();
        ready.extend(vec![record(0, 1), record(0, 2), record(1, 7)]);
        ready.extend(vec![record(0, 3), record(2, 9)]);
        assert_eq!(popped(&mut ready, &[0]), [(1, 7), (2, 9)]);
        assert_eq!(ready.partitions().len(), 1);
        assert_eq!(popped(&mut ready, &[]), [(0, 1), (0, 2), (0, 3)]);
        assert!(ready.is_empty());
    }
}
