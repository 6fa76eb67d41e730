//! The `inproc` output.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_component::{
    BuildContext, BuiltOutput, Descriptor, LeafOutput, Output, OutputConfig, OutputPart, Sender,
    WriteError, track,
};
use millrace_message::{Error, MessageBatch, settle_all};
use millrace_spec::Spec;
use parking_lot::Mutex;

use crate::pipes::Pipes;

/// Writes to the `inproc` input of the same name in this process.
///
/// A message is acknowledged when the output behind that input has accepted it. While no such
/// input runs the output is not connected.
///
/// Within one stream this is a loop: a message that goes round holds its place in front of the output
/// until its second pass is through, and needs another one there. When more go round than there are
/// places between input and output, all of them wait for each other and nothing moves. Bound how many
/// there are, or put a queue outside of the process in the place of the pipe.
#[derive(Clone, Debug, Spec)]
#[spec(output = "inproc", category = "Utility")]
pub struct Config(String);

/// Batches that wait for the input's side to settle them.
const MAX_IN_FLIGHT: usize = 64;

impl OutputConfig for Config {
    fn build(&self, cx: &BuildContext) -> Result<OutputPart, Error> {
        let output = Inproc {
            name: self.0.clone(),
            pipes: Pipes::of(cx)?,
            pipe: Mutex::new(None),
        };
        Ok(OutputPart::Leaf(LeafOutput {
            output: BuiltOutput::Async(Arc::new(output)),
            max_in_flight: MAX_IN_FLIGHT,
            connect_timeout: None,
            batching: None,
        }))
    }
}

pub const COMPONENT: Descriptor = Descriptor::output::<Config>();

struct Inproc {
    name: String,
    pipes: Arc<Pipes>,
    pipe: Mutex<Option<Sender<MessageBatch>>>,
}

impl Inproc {
    fn nobody_reads(&self) -> Error {
        Error::not_connected(format!(
            "no `inproc` input of the name `{}` runs",
            self.name
        ))
    }
}

#[async_trait]
impl Output for Inproc {
    async fn connect(&self) -> Result<(), Error> {
        let pipe = self
            .pipes
            .writer(&self.name)
            .ok_or_else(|| self.nobody_reads())?;
        *self.pipe.lock() = Some(pipe);
        Ok(())
    }

    async fn write(&self, batch: &MessageBatch) -> Result<(), WriteError> {
        let Some(pipe) = self.pipe.lock().clone() else {
            return Err(self.nobody_reads().into());
        };
        let mut sent = batch.detached();
        let outcomes = track(&mut sent);
        if let Err(mut refused) = pipe.push(sent).await {
            settle_all(
                refused.take_origins(),
                &millrace_message::Outcomes::DELIVERED,
            );
            self.pipe.lock().take();
            return Err(self.nobody_reads().into());
        }
        let outcomes = outcomes.await;
        let failed: Vec<_> = (0..batch.len())
            .filter_map(|index| Some((index, outcomes.get(index).error()?.clone())))
            .collect();
        if failed.is_empty() {
            Ok(())
        } else {
            Err(WriteError::some(failed))
        }
    }

    async fn close(&self) -> Result<(), Error> {
        self.pipe.lock().take();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use millrace_component::{Ack, conformance};
    use millrace_message::Outcome;

    use super::*;
    use crate::testing::bench;

    #[tokio::test]
    async fn inproc_keeps_the_promises_of_an_output() {
        let bench = bench();
        let mut input = bench.input("inproc: pipe");
        input.connect().await.unwrap();
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&arrived);
        let reader = tokio::spawn(async move {
            while let Ok(incoming) = input.read().await {
                let texts = incoming.batch.iter().map(|it| it.bytes().to_vec());
                seen.lock()
                    .extend(texts.map(|it| String::from_utf8(it).unwrap()));
                let Ack::Call(ack) = incoming.ack else {
                    panic!("the output waits for an answer");
                };
                ack(incoming.batch.iter().map(|_| Outcome::Delivered).collect());
            }
        });
        let arrived = || arrived.lock().clone();
        conformance::output(|| bench.leaf_output("inproc: pipe"), arrived).await;
        reader.abort();
    }
}
