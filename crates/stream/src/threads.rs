//! The pipeline threads: each takes what is ready, runs the chain, and hands over the results.

use std::sync::Arc;
use std::thread::JoinHandle;

use millrace_component::{Reads, Receiver, Sender};
use millrace_message::MessageBatch;
use tokio_util::sync::CancellationToken;

use crate::chain::Chain;
use crate::runs;

/// Messages that a thread takes at once when its chain never waits.
const RUN_MAX: usize = 64;

/// One worker of a pipeline.
struct Worker {
    chain: Arc<Chain>,
    input: Receiver<MessageBatch>,
    output: Sender<MessageBatch>,
    runtime: tokio::runtime::Handle,
    abort: CancellationToken,
    reads: Reads,
}

/// Starts `threads` pipeline threads between the two queues. They end with their input. `reads` is
/// what is read of their results.
///
/// # Errors
/// The operating system refuses another thread.
pub(crate) fn spawn(
    threads: usize,
    chain: &Arc<Chain>,
    input: &Receiver<MessageBatch>,
    output: &Sender<MessageBatch>,
    reads: Reads,
    abort: &CancellationToken,
) -> std::io::Result<Vec<JoinHandle<()>>> {
    (0..threads)
        .map(|index| {
            let worker = Worker {
                chain: Arc::clone(chain),
                input: input.clone(),
                output: output.clone(),
                runtime: tokio::runtime::Handle::current(),
                abort: abort.clone(),
                reads,
            };
            std::thread::Builder::new()
                .name(format!("pipeline-{index}"))
                .spawn(move || worker.run())
        })
        .collect()
}

impl Worker {
    fn run(&self) {
        // A chain that waits holds one transaction at a time: Bento's meaning of `threads`.
        let max = if self.chain.is_sync() { RUN_MAX } else { 1 };
        runs::work(
            &self.input,
            max,
            &self.abort,
            |batch, results| results.extend(self.chain.run_on_thread(batch, &self.runtime)),
            |results| {
                self.reads.strip(results.make_contiguous());
                self.output.push_run_blocking(results);
            },
        );
    }
}
