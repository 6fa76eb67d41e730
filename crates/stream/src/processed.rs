//! The processors that stand beside the fields of an input or an output.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;
use millrace_component::{CompositeSink, Flow, Intake, Sink, Source, track};
use millrace_message::{MessageBatch, Outcomes};

use crate::chain::Chain;
use crate::faulted::Faulted;

/// Messages that may wait behind the processors of an input.
const EDGE_CAPACITY: usize = 128;

/// An input followed by its processors.
pub(crate) fn processed_source(upstream: Source, chain: Chain) -> Source {
    let mut exhausted = upstream.exhausted();
    Source::spawn(EDGE_CAPACITY, move |writer| async move {
        let stop = writer.stop().clone();
        let upstream_stop = upstream.stopper();
        let mut stopping = false;
        loop {
            tokio::select! {
                batch = upstream.batches().pop() => {
                    let Some(batch) = batch else { break };
                    for batch in chain.run(batch).await {
                        if writer.batches.push(batch).await.is_err() {
                            return upstream.finish().await;
                        }
                    }
                }
                () = stop.cancelled(), if !stopping => {
                    stopping = true;
                    upstream_stop.cancel();
                }
                Ok(()) = exhausted.changed() => writer.exhaust(),
            }
        }
        chain.close().await;
        upstream.finish().await
    })
}

async fn first_of(writes: &mut VecDeque<BoxFuture<'_, ()>>) {
    if let Some(first) = writes.front_mut() {
        first.await;
    }
}

/// An output preceded by its processors.
pub(crate) struct ProcessedSink {
    chain: Chain,
    /// Below which its processors stand in the config.
    path: String,
    sink: Arc<dyn Sink>,
    flow: Flow,
}

impl ProcessedSink {
    pub(crate) fn new(chain: Chain, path: String, sink: Arc<dyn Sink>, flow: Flow) -> Self {
        Self {
            chain,
            path,
            sink,
            flow,
        }
    }
}

#[async_trait]
impl CompositeSink for ProcessedSink {
    async fn deliver(&self, mut batch: MessageBatch, intake: &Intake) -> Outcomes {
        // The processors may split, merge or remove messages: a transaction of its own tells
        // what became of each message of the batch.
        let outcomes = track(&mut batch);
        let mut known = Faulted::of(&batch, &self.flow).len();
        // Each is written when the one before is; handing the next one over may need its place.
        let mut writes = VecDeque::new();
        for mut batch in self.chain.run(batch).await {
            let origins = batch.take_origins();
            let faulted = Faulted::beyond(&mut known, &self.path, &batch, &self.flow);
            let mut handing = self.sink.hand_over(batch);
            let write = loop {
                tokio::select! {
                    biased;
                    write = &mut handing => break write,
                    () = first_of(&mut writes), if !writes.is_empty() => drop(writes.pop_front()),
                }
            };
            writes.push_back(Box::pin(async move {
                let outcomes = write.await;
                faulted.count(&outcomes, &self.flow);
                millrace_message::settle_all(origins, &outcomes);
            }) as BoxFuture<'_, ()>);
        }
        intake.taken();
        for write in writes {
            write.await;
        }
        outcomes.await
    }

    fn capacity(&self) -> usize {
        self.sink.capacity()
    }

    async fn close(&self) {
        self.sink.close().await;
        self.chain.close().await;
    }
}
