//! The task of a producer: batches go to leaders, and again when that fails.

mod answers;
mod requests;

use std::collections::HashMap;
use std::sync::Arc;

use millrace_kafka_wire::api::produce::ProduceResponse;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::queue::{Accepted, Identity, Queue, Written};
use super::settings::ProducerSettings;
use crate::Result;
use crate::admin::TopicPartition;
use crate::cluster::Cluster;
use crate::error::{Error, Reason};

/// How many records are taken before batches are looked at.
const TAKEN_AT_ONCE: usize = 1024;

pub enum Command {
    /// They come together, so that they stand in as few batches as they fit into.
    Records(Vec<(TopicPartition, Accepted)>),
    Flush(oneshot::Sender<()>),
}

/// Batches that went out in one request.
type Sent = Vec<(TopicPartition, u64)>;

struct Answered {
    broker: i32,
    sent: Sent,
    result: Result<ProduceResponse>,
}

pub struct Sender {
    cluster: Arc<Cluster>,
    settings: ProducerSettings,
    identity: Option<Identity>,
    queues: HashMap<TopicPartition, Queue>,
    /// Open requests by broker.
    in_flight: HashMap<i32, usize>,
    requests: JoinSet<Answered>,
    flushes: Vec<oneshot::Sender<()>>,
    is_closed: bool,
    /// Why nothing is sent any more.
    fatal: Option<Error>,
}

impl Sender {
    pub fn new(
        cluster: Arc<Cluster>,
        settings: ProducerSettings,
        identity: Option<Identity>,
    ) -> Self {
        Self {
            cluster,
            settings,
            identity,
            queues: HashMap::new(),
            in_flight: HashMap::new(),
            requests: JoinSet::new(),
            flushes: Vec::new(),
            is_closed: false,
            fatal: None,
        }
    }

    /// Works until its producer is gone and all that it took is decided.
    pub async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            self.close_batches();
            self.expire();
            self.dispatch().await;
            if self.queues.values().all(Queue::is_empty) {
                self.queues
                    .retain(|_, it| !it.is_empty() || self.identity.is_some());
                for flushed in self.flushes.drain(..) {
                    // Who flushed may have gone.
                    let _gone = flushed.send(());
                }
                if self.is_closed {
                    return;
                }
            }
            let wakes = self.wakes_at();
            tokio::select! {
                command = commands.recv(), if !self.is_closed => match command {
                    Some(command) => self.take(command, &mut commands),
                    None => self.is_closed = true,
                },
                Some(answered) = self.requests.join_next(), if !self.requests.is_empty() => {
                    if let Ok(answered) = answered {
                        self.settle(answered).await;
                    }
                }
                () = tokio::time::sleep_until(wakes.unwrap_or_else(Instant::now)),
                    if wakes.is_some() => {}
            }
        }
    }

    fn take(&mut self, first: Command, commands: &mut mpsc::Receiver<Command>) {
        let now = Instant::now();
        let mut next = Some(first);
        let mut taken = 0;
        while let Some(command) = next {
            match command {
                Command::Flush(done) => self.flushes.push(done),
                Command::Records(records) => {
                    for (partition, accepted) in records {
                        self.add(partition, accepted, now);
                    }
                }
            }
            taken += 1;
            next = (taken < TAKEN_AT_ONCE)
                .then(|| commands.try_recv().ok())
                .flatten();
        }
    }

    fn add(&mut self, partition: TopicPartition, accepted: Accepted, now: Instant) {
        if let Some(error) = &self.fatal {
            // Who sent the record need not wait for it.
            let _unread = accepted.answer.send(Err(error.clone()));
            return;
        }
        let (identity, number) = (self.identity, partition.partition);
        let queue = self.queues.entry(partition);
        let queue = queue.or_insert_with(|| Queue::new(number, identity));
        queue.add(accepted, &self.settings, now);
    }

    /// Closes batches that have waited long enough; all, when somebody waits for the end.
    fn close_batches(&mut self) {
        let now = Instant::now();
        let is_urgent = self.is_closed || !self.flushes.is_empty();
        for queue in self.queues.values_mut() {
            let is_due = queue.closes_at(&self.settings).is_some_and(|it| it <= now);
            if is_due || is_urgent {
                queue.close(&self.settings);
            }
            queue.report();
        }
    }

    /// When there is something to do that no message tells of.
    fn wakes_at(&self) -> Option<Instant> {
        let queues = self.queues.values();
        let times = queues.flat_map(|it| [it.closes_at(&self.settings), it.ready_at()]);
        times.flatten().min()
    }

    /// Fails batches that have waited for too long.
    fn expire(&mut self) {
        let Some(before) = Instant::now().checked_sub(self.settings.delivery_timeout) else {
            return;
        };
        let late: Vec<_> = self
            .queues
            .iter()
            .filter_map(|(partition, queue)| Some((partition.clone(), queue.expired(before)?)))
            .collect();
        for (partition, number) in late {
            let error = Error::new(Reason::Timeout(self.settings.delivery_timeout));
            self.fail(&partition, number, error.of(&partition));
        }
    }

    fn settle_unanswered(&mut self, broker: i32, sent: Sent) {
        self.answered(broker);
        for (partition, number) in sent {
            let written = Written {
                base_offset: None,
                append_time: None,
            };
            self.finish(&partition, number, Ok(written));
        }
    }

    fn answered(&mut self, broker: i32) {
        if let Some(open) = self.in_flight.get_mut(&broker) {
            *open = open.saturating_sub(1);
        }
    }

    fn finish(&mut self, partition: &TopicPartition, number: u64, result: Result<Written>) {
        if let Some(queue) = self.queues.get_mut(partition) {
            queue.finish(number, result);
        }
    }
}
