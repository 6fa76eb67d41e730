//! How far a consumer has read each of its partitions.

use std::collections::{BTreeMap, HashMap};

use millrace_kafka_wire::Str;

use super::settings::{ConsumerSettings, Isolation, Reset, Start};
use crate::Result;
use crate::admin::{Committed, OffsetAt, TopicPartition};
use crate::cluster::Cluster;
use crate::error::Error;

/// One partition.
#[derive(Clone, Copy, Debug)]
struct Place {
    next: Next,
    /// Whether records of it were fetched and not returned yet.
    is_busy: bool,
    committed: Option<i64>,
    high_watermark: Option<i64>,
}

/// What is read next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Offset(i64),
    /// To be looked up.
    At(OffsetAt),
    /// To be decided by the settings.
    Reset,
}

/// How far each partition was read.
#[derive(Clone, Debug, Default)]
pub struct Places(BTreeMap<TopicPartition, Place>);

impl Places {
    pub fn starting(partitions: impl IntoIterator<Item = (TopicPartition, Start)>) -> Self {
        let places = partitions.into_iter().map(|(partition, start)| {
            let next = match start {
                Start::At(at) => Next::At(at),
                Start::Offset(offset) => Next::Offset(offset),
            };
            (partition, Place::new(next))
        });
        Self(places.collect())
    }

    /// Adds partitions that are not among these.
    pub fn add(&mut self, partitions: impl IntoIterator<Item = (TopicPartition, Start)>) {
        for (partition, place) in Self::starting(partitions).0 {
            self.0.entry(partition).or_insert(place);
        }
    }

    /// Where a group left off.
    pub fn committed(
        partitions: Vec<TopicPartition>,
        committed: &HashMap<TopicPartition, Committed>,
    ) -> Self {
        let places = partitions.into_iter().map(|partition| {
            let place = match committed.get(&partition) {
                Some(it) => Place {
                    committed: Some(it.offset),
                    ..Place::new(Next::Offset(it.offset))
                },
                None => Place::new(Next::Reset),
            };
            (partition, place)
        });
        Self(places.collect())
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    pub fn partitions(&self) -> Vec<TopicPartition> {
        self.0.keys().cloned().collect()
    }

    /// The topics of the partitions, each once for each of its partitions.
    pub fn topics(&self) -> impl Iterator<Item = &Str> {
        self.0.keys().map(|it| &it.topic)
    }

    /// Begins anew in partitions: where a group left off, else at their beginning.
    pub fn begin_again(
        &mut self,
        partitions: Vec<TopicPartition>,
        committed: &HashMap<TopicPartition, Committed>,
    ) {
        let mut begun = Self::committed(partitions, committed);
        for place in begun.0.values_mut() {
            if place.next == Next::Reset {
                place.next = Next::At(OffsetAt::Earliest);
            }
        }
        self.0.append(&mut begun.0);
    }

    /// Whether it is known of all what is read next.
    pub fn are_found(&self) -> bool {
        let mut places = self.0.values();
        places.all(|it| matches!(it.next, Next::Offset(_)))
    }

    pub fn offset(&self, partition: &TopicPartition) -> Option<i64> {
        match self.0.get(partition)?.next {
            Next::Offset(offset) => Some(offset),
            _ => None,
        }
    }

    /// Looks a place up before it reads on.
    pub fn begin_at(&mut self, partition: &TopicPartition, at: OffsetAt) {
        if let Some(place) = self.0.get_mut(partition) {
            place.next = Next::At(at);
        }
    }

    pub fn advance(&mut self, partition: &TopicPartition, offset: i64) {
        if let Some(place) = self.0.get_mut(partition) {
            place.next = Next::Offset(offset);
        }
    }

    pub fn high_watermark(&self, partition: &TopicPartition) -> Option<i64> {
        self.0.get(partition)?.high_watermark
    }

    pub fn set_high_watermark(&mut self, partition: &TopicPartition, offset: i64) {
        if let Some(place) = self.0.get_mut(partition) {
            place.high_watermark = Some(offset);
        }
    }

    pub fn set_busy(&mut self, partition: &TopicPartition, is_busy: bool) {
        if let Some(place) = self.0.get_mut(partition) {
            place.is_busy = is_busy;
        }
    }

    /// What is to be fetched.
    pub fn wanted(&self) -> Vec<(TopicPartition, i64)> {
        let idle = self.0.iter().filter(|(_, place)| !place.is_busy);
        let known = idle.filter_map(|(partition, place)| match place.next {
            Next::Offset(offset) => Some((partition.clone(), offset)),
            _ => None,
        });
        known.collect()
    }

    /// What was returned and is not committed.
    pub fn to_commit(&self) -> HashMap<TopicPartition, i64> {
        let moved = self
            .0
            .iter()
            .filter_map(|(partition, place)| match place.next {
                Next::Offset(offset) if place.committed != Some(offset) => {
                    Some((partition.clone(), offset))
                }
                _ => None,
            });
        moved.collect()
    }

    pub fn set_committed(&mut self) {
        for place in self.0.values_mut() {
            if let Next::Offset(offset) = place.next {
                place.committed = Some(offset);
            }
        }
    }

    /// The place that was asked for is not there (any more).
    pub fn lose(&mut self, partition: &TopicPartition, reset: Reset) -> Result<()> {
        if reset == Reset::None {
            return Err(no_place());
        }
        if let Some(place) = self.0.get_mut(partition) {
            place.next = Next::Reset;
        }
        Ok(())
    }

    /// Looks up the places that are not known.
    pub async fn find(&mut self, cluster: &Cluster, settings: &ConsumerSettings) -> Result<()> {
        let mut wanted: HashMap<OffsetAt, Vec<TopicPartition>> = HashMap::new();
        for (partition, place) in &self.0 {
            let at = match (place.next, settings.auto_offset_reset) {
                (Next::Offset(_), _) => continue,
                (Next::At(at), _) => at,
                (Next::Reset, Reset::Earliest) => OffsetAt::Earliest,
                (Next::Reset, Reset::Latest) => OffsetAt::Latest,
                (Next::Reset, Reset::None) => return Err(no_place().of(partition)),
            };
            wanted.entry(at).or_default().push(partition.clone());
        }
        let is_committed = settings.isolation == Isolation::ReadCommitted;
        for (at, partitions) in wanted {
            let found = cluster.offsets(&partitions, at, is_committed).await?;
            for (partition, offset) in found {
                // A time that is still to come stands at the end.
                let offset = match offset {
                    Some(offset) => offset,
                    None => end(cluster, &partition, is_committed).await?,
                };
                self.advance(&partition, offset);
            }
        }
        Ok(())
    }
}

impl Place {
    fn new(next: Next) -> Self {
        Self {
            next,
            is_busy: false,
            committed: None,
            high_watermark: None,
        }
    }
}

async fn end(cluster: &Cluster, partition: &TopicPartition, is_committed: bool) -> Result<i64> {
    let partitions = std::slice::from_ref(partition);
    let found = cluster.offsets(partitions, OffsetAt::Latest, is_committed);
    Ok(found.await?.into_values().flatten().next().unwrap_or(0))
}

fn no_place() -> Error {
    Error::invalid(
        "there is no place to begin at and `auto_offset_reset` is `none`: reset the offsets of the \
         group, or say `earliest` or `latest`",
    )
}
