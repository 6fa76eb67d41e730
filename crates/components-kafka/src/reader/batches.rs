//! The messages of a partition as batches.

use std::collections::HashMap;
use std::sync::Arc;

use millrace_component::{BatchPolicy, Batcher, BuildContext, Urgency};
use millrace_kafka_client::TopicPartition;
use millrace_message::{Error, Message, MessageBatch};
use smallvec::{SmallVec, smallvec};
use tokio::sync::watch;
use tokio::time::Instant;

/// How many bytes of messages may wait for their batches to be complete.
const HELD_MAX: usize = 64 << 20;

/// A batching policy that each partition has for itself.
pub struct Batching {
    policy: BatchPolicy,
    cx: BuildContext,
}

impl Batching {
    /// A policy; none, when it never collects anything.
    ///
    /// # Errors
    /// One of its processors cannot be built.
    pub fn new(policy: &BatchPolicy, cx: &BuildContext) -> Result<Option<Self>, Error> {
        if policy.is_noop() && policy.processors.is_empty() {
            return Ok(None);
        }
        let batching = Self {
            policy: policy.clone(),
            cx: cx.clone(),
        };
        batching.batcher()?;
        Ok(Some(batching))
    }

    fn batcher(&self) -> Result<Batcher, Error> {
        let mut policy = self.policy.clone();
        if policy.is_noop() {
            policy.count = 1;
        }
        policy.build(&self.cx, "batching")
    }

    fn urgency(&self) -> watch::Receiver<Urgency> {
        self.cx.flow().urgency()
    }
}

/// The offsets of messages, in order.
pub type Offsets = SmallVec<[i64; 1]>;

/// Messages of one partition that go on together.
pub struct Batch {
    pub partition: Arc<TopicPartition>,
    pub offsets: Offsets,
    /// None, when the policy's processors left none.
    pub messages: MessageBatch,
}

/// The batches that are not complete yet.
pub struct Batches {
    held: HashMap<Arc<TopicPartition>, Held>,
    /// Of all that is held: the engine does not count it yet.
    bytes: usize,
    urgency: Option<watch::Receiver<Urgency>>,
}

struct Held {
    batcher: Batcher,
    offsets: Offsets,
}

impl Batches {
    pub fn new(batching: Option<&Batching>) -> Self {
        Self {
            held: HashMap::new(),
            bytes: 0,
            urgency: batching.map(Batching::urgency),
        }
    }

    /// Forgets what there is of some partitions.
    pub fn remove(&mut self, is_gone: impl Fn(&TopicPartition) -> bool) {
        let gone = self.held.extract_if(|partition, _| is_gone(partition));
        let bytes: usize = gone.map(|(_, it)| it.batcher.held_bytes()).sum();
        self.bytes -= bytes;
    }

    /// Adds a message; the batch that it completes.
    ///
    /// # Errors
    /// A processor of the policy cannot be built.
    pub async fn add(
        &mut self,
        batching: Option<&Batching>,
        partition: Arc<TopicPartition>,
        (offset, message): (i64, Message),
    ) -> Result<Option<Batch>, Error> {
        let Some(batching) = batching else {
            return Ok(Some(Batch {
                partition,
                offsets: smallvec![offset],
                messages: message.into(),
            }));
        };
        if !self.held.contains_key(&partition) {
            let held = Held {
                batcher: batching.batcher()?,
                offsets: Offsets::new(),
            };
            self.held.insert(Arc::clone(&partition), held);
        }
        let Some(held) = self.held.get_mut(&partition) else {
            return Ok(None);
        };
        held.offsets.push(offset);
        let before = held.batcher.held_bytes();
        let is_complete = held.batcher.add(message.into());
        self.bytes += held.batcher.held_bytes() - before;
        match is_complete || self.bytes > HELD_MAX {
            true => Ok(self.flush(&partition).await),
            false => Ok(None),
        }
    }

    /// When the next batch has waited long enough.
    pub fn deadline(&self) -> Option<Instant> {
        let held = self.held.values();
        held.filter_map(|it| it.batcher.deadline()).min()
    }

    /// A batch that waits no longer: for its time is over, or the engine needs what is held.
    pub async fn take_due(&mut self) -> Option<Batch> {
        let urgency = self.urgency.as_ref();
        let is_urgent = urgency.is_some_and(|it| is_urgent(&it.borrow()));
        let now = Instant::now();
        let is_due = |it: &Held| {
            let is_late = it.batcher.deadline().is_some_and(|at| at <= now);
            !it.batcher.is_empty() && (is_urgent || is_late)
        };
        let due = self.held.iter().find(|(_, held)| is_due(held));
        let partition = Arc::clone(due?.0);
        self.flush(&partition).await
    }

    /// Waits until the engine needs what is held; for ever, where nothing is.
    pub async fn urged(&mut self) {
        let is_empty = self.held.values().all(|it| it.batcher.is_empty());
        if let Some(urgency) = self.urgency.as_mut().filter(|_| !is_empty)
            && urgency.wait_for(is_urgent).await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    }

    async fn flush(&mut self, partition: &Arc<TopicPartition>) -> Option<Batch> {
        let held = self.held.get_mut(partition)?;
        let offsets = std::mem::take(&mut held.offsets);
        self.bytes -= held.batcher.held_bytes();
        let messages = held.batcher.flush().await.into_iter().flatten().collect();
        Some(Batch {
            partition: Arc::clone(partition),
            offsets,
            messages,
        })
    }
}

/// Whether what is held is to go on. That outputs are to flush is no reason.
fn is_urgent(urgency: &Urgency) -> bool {
    matches!(urgency, Urgency::Pressed | Urgency::Draining)
}
