//! An output with a batching policy: writes are collected, and each waits for its batch.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use millrace_component::{
    BatchPolicy, Batcher, BuildContext, Flow, Intake, Receiver, Sender, Sink, Urgency, queue, track,
};
use millrace_message::{Error, MessageBatch, Outcomes, settle_all};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::faulted::Faulted;
use crate::writes::{Write, Writes};

/// Messages that may wait for the collecting task; it takes them as fast as they come.
const EDGE_CAPACITY: usize = 64;

/// How long nothing has to arrive before an incomplete batch is flushed while the stream drains.
/// Messages may still be in the pipeline, and belong into the same batch.
const DRAIN_PAUSE: Duration = Duration::from_millis(20);

/// Collects writes into batches in front of an output.
pub(crate) struct BatchingSink {
    writes: Mutex<Option<Sender<MessageBatch>>>,
    collector: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

impl BatchingSink {
    pub(crate) fn start(
        inner: Arc<dyn Sink>,
        policy: &BatchPolicy,
        cx: &BuildContext,
    ) -> Result<Self, Error> {
        let (sender, receiver) = queue::queue(EDGE_CAPACITY);
        let collector = Collector {
            writes: receiver,
            batcher: policy.build(cx, "batching")?,
            ready: VecDeque::new(),
            inner,
            urgency: cx.flow().urgency(),
            path: format!("{}.batching.processors.", cx.path()),
            flow: cx.flow().clone(),
        };
        Ok(Self {
            writes: Mutex::new(Some(sender)),
            collector: tokio::sync::Mutex::new(Some(tokio::spawn(collector.run()))),
        })
    }
}

#[async_trait]
impl Sink for BatchingSink {
    async fn write(&self, batch: MessageBatch) -> Outcomes {
        self.hand_over(batch).await.await
    }

    async fn hand_over<'a>(&'a self, mut batch: MessageBatch) -> BoxFuture<'a, Outcomes> {
        let Some(writes) = self.writes.lock().clone() else {
            let closed = Outcomes::failed(Error::not_connected("the output is closed"));
            return Box::pin(std::future::ready(closed));
        };
        let outcomes = track(&mut batch);
        // A batch that cannot be handed over is dropped, which is its outcome.
        let _refused = writes.push(batch).await;
        Box::pin(outcomes)
    }

    fn capacity(&self) -> usize {
        usize::MAX
    }

    async fn close(&self) {
        self.writes.lock().take();
        if let Some(collector) = self.collector.lock().await.take()
            && let Err(panic) = collector.await
        {
            tracing::error!("a batching policy panicked: {panic}");
        }
    }
}

struct Collector {
    writes: Receiver<MessageBatch>,
    batcher: Batcher,
    /// What was collected, and is to be handed over, one batch after the other.
    ready: VecDeque<(MessageBatch, Faulted)>,
    inner: Arc<dyn Sink>,
    urgency: watch::Receiver<Urgency>,
    /// Below which the policy's processors stand in the config.
    path: String,
    flow: Flow,
}

impl Collector {
    async fn run(mut self) {
        let mut under_way = Writes::default();
        let abort = self.flow.abort().clone();
        let mut open = true;
        while open || !(self.ready.is_empty() && under_way.is_empty()) {
            let deadline = self.batcher.deadline();
            if under_way.are_free()
                && let Some(next) = self.ready.pop_front()
            {
                under_way.hand_over(self.hand_over(next));
            }
            // A full output lets messages collect instead of queueing small batches.
            let may_flush = under_way.are_free() && !under_way.are_full(&*self.inner);
            let is_draining = *self.urgency.borrow() == Urgency::Draining;
            let is_last = is_draining && may_flush && !self.batcher.is_empty();
            let flush = tokio::select! {
                biased;
                // What is collected is dropped, and fails towards its source.
                () = abort.cancelled() => break,
                () = under_way.next(), if !under_way.is_empty() => false,
                batch = self.writes.pop(), if open && may_flush => match batch {
                    Some(batch) => self.batcher.add(batch),
                    None => {
                        open = false;
                        true
                    }
                },
                () = Batcher::due(deadline), if may_flush && deadline.is_some() => true,
                Ok(()) = self.urgency.changed() => false,
                () = tokio::time::sleep(DRAIN_PAUSE), if is_last => true,
            };
            let urgent = match *self.urgency.borrow() {
                Urgency::Normal | Urgency::Draining => false,
                // What is under way makes room when it settles.
                Urgency::Stalled => under_way.is_empty(),
                Urgency::Pressed => true,
            };
            if (flush || urgent) && !self.batcher.is_empty() {
                let mut ready = Vec::new();
                if urgent && !flush {
                    // Everything that is here already goes into the same batch.
                    self.writes.try_pop_run(EDGE_CAPACITY, &mut ready);
                }
                for batch in ready {
                    self.batcher.add(batch);
                }
                self.flush().await;
            }
        }
        drop((self.writes, self.batcher, self.ready));
        under_way.end(&self.flow).await;
        self.inner.close().await;
    }

    /// Makes what is collected ready to be handed over.
    async fn flush(&mut self) {
        let batch = self.batcher.take();
        let mut known = Faulted::of(&batch, &self.flow).len();
        for batch in self.batcher.process(batch).await {
            let faulted = Faulted::beyond(&mut known, &self.path, &batch, &self.flow);
            self.ready.push_back((batch, faulted));
        }
    }

    /// Hands a batch over; what comes then is its write, which settles it.
    fn hand_over(
        &self,
        (mut batch, faulted): (MessageBatch, Faulted),
    ) -> impl Future<Output = Write<'static>> + use<> {
        let (inner, flow) = (Arc::clone(&self.inner), self.flow.clone());
        let intake = Intake::default();
        let told = intake.clone();
        let write: Write<'static> = Box::pin(async move {
            let origins = batch.take_origins();
            let outcomes = told.through(&*inner, batch).await;
            faulted.count(&outcomes, &flow);
            settle_all(origins, &outcomes);
        });
        intake.wait(write)
    }
}

#[cfg(test)]
mod tests {
    use millrace_component::conformance::Workbench;
    use millrace_message::Message;

    use super::*;

    /// Accepts everything and tells how large it was.
    struct Sizes(Mutex<Vec<usize>>);

    #[async_trait]
    impl Sink for Sizes {
        async fn write(&self, batch: MessageBatch) -> Outcomes {
            self.0.lock().push(batch.len());
            Outcomes::DELIVERED
        }

        fn capacity(&self) -> usize {
            1
        }

        async fn close(&self) {}
    }

    /// Never ends a write.
    struct Stuck;

    #[async_trait]
    impl Sink for Stuck {
        async fn write(&self, _: MessageBatch) -> Outcomes {
            std::future::pending().await
        }

        fn capacity(&self) -> usize {
            1
        }

        async fn close(&self) {}
    }

    #[tokio::test(start_paused = true)]
    async fn the_abort_of_a_stream_ends_writes_that_would_go_on_for_ever() {
        let bench = Workbench::new([]);
        let cx = bench.context("stuck");
        let policy: BatchPolicy = bench.read("{ count: 2 }").unwrap();
        let sink = BatchingSink::start(Arc::new(Stuck), &policy, &cx).unwrap();
        let batch = |texts: &[&str]| texts.iter().map(|it| Message::from(*it)).collect();
        let written = tokio::join!(
            sink.write(batch(&["a", "b"])),
            sink.write(batch(&["c"])),
            async {
                tokio::time::sleep(DRAIN_PAUSE).await;
                cx.flow().abort().cancel();
            }
        );
        assert!(written.0.get(0).error().is_some());
        assert!(written.1.get(0).error().is_some());
        sink.close().await;
    }

    #[tokio::test(start_paused = true)]
    async fn while_the_stream_drains_batches_stay_whole_as_long_as_messages_come() {
        let bench = Workbench::new([]);
        let cx = bench.context("sizes");
        let policy: BatchPolicy = bench.read("{ count: 10 }").unwrap();
        let inner = Arc::new(Sizes(Mutex::default()));
        let sink = BatchingSink::start(Arc::clone(&inner) as Arc<dyn Sink>, &policy, &cx);
        let sink = Arc::new(sink.unwrap());
        cx.flow().drain();
        let mut writes = Vec::new();
        for _ in 0..25 {
            let sink = Arc::clone(&sink);
            let write = async move { sink.write(Message::from("x").into()).await };
            writes.push(tokio::spawn(write));
            tokio::time::sleep(DRAIN_PAUSE / 2).await;
        }
        for write in writes {
            assert!(write.await.unwrap().is_success());
        }
        assert_eq!(*inner.0.lock(), [10, 10, 5]);
        sink.close().await;
    }
}
