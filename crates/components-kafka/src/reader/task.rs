//! The task of a reader: the one owner of its consumer.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use millrace_component::Incoming;
use millrace_kafka_client::{Consumer, Error as KafkaError, Record, TopicPartition};
use millrace_message::{Error, Outcome};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::ReaderConfig;
use super::progress::Progress;
use crate::failure::not_connected;
use crate::record::to_message;

/// How often it looks after its group while it waits for the engine.
const LOOK: Duration = Duration::from_millis(500);

/// What became of a message.
struct Settled {
    generation: i32,
    partition: Arc<TopicPartition>,
    offset: i64,
    is_acknowledged: bool,
}

/// Polls the consumer, hands records to the engine, and commits what comes back.
pub struct Task {
    config: Arc<ReaderConfig>,
    consumer: Consumer,
    incoming: mpsc::Sender<Incoming>,
    settle: mpsc::UnboundedSender<Settled>,
    /// Bounded by what may be on its way.
    settled: mpsc::UnboundedReceiver<Settled>,
    progress: Progress,
    generation: i32,
    /// Polled and not handed out yet.
    ready: VecDeque<Record>,
    next_commit: Instant,
}

impl Task {
    pub fn new(
        config: Arc<ReaderConfig>,
        consumer: Consumer,
        incoming: mpsc::Sender<Incoming>,
    ) -> Self {
        let (settle, settled) = mpsc::unbounded_channel();
        Self {
            next_commit: Instant::now() + config.commit_period,
            config,
            consumer,
            incoming,
            settle,
            settled,
            progress: Progress::default(),
            generation: -1,
            ready: VecDeque::new(),
        }
    }

    /// Runs until `end`, and then commits and leaves the group. After `stop` nothing is read.
    pub async fn run(
        mut self,
        stop: CancellationToken,
        end: CancellationToken,
    ) -> Result<(), Error> {
        let finished = async {
            self.work(&stop, &end).await?;
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
    ) -> Result<(), KafkaError> {
        while !end.is_cancelled() {
            // Who was to be handed messages may be gone without a word.
            if self.incoming.is_closed() && !stop.is_cancelled() {
                break;
            }
            self.look_after().await?;
            if stop.is_cancelled() {
                self.ready.clear();
                self.wait(None, end).await;
            } else if !self.consumer.is_stable() {
                // What is on its way is read again by who gets the partition.
                self.ready.clear();
                self.poll(stop).await?;
            } else if self.may_hand_out() {
                self.wait(Some(stop), end).await;
            } else if self.ready.is_empty() {
                self.poll(stop).await?;
            } else {
                self.wait(None, end).await;
            }
        }
        Ok(())
    }

    /// Commits when it is time or when the group changes, and goes back to what failed.
    async fn look_after(&mut self) -> Result<(), KafkaError> {
        let is_leaving = self.generation >= 0 && !self.consumer.is_stable();
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
            self.consumer.seek(&partition, offset);
        }
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), KafkaError> {
        let offsets = self.progress.to_commit();
        if !offsets.is_empty() {
            self.consumer.commit_offsets(&offsets).await?;
            self.progress.committed(&offsets);
        }
        Ok(())
    }

    /// Whether the next record may be handed out.
    fn may_hand_out(&mut self) -> bool {
        while let Some(record) = self.ready.front() {
            let partition = TopicPartition {
                topic: record.topic.clone(),
                partition: record.partition,
            };
            if self.progress.is_held(&partition) {
                self.ready.pop_front();
                continue;
            }
            return self.progress.open(&partition) < self.config.checkpoint_limit;
        }
        false
    }

    /// Waits for something to happen. With the token that stops it, it also hands out the next record
    /// when there is room for it.
    async fn wait(&mut self, hand_out: Option<&CancellationToken>, end: &CancellationToken) {
        let looks = (Instant::now() + LOOK).min(self.next_commit);
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
                if let (Ok(permit), Some(record)) = (permit, self.ready.pop_front()) {
                    permit.send(self.hand_out(record));
                }
            }
            () = sleep_until(looks) => {}
        }
    }

    fn hand_out(&mut self, record: Record) -> Incoming {
        let partition = Arc::new(TopicPartition {
            topic: record.topic.clone(),
            partition: record.partition,
        });
        let (offset, generation) = (record.offset, self.generation);
        self.progress.hand_out(&partition, offset);
        let settle = self.settle.clone();
        Incoming::acknowledged(to_message(record), move |outcomes| {
            let is_acknowledged = !outcomes.iter().any(|it| matches!(it, Outcome::Failed(_)));
            // A reader that is gone has committed less than that.
            let _gone = settle.send(Settled {
                generation,
                partition,
                offset,
                is_acknowledged,
            });
        })
    }

    fn take(&mut self, settled: Settled) {
        if settled.generation == self.generation {
            let Settled {
                partition,
                offset,
                is_acknowledged,
                ..
            } = settled;
            self.progress.settle(&partition, offset, is_acknowledged);
        }
    }

    /// Polls until there are records, or it is time for something else.
    async fn poll(&mut self, stop: &CancellationToken) -> Result<(), KafkaError> {
        let within = self.next_commit.saturating_duration_since(Instant::now());
        let within = within.clamp(Duration::from_millis(1), LOOK);
        let mut taken = Vec::new();
        let polled = {
            let mut poll = pin!(self.consumer.poll(within));
            loop {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => break None,
                    polled = &mut poll => break Some(polled),
                    Some(settled) = self.settled.recv() => taken.push(settled),
                }
            }
        };
        // Those that came while the group changed are of its earlier generation.
        let generation = self.consumer.generation();
        if generation != self.generation {
            self.generation = generation;
            self.progress = Progress::default();
        }
        for settled in taken {
            self.take(settled);
        }
        if let Some(records) = polled.transpose()? {
            self.ready.extend(records);
        }
        Ok(())
    }
}

async fn cancelled(token: Option<&CancellationToken>) {
    match token {
        Some(token) => token.cancelled().await,
        None => std::future::pending().await,
    }
}
