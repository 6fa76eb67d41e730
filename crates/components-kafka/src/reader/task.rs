//! The task of a reader: the one owner of its consumer.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use millrace_component::{Incoming, Urgency};
use millrace_kafka_client::{
    Cluster, Consumer, ConsumerSettings, Error as KafkaError, Record, TopicPartition,
};
use millrace_message::{Error, Message, Outcome};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::ReaderConfig;
use super::batches::{Batch, Batches, Offsets};
use super::progress::Progress;
use super::ready::Ready;
use super::standstill::{Standstill, Unread};
use super::subscription::Counts;
use crate::failure::not_connected;
use crate::record::to_message;

/// How often it looks after its group while it waits for the engine.
const LOOK: Duration = Duration::from_millis(500);

/// What became of the messages of a batch.
struct Settled {
    /// As [`Progress::hand_out`] gave it.
    number: u64,
    partition: Arc<TopicPartition>,
    offsets: Offsets,
    is_acknowledged: bool,
}

/// Polls the consumer, hands records to the engine, and commits what comes back.
pub struct Task {
    config: Arc<ReaderConfig>,
    cluster: Arc<Cluster>,
    consumer: Consumer,
    incoming: mpsc::Sender<Incoming>,
    settle: mpsc::UnboundedSender<Settled>,
    /// Bounded by what may be on its way.
    settled: mpsc::UnboundedReceiver<Settled>,
    progress: Progress,
    epoch: u64,
    /// Polled and in no batch yet.
    ready: Ready,
    batches: Batches,
    /// To be handed out next.
    next: Option<Batch>,
    standstill: Standstill,
    /// The topics that there were when it was last looked.
    counts: Counts,
    next_look: Instant,
    next_commit: Instant,
}

impl Task {
    pub fn new(
        config: Arc<ReaderConfig>,
        cluster: Arc<Cluster>,
        (counts, unread): (Counts, Unread),
        incoming: mpsc::Sender<Incoming>,
    ) -> Self {
        let (settle, settled) = mpsc::unbounded_channel();
        let settings = ConsumerSettings {
            holds_unreadable: true,
            ..config.consumer.clone()
        };
        let standstill = Standstill::new(Arc::clone(&config.identity), unread);
        let subscription = &config.subscription;
        Self {
            next_commit: Instant::now() + config.commit_period,
            next_look: Instant::now() + subscription.look_after(&counts),
            consumer: subscription.consumer(Arc::clone(&cluster), settings, &counts),
            batches: Batches::new(config.batching.as_ref()),
            config,
            cluster,
            incoming,
            settle,
            settled,
            progress: Progress::default(),
            epoch: 0,
            ready: Ready::default(),
            next: None,
            standstill,
            counts,
        }
    }

    /// Runs until `end`, and then commits and leaves the group. After `stop` nothing is read.
    pub async fn run(
        mut self,
        stop: CancellationToken,
        end: CancellationToken,
    ) -> Result<(), Error> {
        self.work(&stop, &end).await?;
        let finished = async {
            while let Ok(settled) = self.settled.try_recv() {
                self.take(settled);
            }
            self.commit().await?;
            self.consumer.abandon().await
        };
        finished.await.map_err(|error| not_connected(&error))
    }

    async fn work(
        &mut self,
        stop: &CancellationToken,
        end: &CancellationToken,
    ) -> Result<(), Error> {
        let failed = |error| not_connected(&error);
        while !end.is_cancelled() {
            // Who was to be handed messages may be gone without a word.
            if self.incoming.is_closed() && !stop.is_cancelled() {
                break;
            }
            self.look_after().await.map_err(failed)?;
            if stop.is_cancelled() {
                self.forget(|_| true);
                self.wait(None, end).await;
            } else if self.next_look <= Instant::now() {
                self.look_for_topics().await;
            } else if !self.consumer.is_stable() {
                // What is on its way is read again by who gets the partition.
                self.forget(|_| true);
                self.poll(stop).await.map_err(failed)?;
            } else if self.prepare().await? {
                self.wait(Some(stop), end).await;
            } else {
                self.poll(stop).await.map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Forgets what was read of some partitions and not handed out.
    fn forget(&mut self, is_gone: impl Fn(&TopicPartition) -> bool) {
        self.ready.remove(&is_gone);
        self.batches.remove(&is_gone);
        self.next.take_if(|next| is_gone(&next.partition));
    }

    /// Commits when it is time or when the group changes, and goes back to what failed.
    async fn look_after(&mut self) -> Result<(), KafkaError> {
        self.standstill.look_after(&mut self.consumer);
        let is_leaving = self.epoch > 0 && !self.consumer.is_stable();
        if is_leaving || self.next_commit <= Instant::now() {
            self.next_commit = Instant::now() + self.config.commit_period;
            match self.commit().await {
                // Others have the partitions, and read on from what was committed before.
                Err(_) if is_leaving => {}
                Err(error) if error.is_retriable() || error.is_ambiguous() => {
                    tracing::warn!(%error, "a commit failed, the next one is tried");
                }
                committed => committed?,
            }
        }
        for (partition, offset) in self.progress.take_failed() {
            self.forget(|it| *it == partition);
            self.consumer.seek(&partition, offset);
        }
        Ok(())
    }

    /// Looks which topics there are.
    async fn look_for_topics(&mut self) {
        let subscription = &self.config.subscription;
        match subscription.counts(&self.cluster).await {
            Ok(now) => {
                subscription.change(&mut self.consumer, &self.counts, &now);
                self.counts = now;
            }
            Err(error) => tracing::warn!(%error, "the topics are not told, it is asked again"),
        }
        self.next_look = Instant::now() + subscription.look_after(&self.counts);
    }

    async fn commit(&mut self) -> Result<(), KafkaError> {
        if self.config.subscription.group.is_none() {
            return Ok(());
        }
        let offsets = self.progress.to_commit();
        if !offsets.is_empty() {
            self.consumer.commit_offsets(&offsets).await?;
            self.progress.committed(&offsets);
            if self.config.deletes {
                self.delete_committed(offsets.into_keys().collect()).await?;
            }
        }
        Ok(())
    }

    /// Deletes the records before what is committed: of a topic that was made again that is nothing,
    /// whatever was read of the old one.
    async fn delete_committed(&self, partitions: Vec<TopicPartition>) -> Result<(), KafkaError> {
        let Some(group) = &self.config.subscription.group else {
            return Ok(());
        };
        let committed = self.cluster.committed(group, Some(&partitions)).await?;
        let before = committed
            .into_iter()
            .map(|(it, committed)| (it, committed.offset));
        self.cluster.delete_records(&before.collect()).await
    }

    /// Sees that there is a batch to hand out, if there can be one.
    async fn prepare(&mut self) -> Result<bool, Error> {
        if let Some(next) = &self.next
            && self.progress.is_held(&next.partition)
        {
            self.next = None;
        }
        while self.next.is_none() {
            if let Some(due) = self.batches.take_due().await {
                self.set_next(due);
                continue;
            }
            let Some((partition, record)) = self.next_record() else {
                return Ok(false);
            };
            let message = (record.offset, self.message(&partition, record));
            let batching = self.config.batching.as_ref();
            let batch = self.batches.add(batching, partition, message).await?;
            if let Some(batch) = batch {
                self.set_next(batch);
            }
        }
        Ok(true)
    }

    /// The next record of a partition of which more may be on its way.
    fn next_record(&mut self) -> Option<(Arc<TopicPartition>, Record)> {
        let (progress, limit) = (&self.progress, self.config.checkpoint_limit);
        let may_go_on = |it: &TopicPartition| progress.is_held(it) || progress.open(it) < limit;
        loop {
            let (partition, record) = self.ready.pop(may_go_on)?;
            if !progress.is_held(&partition) {
                return Some((partition, record));
            }
            // It is read again, with all that is behind it.
            self.ready.remove(|it| *it == *partition);
            self.batches.remove(|it| *it == *partition);
        }
    }

    fn message(&self, partition: &TopicPartition, record: Record) -> Message {
        let naming = &self.config.naming;
        let lag = naming.has_lag().then(|| {
            let end = self.consumer.high_watermark(partition).unwrap_or(0);
            (end - record.offset - 1).max(0)
        });
        to_message(record, naming, lag)
    }

    /// A batch that has no messages is done; others are to be handed out.
    fn set_next(&mut self, batch: Batch) {
        if self.progress.is_held(&batch.partition) {
            return;
        }
        match batch.messages.is_empty() {
            true => {
                let (progress, partition) = (&mut self.progress, &batch.partition);
                let number = progress.hand_out(partition, &batch.offsets);
                for offset in batch.offsets {
                    progress.settle(partition, number, offset, true);
                }
            }
            false => self.next = Some(batch),
        }
    }

    /// Waits for something to happen. With the token that stops it, it also hands out the next batch
    /// when there is room for it.
    async fn wait(&mut self, hand_out: Option<&CancellationToken>, end: &CancellationToken) {
        let looks = self.looks_at();
        tokio::select! {
            biased;
            () = end.cancelled() => {}
            Some(settled) = self.settled.recv() => {
                self.take(settled);
                while let Ok(settled) = self.settled.try_recv() {
                    self.take(settled);
                }
            }
            () = cancelled(hand_out), if hand_out.is_some() => {}
            permit = self.incoming.clone().reserve_owned(), if hand_out.is_some() => {
                if let (Ok(permit), Some(batch)) = (permit, self.next.take()) {
                    permit.send(self.hand_out(batch));
                }
            }
            () = sleep_until(looks) => {}
        }
    }

    /// When it is time for something that nothing else tells of.
    fn looks_at(&self) -> Instant {
        let next = (Instant::now() + LOOK).min(self.next_commit);
        let next = next.min(self.next_look);
        self.batches.deadline().map_or(next, |it| it.min(next))
    }

    fn hand_out(&mut self, batch: Batch) -> Incoming {
        let Batch {
            partition,
            offsets,
            messages,
        } = batch;
        let number = self.progress.hand_out(&partition, &offsets);
        let settle = self.settle.clone();
        Incoming::acknowledged(messages, move |outcomes| {
            let is_acknowledged = !outcomes.iter().any(|it| matches!(it, Outcome::Failed(_)));
            // A reader that is gone has committed less than that.
            let _gone = settle.send(Settled {
                number,
                partition,
                offsets,
                is_acknowledged,
            });
        })
    }

    fn take(&mut self, settled: Settled) {
        let (progress, partition) = (&mut self.progress, &settled.partition);
        for offset in settled.offsets {
            progress.settle(partition, settled.number, offset, settled.is_acknowledged);
        }
    }

    /// Polls until there are records, or it is time for something else. Partitions of which records
    /// wait here wait for what is on its way.
    async fn poll(&mut self, stop: &CancellationToken) -> Result<(), KafkaError> {
        let within = self.looks_at().saturating_duration_since(Instant::now());
        let within = within.max(Duration::from_millis(1));
        let has_waiting = !self.ready.is_empty();
        // An output that collects more than may be on its way would wait for ever.
        let flow = &self.config.flow;
        let _pressing = has_waiting.then(|| flow.press(Urgency::Stalled));
        self.consumer.set_paused(self.ready.partitions());
        let mut taken = Vec::new();
        let polled = {
            let mut poll = pin!(self.consumer.poll(within));
            loop {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => break None,
                    polled = &mut poll => break Some(polled),
                    Some(settled) = self.settled.recv() => {
                        taken.push(settled);
                        if has_waiting {
                            break None;
                        }
                    }
                    () = self.batches.urged() => break None,
                }
            }
        };
        self.notice_changes();
        for settled in taken {
            self.take(settled);
        }
        if let Some(records) = polled.transpose()? {
            self.ready.extend(records);
        }
        Ok(())
    }

    /// Forgets what is not read any more: all when the group has changed, and of a topic that was
    /// deleted and made again what was read of the old one.
    fn notice_changes(&mut self) {
        let epoch = self.consumer.epoch();
        if epoch != self.epoch {
            self.epoch = epoch;
            self.progress.forget(|_| true);
            self.forget(|_| true);
        }
        for topic in self.consumer.take_replaced() {
            tracing::warn!(%topic, "it was deleted and made again: the new one is read");
            self.progress.forget(|it| it.topic == topic);
            self.forget(|it| it.topic == topic);
        }
    }
}

async fn cancelled(token: Option<&CancellationToken>) {
    match token {
        Some(token) => token.cancelled().await,
        None => std::future::pending().await,
    }
}
