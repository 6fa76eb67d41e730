//! Reads records: of partitions that are named, or of those that a group gives.

mod assignor;
mod fetches;
mod group;
mod held;
mod membership;
mod places;
mod settings;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use millrace_kafka_wire::{Segment, Str};
use tokio::time::Instant;

use self::fetches::{Fetched, Fetches, Outcome, outcome};
use self::group::changed;
use self::held::Held;
use self::membership::Membership;
use self::places::Places;
use crate::Result;
use crate::admin::{OffsetAt, TopicPartition};
use crate::cluster::{Cluster, TopicIds};
use crate::error::{Error, Reason};
use crate::records::{PartitionReader, Record};
use crate::settings::Backoff;

pub use assignor::assign_range;
pub use settings::{ConsumerSettings, Isolation, Reset, Start};

/// How long a broker waits at most when some partitions are not asked for.
const PARTIAL_WAIT: Duration = Duration::from_millis(50);

/// Reads records. One at a time polls it.
pub struct Consumer {
    cluster: Arc<Cluster>,
    settings: ConsumerSettings,
    places: Places,
    ids: TopicIds,
    /// Topics that were found to be made again.
    replaced: HashSet<Str>,
    fetches: Fetches,
    /// What was fetched and not returned, at most one answer for each partition.
    fetched: VecDeque<PartitionReader>,
    /// What stands still before a batch that cannot be read.
    held: Held,
    membership: Option<Membership>,
    /// The group in whose name offsets are committed by who is no member of it.
    outside: Option<Str>,
    /// How often partitions were given to it.
    epoch: u64,
    /// Of which polls return nothing.
    paused: HashSet<TopicPartition>,
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

    /// A consumer of these partitions that begins where a group has left off and commits in its
    /// name, without being a member: nobody else of the group may be given them.
    pub fn outside_group(
        cluster: Arc<Cluster>,
        settings: ConsumerSettings,
        group: &str,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Self {
        let mut consumer = Self::new(cluster, settings);
        consumer.outside = Some(group.into());
        consumer.assigned = Some(partitions.into_iter().collect());
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
            ids: TopicIds::default(),
            replaced: HashSet::new(),
            fetched: VecDeque::new(),
            held: Held::default(),
            membership: None,
            outside: None,
            epoch: 0,
            paused: HashSet::new(),
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

    /// Whether it is at its work: it has joined its group, if it has one, and knows where to read.
    pub fn is_at_work(&self) -> bool {
        self.is_stable() && self.assigned.is_none() && self.places.are_found()
    }

    /// The offset that is read next, when it is known.
    pub fn position(&self, partition: &TopicPartition) -> Option<i64> {
        self.places.offset(partition)
    }

    /// The offset behind the last record of a partition that there was when it was last fetched.
    pub fn high_watermark(&self, partition: &TopicPartition) -> Option<i64> {
        self.places.high_watermark(partition)
    }

    /// Has polls return nothing of these partitions, and of all others again what there is. What is
    /// paused may be fetched ahead.
    pub fn set_paused(&mut self, partitions: HashSet<TopicPartition>) {
        self.paused = partitions;
    }

    /// Reads further partitions, too; only for who is no member of a group.
    pub fn add_partitions(
        &mut self,
        partitions: impl IntoIterator<Item = (TopicPartition, Start)>,
    ) {
        self.places.add(partitions);
    }

    /// Reads on from another offset; what was fetched of the partition is forgotten.
    pub fn seek(&mut self, partition: &TopicPartition, offset: i64) {
        self.fetched.retain(|it| it.partition() != *partition);
        self.held.release(partition);
        self.places.set_busy(partition, false);
        self.places.advance(partition, offset);
    }

    /// The partitions that stand still before a batch that cannot be read, and why; everything before
    /// it was returned. Those that are tried again are left out until that has failed, too.
    pub fn unreadable(&self) -> impl Iterator<Item = (&TopicPartition, &Error)> {
        self.held.standing()
    }

    /// Whether a partition is among those, or is tried again.
    pub fn is_held(&self, partition: &TopicPartition) -> bool {
        self.held.contains(partition)
    }

    /// Tries a partition again that stands still. When the records before it are gone, it goes on with
    /// the first one that there is.
    pub fn try_again(&mut self, partition: &TopicPartition) {
        if self.held.try_again(partition) {
            self.places.set_busy(partition, false);
        }
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
                // Who commits by itself may want to, before the group is joined again.
                () = changed(changes) => if self.settings.auto_commit_interval.is_none() {
                    return Ok(Vec::new());
                },
                () = tokio::time::sleep_until(deadline) => return Ok(Vec::new()),
            }
        }
    }

    async fn fetch(&mut self) -> Result<()> {
        self.begin_assigned().await?;
        let topics = self.places.topics();
        self.ids.learn(&self.cluster, topics).await?;
        self.places.find(&self.cluster, &self.settings).await?;
        let wanted = self.places.wanted();
        let mut wait = self.settings.fetch_max_wait;
        // Those that are left out, because they pause, are asked for when the answer has come.
        if wanted.len() + self.held.standing().count() < self.places.count() {
            wait = wait.min(PARTIAL_WAIT);
        }
        let fetches = &mut self.fetches;
        fetches.begin(wanted, &self.ids, &self.settings, wait).await
    }

    /// Keeps what was fetched, as far as it is still wanted.
    async fn keep(&mut self, fetched: Fetched) -> Result<()> {
        let Fetched {
            asked,
            names,
            result,
            ..
        } = fetched;
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
            let Some(name) = names.of(&topic, &self.ids) else {
                continue;
            };
            for data in topic.partitions {
                let partition = TopicPartition {
                    topic: name.clone(),
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
                self.places
                    .set_high_watermark(partition, data.high_watermark);
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
            // Who removed what cannot be read wants all that is behind it.
            Outcome::OutOfRange if self.held.release(partition) => {
                self.places.begin_at(partition, OffsetAt::Earliest);
                Ok(())
            }
            Outcome::OutOfRange => self.places.lose(partition, self.settings.auto_offset_reset),
            Outcome::Replaced(error) => {
                let topic = &partition.topic;
                match self.ids.ask_again(&self.cluster, topic).await? {
                    Some(id) => self.begin_again(topic, id).await,
                    // It may be a broker that has not heard of it yet.
                    None => Err(error),
                }
            }
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
            let mut fetched = self.fetched.iter();
            let is_next = |it: &PartitionReader| !self.paused.contains(&it.partition());
            let Some(index) = fetched.position(is_next) else {
                break;
            };
            match self.take_of(index, &mut records) {
                // What came before the damage is returned first.
                Err(_) if !records.is_empty() => break,
                taken => taken?,
            }
        }
        Ok(records)
    }

    /// Takes records from one of the answers, which is thrown away when nothing is left of it.
    fn take_of(&mut self, index: usize, records: &mut Vec<Record>) -> Result<()> {
        let Some(reader) = self.fetched.get_mut(index) else {
            return Ok(());
        };
        let partition = reader.partition();
        let before = self.places.offset(&partition);
        let begun = records.len();
        while records.len() < self.settings.max_poll_records {
            match reader.next_record() {
                Ok(Some(record)) => {
                    self.held.release(&partition);
                    records.push(record);
                }
                Err(error) if self.settings.holds_unreadable => {
                    self.places.advance(&partition, reader.position());
                    self.fetched.remove(index);
                    self.held.hold(partition, error);
                    return Ok(());
                }
                // It comes once more when those before it are returned.
                Err(_) if records.len() > begun => break,
                ended => {
                    self.places.advance(&partition, reader.position());
                    self.places.set_busy(&partition, false);
                    let has_moved = before != Some(reader.position());
                    let is_stuck = reader.is_untouched() && !has_moved;
                    if has_moved {
                        self.held.release(&partition);
                    }
                    self.fetched.remove(index);
                    ended?;
                    if is_stuck {
                        let reason = Reason::Incomplete("holds no whole batch");
                        return Err(Error::new(reason).of(&partition));
                    }
                    return Ok(());
                }
            }
        }
        self.places.advance(&partition, reader.position());
        Ok(())
    }
}
