//! What inputs that combine others share: they pass batches on, and stops and ends with them.

use std::collections::VecDeque;

use millrace_component::{Flow, Sender, Source, SourceWriter, Urgency};
use millrace_message::{Error, MessageBatch};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

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

/// Passes everything on until the source ends or nobody reads any more, and waits for its end: what is
/// on its way then fails, so that the source is not held up.
pub(super) async fn pass_on_to_end(source: Source, to: &Sender<MessageBatch>) -> Result<(), Error> {
    pass_on(&source, to).await;
    source.finish().await
}

/// How sources are told to stop, and tell that they are exhausted.
pub(super) struct Ends(Vec<(CancellationToken, watch::Receiver<bool>)>);

impl Ends {
    pub(super) fn of(sources: &[Source]) -> Self {
        let ends = sources.iter().map(|it| (it.stopper(), it.exhausted()));
        Self(ends.collect())
    }

    /// Stops the sources when the combining input is stopped, and says that it is exhausted when all
    /// of them are. Runs until then.
    pub(super) async fn follow(mut self, writer: &SourceWriter) {
        let stops: Vec<_> = self.0.iter().map(|(stop, _)| stop.clone()).collect();
        let all_exhausted = async {
            for (_, exhausted) in &mut self.0 {
                // A source that is gone is exhausted too.
                let _gone = exhausted.wait_for(|exhausted| *exhausted).await;
            }
        };
        tokio::pin!(all_exhausted);
        tokio::select! {
            () = &mut all_exhausted => {}
            () = writer.stop().cancelled() => {
                stops.iter().for_each(CancellationToken::cancel);
                all_exhausted.await;
            }
        }
        writer.exhaust();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::testing::bench;

    /// More than the queues between inputs hold.
    const MANY: usize = 1000;

    #[tokio::test]
    async fn an_input_of_inputs_that_nobody_reads_any_more_ends_with_full_queues() {
        let messages = vec!["x"; MANY].join(", ");
        let child = format!("{{ scripted: {{ messages: [{messages}] }} }}");
        for yaml in [
            format!("broker: {{ inputs: [{child}, {child}] }}"),
            format!("sequence: {{ inputs: [{child}, {child}] }}"),
            format!("batched: {{ child: {child}, policy: {{ count: 2 }} }}"),
            format!("read_until: {{ input: {child}, check: 'false' }}"),
        ] {
            let bench = bench();
            let source = bench.source(&yaml);
            let batch = source.batches().pop().await.expect("there are messages");
            // The queues fill, and then the stream is given up.
            tokio::time::sleep(Duration::from_millis(100)).await;
            bench.flow().abort().cancel();
            drop(batch);
            let ended = tokio::time::timeout(Duration::from_secs(30), source.finish()).await;
            ended
                .expect(&yaml[..20])
                .expect("nothing is wrong with the source");
        }
    }
}
