//! What inputs that combine others share: they pass batches on, and stops and ends with them.

use std::collections::VecDeque;

use millrace_component::{Flow, Sender, Source, SourceWriter, Urgency};
use millrace_message::{Error, MessageBatch};

/// Messages that may wait behind a combining input.
pub(super) const EDGE_CAPACITY: usize = 128;
/// Batches that are passed on in one step.
const RUN_MAX: usize = 64;

/// Passes everything on until the source ends; false when nobody reads any more.
pub(super) async fn pass_on(source: &Source, to: &Sender<MessageBatch>) -> bool {
    let mut run = Vec::with_capacity(RUN_MAX);
    let mut handed = VecDeque::with_capacity(RUN_MAX);
    while source.batches().pop_run(RUN_MAX, &mut run).await {
        handed.extend(run.drain(..));
        to.push_run(&mut handed).await;
        if !handed.is_empty() {
            return false;
        }
    }
    true
}

/// Presses the stream from when the source is exhausted on, for good: whoever waits for its end waits
/// for what batching policies hold of it.
pub(super) async fn press_at_end(source: &Source, flow: &Flow) {
    let mut exhausted = source.exhausted();
    // A source that is gone is exhausted too.
    drop(exhausted.wait_for(|exhausted| *exhausted).await);
    let _pressing = flow.press(Urgency::Draining);
    std::future::pending::<()>().await;
}

/// Stops the sources when the combining input is stopped, and says that it is exhausted when all
/// of them are. Runs until then.
pub(super) async fn follow(sources: &[Source], writer: &SourceWriter) {
    let all_exhausted = async {
        for source in sources {
            // A source that is gone is exhausted too.
            let mut exhausted = source.exhausted();
            let _gone = exhausted.wait_for(|exhausted| *exhausted).await;
        }
    };
    tokio::pin!(all_exhausted);
    tokio::select! {
        () = &mut all_exhausted => {}
        () = writer.stop().cancelled() => {
            sources.iter().for_each(Source::stop);
            all_exhausted.await;
        }
    }
    writer.exhaust();
}

/// Waits for the end of every source; the first error is the result.
pub(super) async fn finish_all(sources: Vec<Source>) -> Result<(), Error> {
    let mut result = Ok(());
    for source in sources {
        let ended = source.finish().await;
        result = result.and(ended);
    }
    result
}
