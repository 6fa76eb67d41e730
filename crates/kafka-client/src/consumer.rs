//! Reads records: of partitions that are named, or of those that a group gives.

mod assignor;
mod fetches;
mod group;
mod membership;
mod places;
mod settings;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use millrace_kafka_wire::Segment;
use tokio::time::Instant;

use self::fetches::{Fetched, Fetches, Outcome, outcome};
use self::group::changed;
use self::membership::Membership;
use self::places::Places;
use crate::Result;
use crate::admin::TopicPartition;
use crate::cluster::Cluster;
use crate::error::{Error, Reason};
use crate::records::{PartitionReader, Record};
use crate::settings::Backoff;

pub use assignor::assign_range;
pub use settings::{ConsumerSettings, Isolation, Reset, Start};

/// Reads records. One at a time polls it.
pub struct Consumer {
    cluster: Arc<Cluster>,
    settings: ConsumerSettings,
    places: Places,
    fetches: Fetches,
    /// What was fetched and not returned, at most one answer for each partition.
    fetched: VecDeque<PartitionReader>,
    membership: Option<Membership>,
    /// What the group gave whose places are not known yet.
    assigned: Option<Vec<TopicPartition>>,
    /// Since when nothing works that may be tried again.
    trouble: Option<Backoff>,
    next_commit: Option<Instant>,
}

impl Consumer {
    /// A consumer of its own, of these partitions.
    pub fn of_partitions(
        cluster: Arc<Cluster>,
        settings: ConsumerSettings,
        partitions: impl IntoIterator<Item = (TopicPartition, Start)>,
    ) -> Self {
        let mut consumer = Self::new(cluster, settings);
        consumer.places = Places::starting(partitions);
        consumer
    }

    /// A member of a group that reads these topics; it joins with the first poll.
    pub fn in_group(
        cluster: Arc<Cluster>,
        settings: ConsumerSettings,
        group: &str,
        topics: &[&str],
    ) -> Self {
        let topics = topics.iter().map(|it| (*it).into()).collect();
        let mut consumer = Self::new(Arc::clone(&cluster), settings.clone());
        consumer.membership = Some(Membership::new(cluster, settings, group, topics));
        consumer
    }

    fn new(cluster: Arc<Cluster>, settings: ConsumerSettings) -> Self {
        let next_commit = settings.auto_commit_interval.map(|it| Instant::now() + it);
        Self {
            fetches: Fetches::new(Arc::clone(&cluster)),
            cluster,
            settings,
            places: Places::default(),
            fetched: VecDeque::new(),
            membership: None,
            assigned: None,
            trouble: None,
            next_commit,
        }
    }

    /// Changes how many records a poll returns, at least one.
    pub fn set_max_poll_records(&mut self, records: usize) {
        self.settings.max_poll_records = records.max(1);
    }

    /// What is read now.
    pub fn assignment(&self) -> Vec<TopicPartition> {
        self.places.partitions()
    }

    /// The offset that is read next, when it is known.
    pub fn position(&self, partition: &TopicPartition) -> Option<i64> {
        self.places.offset(partition)
    }

    /// Reads on from another offset; what was fetched of the partition is forgotten.
    pub fn seek(&mut self, partition: &TopicPartition, offset: i64) {
        self.fetched.retain(|it| it.partition() != *partition);
        self.places.set_busy(partition, false);
        self.places.advance(partition, offset);
    }

    /// The next records, at most as many as the settings say, in their order within a partition;
    /// none when there are none for so long. While its group changes a member may wait longer.
    ///
    /// A member commits what earlier polls returned when it is time: what a poll returns is done
    /// when the next one is called.
    ///
    /// Cancel safe: nothing is lost, except that joining a group begins again.
    ///
    /// # Errors
    /// A partition, a topic or the group cannot be read for good, or for as long as it is tried.
    pub async fn poll(&mut self, within: Duration) -> Result<Vec<Record>> {
        let deadline = Instant::now() + within;
        loop {
            self.commit_when_due().await?;
            self.keep_membership().await?;
            let records = self.take()?;
            if !records.is_empty() {
                return Ok(records);
            }
            let begun = self.fetch().await;
            self.bear(begun).await?;
            let changes = self.membership.as_ref().and_then(Membership::changes);
            tokio::select! {
                fetched = self.fetches.next() => {
                    let kept = self.keep(fetched).await;
                    self.bear(kept).await?;
                }
                () = changed(changes) => {}
                () = tokio::time::sleep_until(deadline) => return Ok(Vec::new()),
            }
        }
    }

    async fn fetch(&mut self) -> Result<()> {
        self.places.find(&self.cluster, &self.settings).await?;
        let wanted = self.places.wanted();
        self.fetches.begin(wanted, &self.settings).await
    }

    /// Keeps what was fetched, as far as it is still wanted.
    async fn keep(&mut self, fetched: Fetched) -> Result<()> {
        let Fetched { asked, result, .. } = fetched;
        let response = match result {
            Ok(response) => response,
            Err(error) => {
                for partition in asked.keys() {
                    self.cluster.forget(&partition.topic).await;
                }
                return Err(error);
            }
        };
        for topic in response.responses {
            for data in topic.partitions {
                let partition = TopicPartition {
                    topic: topic.topic.detach(),
                    partition: data.partition_index,
                };
                let offset = asked.get(&partition).copied();
                if offset.is_some() && offset == self.places.offset(&partition) {
                    let kept = self.keep_data(&partition, outcome(data)).await;
                    kept.map_err(|error| error.of(&partition))?;
                }
            }
        }
        Ok(())
    }

    async fn keep_data(&mut self, partition: &TopicPartition, outcome: Outcome) -> Result<()> {
        match outcome {
            Outcome::Data(data) => {
                let Segment::Bytes(bytes) = data.records else {
                    return Err(Error::new(Reason::Incomplete("holds no bytes")));
                };
                let offset = self.places.offset(partition).unwrap_or(0);
                if !bytes.is_empty() {
                    let aborted = match self.settings.isolation {
                        Isolation::ReadCommitted => data.aborted_transactions.unwrap_or_default(),
                        Isolation::ReadUncommitted => Vec::new(),
                    };
                    let name = (partition.topic.clone(), partition.partition);
                    let limits = self.settings.limits;
                    let reader = PartitionReader::new(name, bytes, offset, aborted, limits);
                    self.fetched.push_back(reader);
                    self.places.set_busy(partition, true);
                }
                self.trouble = None;
                Ok(())
            }
            Outcome::OutOfRange => self.places.lose(partition, self.settings.auto_offset_reset),
            Outcome::Again(error) => {
                self.cluster.forget(&partition.topic).await;
                Err(error)
            }
            Outcome::Failed(error) => Err(error),
        }
    }

    /// Lets what may be tried again be tried again, after a pause, for as long as the settings say.
    async fn bear(&mut self, result: Result<()>) -> Result<()> {
        let Err(error) = result else {
            return Ok(());
        };
        if !error.is_retriable() && !error.is_ambiguous() {
            return Err(error);
        }
        let settings = self.cluster.settings();
        let trouble = self.trouble.get_or_insert_with(|| Backoff::new(settings));
        match trouble.pause().await {
            true => Ok(()),
            false => Err(error),
        }
    }

    /// Takes records from what was fetched.
    fn take(&mut self) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        while records.len() < self.settings.max_poll_records {
            let Some(reader) = self.fetched.front_mut() else {
                break;
            };
            let partition = reader.partition();
            let before = self.places.offset(&partition);
            match reader.next_record() {
                Ok(Some(record)) => {
                    self.places.advance(&partition, reader.position());
                    records.push(record);
                }
                // What came before the damage is returned first.
                Err(_) if !records.is_empty() => break,
                Err(error) => {
                    self.fetched.pop_front();
                    self.places.set_busy(&partition, false);
                    return Err(error);
                }
                Ok(None) => {
                    let is_stuck = reader.is_untouched() && before == Some(reader.position());
                    self.places.advance(&partition, reader.position());
                    self.places.set_busy(&partition, false);
                    self.fetched.pop_front();
                    if is_stuck {
                        let reason = Reason::Incomplete("holds no whole batch");
                        return Err(Error::new(reason).of(&partition));
                    }
                }
            }
        }
        Ok(records)
    }
}
