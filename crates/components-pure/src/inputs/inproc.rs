//! The `inproc` input.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_component::{
    BuildContext, BuiltInput, Descriptor, Incoming, Input, InputConfig, InputPart, LeafInput,
    Receiver, ReplayPolicy,
};
use millrace_message::{Error, MessageBatch, Outcome, Outcomes, settle_all};
use millrace_spec::Spec;
use smallvec::SmallVec;

use crate::pipes::Pipes;

/// Reads what `inproc` outputs of the same name write in this process.
///
/// What becomes of a message is what the output that wrote it hears.
///
/// Within one stream this is a loop: a message that goes round holds its place in front of the output
/// until its second pass is through, and needs another one there. When more go round than there are
/// places between input and output, all of them wait for each other and nothing moves. Bound how many
/// there are, or put a queue outside of the process in the place of the pipe.
#[derive(Clone, Debug, Spec)]
#[spec(input = "inproc", category = "Utility")]
pub struct Config(String);

impl InputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<InputPart, Error> {
        let input = Inproc {
            name: self.0.clone(),
            pipes: Pipes::of(cx)?,
            pipe: None,
        };
        Ok(InputPart::Leaf(LeafInput {
            input: BuiltInput::Async(Box::new(input)),
            auto_replay: None,
            replay: ReplayPolicy::default(),
        }))
    }

    fn forgets_acknowledged(&self) -> bool {
        true
    }
}

pub const COMPONENT: Descriptor = Descriptor::input::<Config>();

struct Inproc {
    name: String,
    pipes: Arc<Pipes>,
    pipe: Option<Receiver<MessageBatch>>,
}

#[async_trait]
impl Input for Inproc {
    async fn connect(&mut self) -> Result<(), Error> {
        self.pipe = Some(self.pipes.read(&self.name));
        Ok(())
    }

    async fn read(&mut self) -> Result<Incoming, Error> {
        let pipe = self
            .pipe
            .as_ref()
            .ok_or_else(|| Error::not_connected("the pipe is closed"))?;
        let Some(mut batch) = pipe.pop().await else {
            return Err(Error::end_of_input());
        };
        let origins = batch.take_origins();
        Ok(Incoming::acknowledged(
            batch,
            move |outcomes: SmallVec<[Outcome; 1]>| {
                settle_all(origins, &Outcomes::Each(outcomes.into_vec()));
            },
        ))
    }

    fn is_internal(&self) -> bool {
        true
    }

    async fn stop(&mut self) {
        self.pipes.end(&self.name);
        // What was queued is dropped, which its writer hears as a failure.
        self.pipe = None;
    }

    async fn close(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;
    use millrace_component::{Output, conformance};

    use super::*;
    use crate::testing::{batch, bench};

    /// Writes messages in order, each again until it is delivered.
    async fn write_all(output: Arc<dyn Output>, payloads: Vec<String>) {
        while output.connect().await.is_err() {
            tokio::task::yield_now().await;
        }
        join_all(payloads.iter().map(async |payload| {
            let batch = batch(&[payload]);
            while output.write(&batch).await.is_err() {
                // The input may have ended and another one have begun.
                let _until_there_is_one = output.connect().await;
                tokio::task::yield_now().await;
            }
        }))
        .await;
    }

    #[tokio::test]
    async fn inproc_keeps_the_promises_of_an_input() {
        let bench = bench();
        let fill = |payloads: &[&str]| {
            let payloads = payloads.iter().map(|it| (*it).to_owned()).collect();
            tokio::spawn(write_all(bench.output("inproc: pipe"), payloads));
        };
        conformance::input(|| bench.input("inproc: pipe"), fill).await;
    }
}
