//! Children for composites under test: an input that remembers what became of its messages, and an
//! output that refuses what it is told to refuse.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use millrace_message::{Error, Message, MessageBatch, Outcome, Outcomes};
use millrace_spec::Spec;
use parking_lot::Mutex;

use crate::{
    BuildContext, Descriptor, InputConfig, InputPart, OutputConfig, OutputPart, Sink, Source,
    SourceWriter, track,
};

/// The components below.
pub(super) const CHILDREN: &[Descriptor] = &[
    Descriptor::input::<ScriptedInput>(),
    Descriptor::output::<ScriptedOutput>(),
];

/// Messages that may wait behind a scripted input.
const CAPACITY: usize = 2;

/// What the children of one workbench have seen.
#[derive(Default)]
pub(super) struct Children {
    settled: Mutex<Vec<(String, Outcome)>>,
    arrived: Mutex<Vec<(String, String)>>,
    refused: Mutex<HashMap<(String, String), u64>>,
    closed: Mutex<Vec<String>>,
}

impl Children {
    /// What the inputs have heard of their messages since the last call.
    pub(super) fn take_settled(&self) -> Vec<(String, Outcome)> {
        std::mem::take(&mut self.settled.lock())
    }

    /// The messages whose inputs have heard that they were delivered.
    pub(super) fn delivered(&self) -> Vec<String> {
        let settled = self.settled.lock();
        let delivered = settled.iter().filter(|(_, it)| it.error().is_none());
        delivered.map(|(text, _)| text.clone()).collect()
    }

    /// What has arrived since the last call, as `output: text`; by output, in order.
    pub(super) fn take_arrived(&self) -> Vec<String> {
        let mut arrived = std::mem::take(&mut *self.arrived.lock());
        arrived.sort_by(|(one, _), (other, _)| one.cmp(other));
        let line = |(name, text)| format!("{name}: {text}");
        arrived.into_iter().map(line).collect()
    }

    /// Which outputs are closed.
    pub(super) fn closed(&self) -> Vec<String> {
        self.closed.lock().clone()
    }

    /// Whether an output refuses this text now.
    fn refuses(&self, output: &ScriptedOutput, text: &str) -> bool {
        if output.refuses.is_empty() || !text.contains(&output.refuses) {
            return false;
        }
        let mut refused = self.refused.lock();
        let times = refused.entry((output.name.clone(), text.to_owned()));
        let times = times.or_default();
        *times += 1;
        output.times == 0 || *times <= output.times
    }
}

/// An input whose messages are written in its config.
#[derive(Clone, Debug, Spec)]
#[spec(input = "scripted", category = "Utility")]
struct ScriptedInput {
    /// The messages, each a batch.
    messages: Vec<String>,
}

impl InputConfig for ScriptedInput {
    fn build(&self, cx: &BuildContext) -> Result<InputPart, Error> {
        let messages = self.messages.clone();
        Ok(InputPart::Composite(source(messages, children(cx)?)))
    }
}

/// An output that remembers what it has accepted.
#[derive(Clone, Debug, Spec)]
#[spec(output = "scripted", category = "Utility")]
struct ScriptedOutput {
    /// How the test calls it.
    #[spec(default = "")]
    name: String,
    /// Messages with this text in them are refused.
    #[spec(default = "")]
    refuses: String,
    /// How often each of them is refused; 0 for ever.
    #[spec(default = 0)]
    times: u64,
}

impl OutputConfig for ScriptedOutput {
    fn build(&self, cx: &BuildContext) -> Result<OutputPart, Error> {
        Ok(OutputPart::Composite(Arc::new(ScriptedSink {
            config: self.clone(),
            children: children(cx)?,
        })))
    }
}

fn children(cx: &BuildContext) -> Result<Arc<Children>, Error> {
    let children = cx.service::<Children>();
    children.ok_or_else(|| Error::fatal("this workbench has no scripted children"))
}

struct ScriptedSink {
    config: ScriptedOutput,
    children: Arc<Children>,
}

#[async_trait]
impl Sink for ScriptedSink {
    async fn write(&self, batch: MessageBatch) -> Outcomes {
        // Another write may come in between, as with a real output.
        tokio::task::yield_now().await;
        let (config, children) = (&self.config, &self.children);
        if children.closed.lock().contains(&config.name) {
            return Outcomes::failed(Error::not_connected("the output is closed"));
        }
        let write = |message: &Message| {
            let text = text(message);
            if children.refuses(config, &text) {
                return Outcome::Failed(Error::retry(format!("{} refuses {text}", config.name)));
            }
            children.arrived.lock().push((config.name.clone(), text));
            Outcome::Delivered
        };
        Outcomes::Each(batch.iter().map(write).collect())
    }

    fn capacity(&self) -> usize {
        1
    }

    async fn close(&self) {
        self.children.closed.lock().push(self.config.name.clone());
    }
}

/// A source that emits messages, and sends again what failed until it is delivered.
pub(super) fn source(messages: Vec<String>, children: Arc<Children>) -> Source {
    Source::spawn(CAPACITY, |writer| async move {
        let mut under_way = FuturesUnordered::new();
        for text in messages {
            if writer.stop().is_cancelled() {
                break;
            }
            match emit(&writer, text).await {
                Some(outcome) => under_way.push(outcome),
                None => break,
            }
        }
        writer.exhaust();
        while let Some((text, outcome)) = under_way.next().await {
            let failed = outcome.error().is_some();
            children.settled.lock().push((text.clone(), outcome));
            if failed && let Some(outcome) = emit(&writer, text).await {
                under_way.push(outcome);
            }
        }
        Ok(())
    })
}

/// Emits a message; the result ends when it has settled. None when nobody reads any more.
async fn emit(
    writer: &SourceWriter,
    text: String,
) -> Option<impl Future<Output = (String, Outcome)> + use<>> {
    let mut batch = MessageBatch::from(Message::from(text.as_str()));
    let outcomes = track(&mut batch);
    match writer.batches.push(batch).await {
        Ok(()) => Some(async move { (text, outcomes.await.get(0)) }),
        Err(_) => None,
    }
}

/// The payload as text.
pub(super) fn text(message: &Message) -> String {
    String::from_utf8_lossy(message.bytes()).into_owned()
}
