//! What is read, and for whom: topics as they come and go.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use millrace_component::Pattern;
use millrace_kafka_client::{
    Cluster, Consumer, ConsumerSettings, OffsetAt, Reset, Result, Start, TopicPartition,
};

/// How soon a topic is looked for that is not there.
const MISSING: Duration = Duration::from_secs(1);

/// Topics and the numbers of their partitions.
pub type Counts = BTreeMap<String, usize>;

/// What is read, and for whom.
#[derive(Debug)]
pub struct Subscription {
    /// The group in whose name it is read; without it, for nobody: nothing is committed.
    pub group: Option<String>,
    /// Whole topics.
    pub topics: Vec<String>,
    /// Whole topics, too: all whose names match one of them, but for those of the brokers' own.
    pub patterns: Vec<Pattern>,
    /// Partitions that are named, with offsets to begin at. Who reads them is no member of a group.
    pub partitions: Vec<(TopicPartition, Option<i64>)>,
    /// How often it is looked which topics and partitions there are.
    pub refresh: Duration,
}

impl Subscription {
    /// Whole topics, as a member of a group.
    pub fn of_group(group: &str, topics: Vec<String>) -> Self {
        Self {
            group: Some(group.to_owned()),
            topics,
            patterns: Vec::new(),
            partitions: Vec::new(),
            refresh: Duration::from_secs(300),
        }
    }

    /// Which of the topics there are.
    ///
    /// # Errors
    /// The brokers do not tell them.
    pub async fn counts(&self, cluster: &Cluster) -> Result<Counts> {
        let topics: Vec<&str> = self.topics.iter().map(String::as_str).collect();
        let mut counts = match topics.is_empty() {
            true => Counts::new(),
            false => cluster.partition_counts(&topics, true).await?,
        };
        if !self.patterns.is_empty() {
            let all = cluster.list_topics().await?.into_iter();
            let wanted = all.filter(|it| !it.is_internal && self.matches(&it.name));
            counts.extend(wanted.map(|it| (it.name, it.partitions.len())));
        }
        Ok(counts)
    }

    fn matches(&self, topic: &str) -> bool {
        self.patterns.iter().any(|it| it.regex().is_match(topic))
    }

    /// When it is looked again.
    pub fn look_after(&self, counts: &Counts) -> Duration {
        let is_missing = counts.values().any(|count| *count == 0);
        match is_missing {
            true => MISSING.min(self.refresh),
            false => self.refresh,
        }
    }

    fn is_member(&self) -> bool {
        self.group.is_some() && self.partitions.is_empty()
    }

    /// What reads it.
    pub fn consumer(
        &self,
        cluster: Arc<Cluster>,
        settings: ConsumerSettings,
        counts: &Counts,
    ) -> Consumer {
        let start = match settings.auto_offset_reset {
            Reset::Earliest => Start::At(OffsetAt::Earliest),
            Reset::Latest | Reset::None => Start::At(OffsetAt::Latest),
        };
        let named = self.partitions.iter();
        match &self.group {
            Some(group) if self.is_member() => {
                Consumer::in_group(cluster, settings, group, &names(counts))
            }
            Some(group) => {
                let named = named.map(|(partition, _)| partition.clone());
                Consumer::outside_group(cluster, settings, group, named)
            }
            None => {
                let named = named
                    .map(|(partition, offset)| (partition.clone(), offset.map_or(start, starting)));
                let none = Counts::new();
                let whole = added(&none, counts).map(|it| (it, start));
                Consumer::of_partitions(cluster, settings, whole.chain(named))
            }
        }
    }

    /// Has a consumer read what there is now, where that has changed.
    pub fn change(&self, consumer: &mut Consumer, before: &Counts, now: &Counts) {
        if before == now {
            return;
        }
        match self.is_member() {
            true => consumer.resubscribe(&names(now)),
            // All of what is new was written after this reader had begun.
            false => {
                let start = Start::At(OffsetAt::Earliest);
                consumer.add_partitions(added(before, now).map(|it| (it, start)));
            }
        }
    }
}

fn names(counts: &Counts) -> Vec<&str> {
    counts.keys().map(String::as_str).collect()
}

/// The partitions that were not there before.
fn added<'a>(before: &'a Counts, now: &'a Counts) -> impl Iterator<Item = TopicPartition> + 'a {
    now.iter().flat_map(|(topic, count)| {
        let first = before.get(topic).copied().unwrap_or(0);
        (first..*count).map(|it| TopicPartition::new(topic, it as i32))
    })
}

/// Where an offset of a config begins.
fn starting(offset: i64) -> Start {
    match offset {
        -1 => Start::At(OffsetAt::Latest),
        -2 => Start::At(OffsetAt::Earliest),
        offset => Start::Offset(offset),
    }
}
