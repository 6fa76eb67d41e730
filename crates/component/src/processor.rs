//! The contract of a processor: one batch in, any number of batches out.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_message::MessageBatch;
use smallvec::SmallVec;

use crate::Flow;

/// What a processor makes of one batch; most make exactly one.
pub type Batches = SmallVec<[MessageBatch; 1]>;

/// A processor that never waits: it runs on a pipeline thread, between others of its kind.
///
/// One instance serves every pipeline thread.
///
/// There is no error of a whole batch: a message that goes on carries its origin; one that ends
/// here is settled, as filtered, dropped with a reason, or failed; one that the processor could
/// not process goes on unchanged with its fault set.
pub trait Processor: Send + Sync {
    /// Processes one batch.
    fn process(&self, batch: MessageBatch) -> Batches;

    /// Processes the batches of a run, each for itself, in order. Who changes messages where they
    /// stand saves moving them twice.
    fn process_run(&self, run: Batches) -> Batches {
        let mut processed = Batches::with_capacity(run.len());
        for batch in run {
            processed.extend(self.process(batch));
        }
        processed
    }

    /// Finishes what has to be finished, after the last batch.
    fn close(&self) {}
}

/// A processor that waits: for a server, a timer, another process.
///
/// As [`Processor`]; one pipeline thread drives one transaction at a time through it.
#[async_trait]
pub trait AsyncProcessor: Send + Sync {
    /// Processes one batch.
    ///
    /// # Cancel safety
    /// The future may be dropped at shutdown: messages that it held go back to their source.
    async fn process(&self, batch: MessageBatch) -> Batches;

    /// Finishes what has to be finished, after the last batch.
    async fn close(&self) {}
}

/// A processor, built. A composite is synchronous exactly when its children are.
#[derive(Clone)]
pub enum BuiltProcessor {
    /// Never waits.
    Sync(Arc<dyn Processor>),
    /// May wait.
    Async(Arc<dyn AsyncProcessor>),
}

impl BuiltProcessor {
    /// Whether it never waits.
    pub fn is_sync(&self) -> bool {
        matches!(self, Self::Sync(_))
    }

    /// Processes one batch, waiting where the processor waits.
    pub async fn process(&self, batch: MessageBatch) -> Batches {
        match self {
            Self::Sync(processor) => processor.process(batch),
            Self::Async(processor) => processor.process(batch).await,
        }
    }

    /// Closes the processor.
    pub async fn close(&self) {
        match self {
            Self::Sync(processor) => processor.close(),
            Self::Async(processor) => processor.close().await,
        }
    }
}

/// Runs a batch through a list of processors, in order. Nothing comes out once a stream has given up
/// what it holds.
pub async fn process_all(
    processors: &[BuiltProcessor],
    batch: MessageBatch,
    flow: &Flow,
) -> Batches {
    let mut batches: Batches = smallvec::smallvec![batch];
    for processor in processors {
        let mut next = Batches::new();
        for batch in batches {
            if flow.abort().is_cancelled() {
                return Batches::new();
            }
            next.extend(processor.process(batch).await);
        }
        batches = next;
    }
    batches
}
