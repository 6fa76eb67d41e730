//! The processors that stand beside the fields of an input or an output.

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
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
        // What is handed over goes on: the next one may need its place.
        let mut writes = FuturesUnordered::new();
        for mut batch in self.chain.run(batch).await {
            let origins = batch.take_origins();
            let faulted = Faulted::beyond(&mut known, &self.path, &batch, &self.flow);
            let mut handing = self.sink.hand_over(batch);
            let write = loop {
                tokio::select! {
                    biased;
                    write = &mut handing => break write,
                    Some(()) = writes.next(), if !writes.is_empty() => {}
                }
            };
            writes.push(async move {
                let outcomes = write.await;
                faulted.count(&outcomes, &self.flow);
                millrace_message::settle_all(origins, &outcomes);
            });
        }
        intake.taken();
        while writes.next().await.is_some() {}
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
